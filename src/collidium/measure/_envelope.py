"""The choice of a background function as part of a measurement: discrete profiling and the spurious-signal test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from collidium.artifact import InputError
from collidium.measure._binned import Binned
from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Likelihood
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Vector

_MAX_DOUBLINGS = 30


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Discrete profiling of a parameter over likelihoods that differ in their background function.

    Attributes
    ----------
    poi : str
        Parameter of interest, the same in all likelihoods.
    fits : dict of str to FitResult
        Best fit of each function that has one.
    failed : dict of str to str
        The others, and why.
    penalty : float
        Added to -2 ln L for each free parameter of a function.
    chosen : str
        Function of the smallest penalised -2 ln L.
    low, high : float
        Ends of the 68.27 % interval of the envelope.

    Notes
    -----
    q(mu) = min_f [-2 ln L_f(mu) + penalty n_f] - min_f [-2 ln L_f + penalty n_f]: where another function wins away from
    the minimum, the interval is wider than with one function alone. All likelihoods must be of the same data.

    References
    ----------
    P. Dauncey, M. Kenzie, N. Wardle, G. Davies, JINST 10 (2015) P04015, arXiv:1408.6865.
    """

    poi: str
    fits: Mapping[str, FitResult] = field(repr=False)
    failed: Mapping[str, str]
    penalty: float
    chosen: str
    low: float
    high: float

    @property
    def value(self) -> float:
        """Best value of the parameter of interest."""
        return self.fits[self.chosen][self.poi]

    def report(self) -> dict[str, object]:
        """All figures, for JSON."""
        return {
            "poi": self.poi,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "chosen": self.chosen,
            "penalty": self.penalty,
            "functions": {
                name: {
                    "twice_nll": result.twice_nll,
                    "num_free": num_free(result),
                    "penalised": penalised(result, self.penalty),
                    "value": result[self.poi],
                    "error": float(result.errors[result.parameters.index(self.poi)]),
                }
                for name, result in self.fits.items()
            },
            "failed": dict(self.failed),
        }


def num_free(result: FitResult) -> int:
    """Parameters that a fit was free to move."""
    return int(np.sum(~result.is_held))


def penalised(result: FitResult, penalty: float) -> float:
    """-2 ln L and the price of the free parameters."""
    return result.twice_nll + penalty * num_free(result)


def envelope(
    likelihoods: Mapping[str, Likelihood],
    poi: str,
    *,
    penalty: float = 1.0,
    level: float = 1.0,
    fixed: Mapping[str, float] | None = None,
) -> Envelope:
    """Profile a parameter over functions as over any nuisance parameter.

    Parameters
    ----------
    likelihoods : mapping of str to Likelihood
        One for each background function, of the same data.
    poi : str
        Parameter of interest.
    penalty : float
        Added to -2 ln L for each free parameter: 1 is half-way of a likelihood ratio, 2 Akaike's criterion, 0 none.
    level : float
        Height of the interval: 1 for 68.27 %.
    fixed : mapping of str to float, optional
        Parameters to hold in all fits.

    Returns
    -------
    Envelope
        Best function, value and interval.

    Raises
    ------
    FitError
        If no function has a converged fit, or the interval does not close.
    InputError
        If there is no likelihood.

    Examples
    --------
    >>> from collidium.measure import PeakModel, Unbinned, Category, Window, build_peak
    >>> x = np.random.default_rng(1).uniform(0.0, 1.0, 400)
    >>> likelihoods = {}
    >>> for name in ("bernstein1", "exponential"):
    ...     model = PeakModel(signal="gaussian", background=name, window=Window(0.0, 1.0))
    ...     parameters, parts = build_peak(model, mass=0.5, width=0.0, resolution=0.05, num_events=400)
    ...     likelihoods[name] = Unbinned.of(parameters, [Category.of("all", model.window, parts, x)])
    >>> found = envelope(likelihoods, "events", fixed={"mass": 0.5, "resolution": 0.05})
    >>> found.low < found.value < found.high
    True
    """
    if not likelihoods:
        raise InputError("an envelope needs at least one background function")
    fits: dict[str, FitResult] = {}
    failed: dict[str, str] = {}
    for name, likelihood in likelihoods.items():
        try:
            fits[name] = fit(likelihood, fixed=fixed)
        except FitError as error:
            failed[name] = error.reason
    if not fits:
        raise FitError(f"no background function has a fit: {'; '.join(f'{n}: {r}' for n, r in failed.items())}")
    chosen = min(fits, key=lambda name: penalised(fits[name], penalty))
    low, high = (_end(fits, poi, penalty, level, chosen, side) for side in (-1.0, 1.0))
    return Envelope(poi=poi, fits=fits, failed=failed, penalty=penalty, chosen=chosen, low=low, high=high)


def envelope_scan(found: Envelope, values: Sequence[float]) -> tuple[Vector, tuple[str, ...]]:
    """Q of the envelope at values of the parameter of interest, and the function that wins at each.

    Parameters
    ----------
    found : Envelope
        Its fits.
    values : sequence of float
        Where, V.

    Returns
    -------
    tuple
        q (V,), and V names.
    """
    best = penalised(found.fits[found.chosen], found.penalty)
    q, winners = [], []
    for value in values:
        heights = {name: _height(result, found.poi, value, found.penalty) for name, result in found.fits.items()}
        winner = min(heights, key=lambda name: heights[name])
        q.append(heights[winner] - best)
        winners.append(winner)
    return np.array(q), tuple(winners)


def _height(result: FitResult, poi: str, value: float, penalty: float) -> float:
    """Penalised -2 ln L of a function with the parameter of interest held; infinite where it has no fit."""
    try:
        names = (name for name, is_held in zip(result.parameters.names, result.is_held, strict=True) if is_held)
        held = {name: result[name] for name in names}
        profiled = fit(result.likelihood, fixed={**held, poi: value}, start=result.theta)
    except FitError:
        return math.inf
    return profiled.twice_nll + penalty * num_free(result)


def _end(fits: Mapping[str, FitResult], poi: str, penalty: float, level: float, chosen: str, side: float) -> float:
    """One end of the interval: the outermost crossing of any function."""
    best = penalised(fits[chosen], penalty)
    result = fits[chosen]
    step = float(result.errors[result.parameters.index(poi)])
    if not step > 0.0:
        raise FitError(f"{poi} has no error in the fit of {chosen}: no interval")

    def excess(value: float) -> float:
        return min(_height(other, poi, value, penalty) for other in fits.values()) - best - level

    near, far = result[poi], result[poi] + side * step * math.sqrt(level)
    for _ in range(_MAX_DOUBLINGS):
        if excess(far) > 0.0:
            return float(brentq(excess, near, far, xtol=1e-4 * step))
        near, far = far, far + side * step
    raise FitError(f"the envelope of {poi} stays below {level:g}")


@dataclass(frozen=True, kw_only=True)
class SpuriousSignal:
    """Signal that a background function finds where there is none.

    Attributes
    ----------
    masses : ndarray, (V,), GeV
        Where the signal was put.
    signal, error : ndarray, (V,), events
        Fitted yields and their statistical errors for the template's number of events.
    num_free : int
        Free parameters of the background.
    p_value : float
        Goodness of the background-only fit to the template.
    passes : bool
        Whether the function may be used.
    """

    masses: Vector
    signal: Vector
    error: Vector
    num_free: int
    p_value: float
    passes: bool

    @property
    def largest(self) -> float:
        """Largest absolute yield, events: the uncertainty of the choice."""
        return float(np.abs(self.signal).max())


def spurious_signal(
    likelihoods: Mapping[str, Binned],
    masses: Sequence[float],
    *,
    poi: str = "events",
    mass: str = "mass",
    expected_signal: float,
    max_signal: float = 0.1,
    max_error: float = 0.2,
    min_p_value: float = 0.01,
) -> tuple[str | None, dict[str, SpuriousSignal]]:
    """Fit signal and background to a template of the background alone, and choose the function.

    Parameters
    ----------
    likelihoods : mapping of str to Binned
        Signal and background functions on the template, scaled to the expected number of events.
    masses : sequence of float, GeV
        Where the signal is put, V.
    poi, mass : str
        Yield of the signal, which may be negative, and its mass.
    expected_signal : float, events
        Signal of the measurement.
    max_signal, max_error : float, 1
        The largest spurious signal must be less than this part of the expected signal, or of its statistical error.
    min_p_value : float
        Smallest goodness of the background-only fit.

    Returns
    -------
    tuple
        Name of the passing function with the fewest parameters and then the least spurious signal, None if none
        passes; and all tests.

    Raises
    ------
    FitError
        If a fit does not converge.

    References
    ----------
    ATLAS Collaboration, Phys. Rev. D 98 (2018) 052005, arXiv:1802.04146, section 6.2.
    """
    tests = {
        name: _tested(likelihood, masses, poi, mass, expected_signal, max_signal, max_error, min_p_value)
        for name, likelihood in likelihoods.items()
    }
    passing = [name for name, test in tests.items() if test.passes]
    chosen = min(passing, key=lambda name: (tests[name].num_free, tests[name].largest), default=None)
    return chosen, tests


def _tested(
    likelihood: Binned,
    masses: Sequence[float],
    poi: str,
    mass: str,
    expected_signal: float,
    max_signal: float,
    max_error: float,
    min_p_value: float,
) -> SpuriousSignal:
    position = likelihood.parameters.index(poi)
    alone = fit(likelihood, fixed={poi: 0.0, mass: float(masses[0])})
    signal, error, near = np.empty(len(masses)), np.empty(len(masses)), alone
    for v, place in enumerate(masses):
        near = fit(likelihood, fixed={mass: float(place)}, start=near.theta)
        signal[v], error[v] = near[poi], near.errors[position]
    p_value = likelihood.goodness(alone).p_value
    is_small = np.abs(signal).max() < max_signal * expected_signal or bool(np.all(np.abs(signal) < max_error * error))
    return SpuriousSignal(
        masses=np.asarray(masses, dtype=np.float64),
        signal=signal,
        error=error,
        num_free=num_free(alone),
        p_value=p_value,
        passes=bool(is_small and p_value > min_p_value),
    )
