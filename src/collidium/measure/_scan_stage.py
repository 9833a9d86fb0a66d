"""Profile scans and contours of workspaces as artifacts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, Progress, SilentProgress, building
from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Likelihood
from collidium.measure._opening import WorkspaceConfig, failing_in_one_line, keep_model, open_model, write_json
from collidium.measure._scan import (
    NINETY_FIVE_PERCENT,
    ONE_SIGMA,
    TWO_PARAMETERS_68,
    TWO_PARAMETERS_95,
    ProfileInterval,
    contour,
    minos,
    profile_scan,
)

SCAN_NAME = "scan.json"
_NUM_ERRORS = 3.0


@dataclass(frozen=True, kw_only=True)
class ScanConfig:
    """What to scan.

    Attributes
    ----------
    parameter : str or None
        Its name; by default the parameter of interest.
    second : str or None
        Another parameter, for contours of both.
    low, high : float or None
        Range; by default three errors about the best fit, inside the bounds.
    num_points : int
        Points of the scan, or of each contour.
    """

    parameter: str | None = None
    second: str | None = None
    low: float | None = None
    high: float | None = None
    num_points: int = 41

    def __post_init__(self) -> None:
        if self.num_points < 3:
            raise InputError(f"num_points is {self.num_points}; at least 3 are needed")
        for name, value in (("low", self.low), ("high", self.high)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name} is {value}; a finite number is needed")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InputError(f"the range is {self.low:g} to {self.high:g}; a rising one is needed")


def scan_workspace(
    path: Path,
    out: Path,
    *,
    patch: Path | None = None,
    config: WorkspaceConfig | None = None,
    scan: ScanConfig | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Scan the profile likelihood of a workspace along a parameter, or around two.

    Parameters
    ----------
    path : Path
        Workspace, datacard, or an artifact that holds one.
    out : Path
        Folder to make, with ``scan.json`` and the model.
    patch : Path, optional
        JSON Patch or patch set.
    config : WorkspaceConfig, optional
        Patch and measurement by name, blind windows.
    scan : ScanConfig, optional
        Parameters and range.
    progress : Progress, optional
        Told of every point.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``scan.json``: ``value``, ``error``, ``q`` at ``values``, 68 and 95 % intervals, and contours of two parameters.

    Raises
    ------
    InputError
        If the workspace is wrong, a parameter is unknown or held, or a fit fails.
    """
    config, scan = config or WorkspaceConfig(), scan or ScanConfig()
    reporter = SilentProgress() if progress is None else progress
    inputs = [path] if patch is None else [path, patch]
    settings = {"workspace": config, "scan": scan}
    with building(out, kind="scan", config=settings, inputs=inputs, command=command) as folder:
        model = open_model(path, patch, config)
        name = scan.parameter or model.required_poi(config.measurement)
        with failing_in_one_line(model.source):
            best = fit(model.likelihood)
            for wanted in (name, *([scan.second] if scan.second else [])):
                if best.is_held[model.likelihood.parameters.index(wanted)]:
                    raise InputError(f"{model.source}: parameter {wanted!r} is held; a scan needs a free one")
            report = _scan_report(model.likelihood, name, scan, best, reporter)
            if scan.second is not None:
                report["contours"] = _contours(model.likelihood, (name, scan.second), scan, best)
                report["second"] = {"name": scan.second, "value": best[scan.second]}
        report["is_blind"] = bool(model.is_blind.any())
        write_json(folder / SCAN_NAME, report)
        keep_model(folder, model)
    return out / SCAN_NAME


def _scan_report(
    likelihood: Likelihood, name: str, scan: ScanConfig, best: FitResult, reporter: Progress
) -> dict[str, object]:
    """Best fit, intervals and the curve."""
    intervals = {
        key: minos(likelihood, name, level=level, best=best)
        for key, level in (("interval_68", ONE_SIGMA), ("interval_95", NINETY_FIVE_PERCENT))
    }
    low, high = _range(likelihood, name, scan, intervals["interval_68"])
    values = np.linspace(low, high, scan.num_points).tolist()
    # outward from the best fit, so that each fit starts at a neighbour
    below = [value for value in values if value <= best[name]][::-1]
    above = [value for value in values if value > best[name]]
    q: list[float] = []
    reporter.start("scan", len(values), "points")
    try:
        for side in (below, above):
            found = profile_scan(likelihood, name, side, best=best, progress=reporter).q.tolist() if side else []
            q = found[::-1] if side is below else q + found
    finally:
        reporter.finish()
    return {
        "parameter": name,
        "value": best[name],
        "error": float(best.errors[likelihood.parameters.index(name)]),
        "values": values,
        "q": q,
        **{key: _ends(interval) for key, interval in intervals.items()},
    }


def _ends(interval: ProfileInterval) -> dict[str, object]:
    return {
        "low": interval.low,
        "high": interval.high,
        "is_low_bound": interval.is_low_bound,
        "is_high_bound": interval.is_high_bound,
    }


def _range(likelihood: Likelihood, name: str, scan: ScanConfig, interval: ProfileInterval) -> tuple[float, float]:
    """Where to scan."""
    parameter = likelihood.parameters[name]
    low = interval.value - _NUM_ERRORS * (interval.value - interval.low)
    high = interval.value + _NUM_ERRORS * (interval.high - interval.value)
    low = max(low, parameter.lower) if scan.low is None else scan.low
    high = min(high, parameter.upper) if scan.high is None else scan.high
    if not low < high:
        raise InputError(
            f"the range of {name} is {low:g} to {high:g}; a rising one is needed (--scan.low, --scan.high)"
        )
    return low, high


def _contours(
    likelihood: Likelihood, names: tuple[str, str], scan: ScanConfig, best: FitResult
) -> dict[str, list[list[float]]]:
    """Curves of both parameters at 68 and 95 %."""
    return {
        key: contour(likelihood, names, level=level, num_points=scan.num_points, best=best).tolist()
        for key, level in (("68", TWO_PARAMETERS_68), ("95", TWO_PARAMETERS_95))
    }
