"""Fits and limits of workspaces as artifacts."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, building
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import saturated_goodness
from collidium.measure._histfactory import HistFactory
from collidium.measure._limits import LEVEL, AsymptoticTest, UpperLimit
from collidium.measure._minimise import FitError
from collidium.measure._opening import (
    OpenModel,
    WorkspaceConfig,
    failing_in_one_line,
    keep_model,
    open_model,
    write_json,
)
from collidium.measure._yields import channel_yields

FIT_NAME = "fit.json"
LIMIT_NAME = "limit.json"
COVARIANCE_NAME = "covariance.json"
YIELDS_NAME = "yields.json"
CLS_NAME = "cls.json"
_CLS_POINTS = 14


@dataclasses.dataclass(frozen=True, kw_only=True)
class LimitConfig:
    """Test of a signal strength.

    Attributes
    ----------
    signal_strength : float
        The value tested.
    level : float
        CLs at which a signal strength is excluded.
    """

    signal_strength: float = 1.0
    level: float = LEVEL


def fit_workspace(
    path: Path,
    out: Path,
    *,
    patch: Path | None = None,
    config: WorkspaceConfig | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Fit a workspace and write the result.

    Parameters
    ----------
    path : Path
        Workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one.
    out : Path
        Folder to make, with ``fit.json``, ``covariance.json``, ``yields.json`` and the model.
    patch : Path, optional
        JSON Patch or patch set.
    config : WorkspaceConfig, optional
        Patch and measurement by name, blind windows.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``fit.json``.

    Raises
    ------
    InputError
        If the workspace is wrong, has nothing to fit, or its fit fails.
    """
    config = WorkspaceConfig() if config is None else config
    inputs = [path] if patch is None else [path, patch]
    with building(out, kind="fit", config=config, inputs=inputs, command=command, untracked=[FIT_NAME]) as folder:
        model = open_model(path, patch, config)
        likelihood = model.likelihood
        _check_observation(likelihood, model.source)
        with failing_in_one_line(model.source):
            started = time.perf_counter()
            result = fit(likelihood)
            errors = result.errors
            seconds = time.perf_counter() - started
        report = {**_fit_report(model, result, errors.tolist()), "seconds": round(seconds, 6)}
        free = np.flatnonzero(errors > 0.0)
        covariance = {
            "parameters": [likelihood.parameters.names[i] for i in free],
            "covariance": result.covariance[np.ix_(free, free)].tolist(),
        }
        write_json(folder / FIT_NAME, report)
        write_json(folder / COVARIANCE_NAME, covariance)
        write_json(folder / YIELDS_NAME, _yields_report(model, result))
        keep_model(folder, model)
    return out / FIT_NAME


def limit_workspace(
    path: Path,
    out: Path,
    *,
    patch: Path | None = None,
    config: WorkspaceConfig | None = None,
    limit: LimitConfig | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Test the signal strength of a workspace and write its upper limits.

    Parameters
    ----------
    path : Path
        Workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one.
    out : Path
        Folder to make, with ``limit.json``, ``cls.json`` (CLs along the signal strength) and the model.
    patch : Path, optional
        JSON Patch or patch set, e.g. the signal.
    config : WorkspaceConfig, optional
        Patch and measurement by name, blind windows.
    limit : LimitConfig, optional
        Value tested and level.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``limit.json``.

    Raises
    ------
    InputError
        If the workspace is wrong, has no signal, or a fit fails.
    """
    config, limit = config or WorkspaceConfig(), limit or LimitConfig()
    inputs = [path] if patch is None else [path, patch]
    settings = {"workspace": config, "limit": limit}
    with building(out, kind="limit", config=settings, inputs=inputs, command=command, untracked=[LIMIT_NAME]) as folder:
        model = open_model(path, patch, config)
        poi = model.required_poi(config.measurement)
        with failing_in_one_line(model.source):
            started = time.perf_counter()
            test = AsymptoticTest(model.likelihood, poi)
            cls, bounds = test.cls(limit.signal_strength), test.upper_limit(limit.level)
            seconds = time.perf_counter() - started
        report = {
            "poi": poi,
            "signal_strength": limit.signal_strength,
            "q": cls.q,
            "q_asimov": cls.q_asimov,
            "clsb": cls.clsb,
            "clb": cls.clb,
            "cls_observed": cls.observed,
            "cls_expected": cls.expected,
            "level": limit.level,
            "upper_limit_observed": bounds.observed,
            "upper_limit_expected": bounds.expected,
            "best_fit": test.best[poi],
            "is_blind": bool(model.is_blind.any()),
            "seconds": round(seconds, 6),
        }
        write_json(folder / LIMIT_NAME, report)
        write_json(folder / CLS_NAME, _cls_along(test, bounds))
        keep_model(folder, model)
    return out / LIMIT_NAME


def _check_observation(likelihood: HistFactory, source: str) -> None:
    """Refuse to measure normalisations where nothing was observed."""
    parameters = likelihood.parameters
    free = [p.name for p in parameters if not p.is_fixed and not p.is_constrained]
    if free and not likelihood.observed.any():
        raise InputError(f"{source}: all observed counts are zero; {', '.join(free[:3])} cannot be measured")


def _fit_report(model: OpenModel, result: FitResult, errors: list[float]) -> dict[str, object]:
    """Content of ``fit.json`` but for the time."""
    likelihood = model.likelihood
    goodness = saturated_goodness(likelihood, result)
    observed, expected = np.where(model.is_blind, np.nan, likelihood.observed), likelihood.expected(result.theta)
    return {
        "twice_nll": result.twice_nll,
        "converged": True,
        "edm": result.edm,
        "num_steps": result.num_steps,
        "poi": likelihood.poi,
        "parameters": {
            parameter.name: {
                "value": value,
                "error": error,
                "is_fixed": bool(held),
                "at_bound": bool(bound),
                "pull": (value - parameter.center) / parameter.width if parameter.is_constrained else math.nan,
                "constraint": error / parameter.width if parameter.is_constrained else math.nan,
            }
            for parameter, value, error, held, bound in zip(
                likelihood.parameters, result.theta.tolist(), errors, result.is_held, result.at_bound, strict=True
            )
        },
        "goodness_of_fit": dataclasses.asdict(goodness),
        "is_blind": bool(model.is_blind.any()),
        "channels": {
            channel.name: {
                "observed": observed[channel.start : channel.stop].tolist(),
                "expected": expected[channel.start : channel.stop].tolist(),
            }
            for channel in likelihood.channels
        },
    }


def _yields_report(model: OpenModel, result: FitResult) -> list[dict[str, object]]:
    """Content of ``yields.json``: regions in order, samples in order."""
    return [
        {
            "channel": channel.name,
            "observed": channel.observed.tolist(),
            "signal": channel.signal,
            **{
                when: {
                    "samples": [{"name": name, "events": events.tolist()} for name, events in yields.samples.items()],
                    "total": yields.total.tolist(),
                    "error": yields.error.tolist(),
                    "sum_error": yields.sum_error,
                }
                for when, yields in (("before", channel.before), ("after", channel.after))
            },
        }
        for channel in channel_yields(model.workspace, model.likelihood, result, is_blind=model.is_blind)
    ]


def _cls_along(test: AsymptoticTest, bounds: UpperLimit) -> dict[str, object]:
    """Content of ``cls.json``: CLs at signal strengths up to beyond the limits; points whose fits fail are left out."""
    ends = 1.2 * bounds.expected[-1], 1.2 * max(bounds.observed, bounds.expected[-1])
    values = np.unique(np.concatenate([np.linspace(0.0, end, _CLS_POINTS + 1)[1:] for end in ends]))
    points = []
    for value in values.tolist():
        try:
            points.append(test.cls(value))
        except FitError:
            continue
    return {
        "values": [point.value for point in points],
        "observed": [point.observed for point in points],
        "expected": [point.expected for point in points],
    }
