"""Fits and limits as artifacts."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, atomic_write, building, json_dumps
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import saturated_goodness
from collidium.measure._histfactory import HistFactory
from collidium.measure._limits import LEVEL, AsymptoticTest
from collidium.measure._minimise import FitError
from collidium.measure._reading import read_workspace
from collidium.measure._workspace import Workspace

FIT_NAME = "fit.json"
LIMIT_NAME = "limit.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkspaceConfig:
    """Which likelihood to take from a workspace.

    Attributes
    ----------
    patch_name : str or None
        Which patch of a patch set.
    measurement : str or None
        Which measurement; the first by default.
    """

    patch_name: str | None = None
    measurement: str | None = None


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
        Workspace in pyhf's JSON, or a counting datacard of Combine.
    out : Path
        Folder to make, with ``fit.json``, ``covariance.json`` and the model.
    patch : Path, optional
        JSON Patch or patch set.
    config : WorkspaceConfig, optional
        Patch and measurement by name.
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
        workspace, likelihood = _open(path, patch, config)
        _check_observation(likelihood, workspace.source)
        with _one_line(workspace.source):
            started = time.perf_counter()
            result = fit(likelihood)
            errors = result.errors
            seconds = time.perf_counter() - started
        report = {**_fit_report(likelihood, result, errors.tolist()), "seconds": round(seconds, 6)}
        free = np.flatnonzero(errors > 0.0)
        covariance = {
            "parameters": [likelihood.parameters.names[i] for i in free],
            "covariance": result.covariance[np.ix_(free, free)].tolist(),
        }
        _write(folder / FIT_NAME, report)
        _write(folder / "covariance.json", covariance)
        _keep_model(folder, workspace)
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
        Workspace in pyhf's JSON, or a counting datacard of Combine.
    out : Path
        Folder to make, with ``limit.json`` and the model.
    patch : Path, optional
        JSON Patch or patch set, e.g. the signal.
    config : WorkspaceConfig, optional
        Patch and measurement by name.
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
        workspace, likelihood = _open(path, patch, config)
        if likelihood.poi is None:
            poi = workspace.measurement(config.measurement).poi
            raise InputError(
                f"{workspace.source}: no sample carries the parameter of interest {poi!r}; a signal is needed (--patch)"
            )
        with _one_line(workspace.source):
            started = time.perf_counter()
            test = AsymptoticTest(likelihood, likelihood.poi)
            cls, bounds = test.cls(limit.signal_strength), test.upper_limit(limit.level)
            seconds = time.perf_counter() - started
        report = {
            "poi": likelihood.poi,
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
            "best_fit": test.best[likelihood.poi],
            "seconds": round(seconds, 6),
        }
        _write(folder / LIMIT_NAME, report)
        _keep_model(folder, workspace)
    return out / LIMIT_NAME


def _open(path: Path, patch: Path | None, config: WorkspaceConfig) -> tuple[Workspace, HistFactory]:
    workspace = read_workspace(path, patch=patch, patch_name=config.patch_name)
    return workspace, HistFactory.of(workspace, measurement=config.measurement)


def _check_observation(likelihood: HistFactory, source: str) -> None:
    """Refuse to measure normalisations where nothing was observed."""
    parameters = likelihood.parameters
    free = [p.name for p in parameters if not p.is_fixed and not p.is_constrained]
    if free and not likelihood.observed.any():
        raise InputError(f"{source}: all observed counts are zero; {', '.join(free[:3])} cannot be measured")


def _fit_report(likelihood: HistFactory, result: FitResult, errors: list[float]) -> dict[str, object]:
    """Content of ``fit.json`` but for the time."""
    goodness = saturated_goodness(likelihood, result)
    expected = likelihood.expected(result.theta)
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
        "channels": {
            channel.name: {
                "observed": likelihood.observed[channel.start : channel.stop].tolist(),
                "expected": expected[channel.start : channel.stop].tolist(),
            }
            for channel in likelihood.channels
        },
    }


@contextmanager
def _one_line(source: str) -> Iterator[None]:
    """A failed fit as the error of the file that was fitted."""
    try:
        yield
    except FitError as error:
        raise InputError(f"{source}: the fit failed: {error.reason}") from error


def _keep_model(folder: Path, workspace: Workspace) -> None:
    """The model beside its result: the patched document, or the card."""
    if isinstance(workspace.document, str):
        with atomic_write(folder / "datacard.txt", "w") as stream:
            stream.write(workspace.document)
    else:
        _write(folder / "workspace.json", workspace.document)


def _write(path: Path, content: object) -> None:
    with atomic_write(path, "w") as stream:
        stream.write(json_dumps(content))
