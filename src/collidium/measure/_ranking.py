"""Impacts of nuisance parameters, and of groups of them, on a parameter of interest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def breakdown(
    likelihood: Likelihood, poi: str, groups: Mapping[str, Sequence[str]], *, best: FitResult | None = None
) -> dict[str, float]:
    """Parts of the error of a parameter that groups of nuisance parameters make.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    poi : str
        Parameter of interest, free in the fit and not on a bound.
    groups : mapping of str to sequence of str
        Names of parameters by group, e.g. a datacard's.
    best : FitResult, optional
        The fit with all parameters free, where it is known already.

    Returns
    -------
    dict of str to float
        ``total``; for each group sqrt(total^2 - error^2) with the error of a fit that holds the group at its best fit;
        and ``statistics``, the error with all constrained parameters held. Groups that are correlated do not add up.

    Raises
    ------
    FitError
        If a fit does not converge.
    InputError
        For an unknown parameter, or a group that holds the parameter of interest.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=110, background_error=10.0)
    >>> found = breakdown(likelihood, "mu", {"background": ["background[0]"]})
    >>> {name: round(part, 3) for name, part in found.items()}
    {'total': 1.449, 'background': 1.0, 'statistics': 1.049}
    """
    best = fit(likelihood) if best is None else best
    position = likelihood.parameters.index(poi)

    def error(held: Sequence[str]) -> float:
        fixed = {name: best[name] for name in held}
        if poi in fixed:
            raise InputError(f"a group holds the parameter of interest {poi!r}; its error is what is broken down")
        return float(fit(likelihood, fixed=fixed, near=best).errors[position])

    total = float(best.errors[position])
    found = {"total": total}
    for group, names in groups.items():
        found[group] = math.sqrt(max(0.0, total**2 - error(names) ** 2))
    constrained = [
        p.name for p, held in zip(likelihood.parameters, best.is_held, strict=True) if p.is_constrained and not held
    ]
    found["statistics"] = error(constrained)
    return found


def _impact(likelihood: Likelihood, poi: int, name: str, best: FitResult) -> Impact:
    index = likelihood.parameters.index(name)
    value, error = float(best.theta[index]), float(best.errors[index])
    center, width = float(likelihood.parameters.center[index]), float(likelihood.parameters.width[index])
    row: Vector = np.nan_to_num(best.covariance[index] / error**2)
    bend = np.zeros_like(row)

    def shifted(size: float) -> Vector:
        """All parameters where this one is held, from a parabola through what is known."""
        start = best.theta + row * size + bend * size**2
        return fit(likelihood, fixed={name: value + size}, start=start, near=best).theta

    up = shifted(error)
    bend = (up - best.theta - row * error) / error**2
    down = shifted(-error)
    row, bend = (up - down) / (2.0 * error), (up + down - 2.0 * best.theta) / (2.0 * error**2)
    prefit_up, prefit_down = (
        float(shifted(size)[poi] - best.theta[poi]) if np.isfinite(size) else float("nan") for size in (width, -width)
    )
    return Impact(
        name=name,
        value=value,
        error=error,
        pull=(value - center) / width,
        constraint=error / width,
        up=float(up[poi] - best.theta[poi]),
        down=float(down[poi] - best.theta[poi]),
        prefit_up=prefit_up,
        prefit_down=prefit_down,
        linear=float(best.covariance[index, poi] / error),
    )
