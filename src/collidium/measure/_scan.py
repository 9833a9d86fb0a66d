"""Profile scans, MINOS intervals and contours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from collidium.artifact import InputError, Progress
from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Likelihood
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Matrix, Vector

ONE_SIGMA = 1.0
NINETY_FIVE_PERCENT = 3.841458820694124
TWO_PARAMETERS_68 = 2.295748928898636
TWO_PARAMETERS_95 = 5.991464547107979
_MAX_DOUBLINGS = 30


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Profile likelihood along a parameter.

    Attributes
    ----------
    name : str
        The parameter.
    values : ndarray, (V,)
        Where it was held.
    q : ndarray, (V,)
        -2 ln of the profile likelihood ratio.
    theta : ndarray, (V, K)
        All parameters at each value.
    """

    name: str
    values: Vector
    q: Vector
    theta: Matrix


def profile_scan(
    likelihood: Likelihood,
    name: str,
    values: Sequence[float],
    *,
    best: FitResult | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Profile likelihood ratio at values of a parameter.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    name : str
        The parameter.
    values : sequence of float
        Where to hold it; neighbours should be near each other, each fit starts from the one before.
    best : FitResult, optional
        The fit with all parameters free, where it is known already.
    progress : Progress, optional
        Told of every point; started and finished by the caller.

    Returns
    -------
    Scan
        Ratios and parameters.

    Raises
    ------
    FitError
        If a fit does not converge.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> scan = profile_scan(counting_experiment(signal=10.0, background=100.0, observed=105), "mu", [0.0, 0.5])
    >>> scan.q.round(7)
    array([0.2459345, 0.       ])
    """
    best = fit(likelihood) if best is None else best
    q, theta, near = [], [], best
    for value in values:
        near = fit(likelihood, fixed={name: float(value)}, start=near.theta, near=best)
        q.append(max(0.0, near.twice_nll - best.twice_nll))
        theta.append(near.theta)
        if progress is not None:
            progress.advance()
    return Scan(name=name, values=np.asarray(values, dtype=np.float64), q=np.array(q), theta=np.array(theta))


@dataclass(frozen=True, kw_only=True)
class ProfileInterval:
    """Interval where the profile likelihood ratio stays below a level.

    Attributes
    ----------
    name : str
        The parameter.
    value : float
        Best fit.
    low, high : float
        Ends.
    is_low_bound, is_high_bound : bool
        Whether an end is the parameter's bound, where the ratio is below the level still.
    """

    name: str
    value: float
    low: float
    high: float
    is_low_bound: bool
    is_high_bound: bool


def minos(
    likelihood: Likelihood, name: str, *, level: float = ONE_SIGMA, best: FitResult | None = None
) -> ProfileInterval:
    """Asymmetric errors from the profile likelihood.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    name : str
        The parameter.
    level : float
        Value of -2 ln of the ratio at the ends: 1 for 68.27 %, 3.841 for 95 %.
    best : FitResult, optional
        The fit with all parameters free, where it is known already.

    Returns
    -------
    ProfileInterval
        Both ends.

    Raises
    ------
    FitError
        If a fit does not converge, or the ratio does not reach the level.
    InputError
        If the level is not positive, or the parameter is held.

    References
    ----------
    F. James, M. Roos, Comput. Phys. Commun. 10 (1975) 343.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> interval = minos(counting_experiment(signal=10.0, background=100.0, observed=105), "mu")
    >>> interval.is_low_bound, round(interval.high, 4)
    (True, 1.5583)
    """
    if not level > 0.0:
        raise InputError(f"level is {level}; a positive number is needed")
    best = fit(likelihood) if best is None else best
    position = likelihood.parameters.index(name)
    if best.is_held[position]:
        raise InputError(f"parameter {name!r} is held in the fit; an interval needs a free one")
    low, is_low_bound = _end(likelihood, name, level, best, -1.0)
    high, is_high_bound = _end(likelihood, name, level, best, 1.0)
    return ProfileInterval(
        name=name, value=best[name], low=low, high=high, is_low_bound=is_low_bound, is_high_bound=is_high_bound
    )


def _step(best: FitResult, position: int) -> float:
    """A first guess of the error: the curvature's, or that of the parameter alone."""
    error = float(best.errors[position])
    if math.isfinite(error) and error > 0.0:
        return error
    curvature = float(best.hessian[position, position])
    return 1.0 / math.sqrt(curvature) if curvature > 0.0 else max(1.0, abs(float(best.theta[position])))


def _end(likelihood: Likelihood, name: str, level: float, best: FitResult, side: float) -> tuple[float, bool]:
    """One end of an interval, and whether it is the bound."""
    position = likelihood.parameters.index(name)
    bounds = likelihood.parameters.upper if side > 0.0 else likelihood.parameters.lower
    bound, center = float(bounds[position]), best[name]
    fits: list[FitResult] = [best]

    def excess(value: float) -> float:
        fits.append(fit(likelihood, fixed={name: value}, start=fits[-1].theta, near=best))
        return fits[-1].twice_nll - best.twice_nll - level

    near, step = center, _step(best, position) * math.sqrt(level)
    for _ in range(_MAX_DOUBLINGS):
        far = near + side * step
        is_bound = (far - bound) * side >= 0.0
        far = bound if is_bound else far
        if far == center:
            return bound, True
        if excess(far) > 0.0:
            return float(brentq(excess, near, far, xtol=1e-7 * step, rtol=1e-10)), False
        if is_bound:
            return bound, True
        near, step = far, 1.5 * step
    raise FitError(f"the profile likelihood of {name} stays below {level:g} up to {far:.3g}")


def contour(
    likelihood: Likelihood,
    names: tuple[str, str],
    *,
    level: float = TWO_PARAMETERS_68,
    num_points: int = 32,
    best: FitResult | None = None,
) -> Matrix:
    """Curve on which the profile likelihood ratio of two parameters has a level.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    names : tuple of str
        The two parameters.
    level : float
        Value of -2 ln of the ratio: 2.296 for 68.27 % in two dimensions, 5.991 for 95 %.
    num_points : int
        Points of the curve, P.
    best : FitResult, optional
        The fit with all parameters free, where it is known already.

    Returns
    -------
    ndarray, (P, 2)
        Points at equal angles of the ellipse that the covariance gives; cut at the parameters' bounds.

    Raises
    ------
    FitError
        If a fit does not converge, or the parameters have no covariance.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=100.0, background=100.0, observed=200, background_error=10.0)
    >>> contour(likelihood, ("mu", "background[0]"), num_points=8).shape
    (8, 2)
    """
    best = fit(likelihood) if best is None else best
    index = [likelihood.parameters.index(name) for name in names]
    covariance = best.covariance[np.ix_(index, index)]
    if not np.all(np.isfinite(covariance)) or np.any(covariance.diagonal() <= 0.0):
        raise FitError(f"the parameters {names[0]} and {names[1]} have no covariance")
    axes, center = np.linalg.cholesky(covariance), best.theta[index]
    angles = 2.0 * np.pi * np.arange(num_points) / num_points
    points = [_reach(likelihood, names, level, best, center, axes @ [np.cos(a), np.sin(a)]) for a in angles]
    return np.array(points)


def _reach(
    likelihood: Likelihood, names: tuple[str, str], level: float, best: FitResult, center: Vector, direction: Vector
) -> Vector:
    """Point of a contour along a direction."""
    index = [likelihood.parameters.index(name) for name in names]
    lower, upper = likelihood.parameters.lower[index], likelihood.parameters.upper[index]
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(direction > 0.0, (upper - center) / direction, (lower - center) / direction)
    longest = float(np.min(room[direction != 0.0]))

    def excess(length: float) -> float:
        held = dict(zip(names, (center + length * direction).tolist(), strict=True))
        return fit(likelihood, fixed=held, near=best).twice_nll - best.twice_nll - level

    near, far = 0.0, math.sqrt(level)
    for _ in range(_MAX_DOUBLINGS):
        if far >= longest:
            if excess(longest) <= 0.0:
                return center + longest * direction
            far = longest
        if excess(far) > 0.0:
            return center + float(brentq(excess, near, far, xtol=1e-6)) * direction
        near, far = far, 1.5 * far
    raise FitError(f"the profile likelihood of {names[0]} and {names[1]} does not reach {level:g}")
