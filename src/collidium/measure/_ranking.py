"""Impacts of nuisance parameters on a parameter of interest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collidium.artifact import InputError, Progress, SilentProgress
from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Likelihood
from collidium.measure._parameters import Vector


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What one nuisance parameter does to the parameter of interest.

    Attributes
    ----------
    name : str
        The nuisance parameter.
    value, error : float
        Best fit and its error.
    pull, constraint : float
        (value - center) / width, and error / width; NaN without auxiliary measurement.
    up, down : float
        Shift of the parameter of interest in fits that hold the nuisance parameter one error up and down.
    prefit_up, prefit_down : float
        The same for its width before the fit; NaN without auxiliary measurement.
    linear : float
        Shift for one error up from the covariance alone, cov(poi, j) / error_j.
    """

    name: str
    value: float
    error: float
    pull: float
    constraint: float
    up: float
    down: float
    prefit_up: float
    prefit_down: float
    linear: float

    @property
    def size(self) -> float:
        """The larger of the two shifts."""
        return max(abs(self.up), abs(self.down))


def ranking(
    likelihood: Likelihood,
    poi: str,
    *,
    names: Sequence[str] | None = None,
    best: FitResult | None = None,
    progress: Progress | None = None,
) -> list[Impact]:
    """Rank nuisance parameters by their impact.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    poi : str
        Parameter of interest, free in the fit.
    names : sequence of str, optional
        Nuisance parameters; by default all that are free, not on a bound, and matter to the likelihood.
    best : FitResult, optional
        The fit with all parameters free, where it is known already.
    progress : Progress, optional
        Told of every parameter.

    Returns
    -------
    list of Impact
        Largest first.

    Raises
    ------
    FitError
        If a fit does not converge.
    InputError
        If the parameter of interest, or a named one, is held.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=110, background_error=10.0)
    >>> [(impact.name, round(impact.linear, 4)) for impact in ranking(likelihood, "mu")]
    [('background[0]', -1.0)]
    """
    best = fit(likelihood) if best is None else best
    reporter = SilentProgress() if progress is None else progress
    position = likelihood.parameters.index(poi)
    if names is None:
        has_error = np.isfinite(best.errors) & (best.errors > 0.0)
        names = [likelihood.parameters.names[i] for i in np.flatnonzero(has_error) if i != position]
    for name in (poi, *names):
        if best.is_held[likelihood.parameters.index(name)]:
            raise InputError(f"parameter {name!r} is held in the fit; an impact needs a free one")
    reporter.start("ranking", len(names), "parameters")
    impacts = []
    try:
        for name in names:
            impacts.append(_impact(likelihood, position, name, best))
            reporter.advance()
    finally:
        reporter.finish()
    return sorted(impacts, key=lambda impact: -impact.size)


def _impact(likelihood: Likelihood, poi: int, name: str, best: FitResult) -> Impact:
    index = likelihood.parameters.index(name)
    value, error = float(best.theta[index]), float(best.errors[index])
    center, width = float(likelihood.parameters.center[index]), float(likelihood.parameters.width[index])
    row: Vector = best.covariance[index] / error**2

    def shift(size: float) -> float:
        if not np.isfinite(size):
            return float("nan")
        start = best.theta + np.nan_to_num(row) * size
        return float(fit(likelihood, fixed={name: value + size}, start=start, near=best).theta[poi] - best.theta[poi])

    return Impact(
        name=name,
        value=value,
        error=error,
        pull=(value - center) / width,
        constraint=error / width,
        up=shift(error),
        down=shift(-error),
        prefit_up=shift(width),
        prefit_down=shift(-width),
        linear=float(row[poi] * error),
    )
