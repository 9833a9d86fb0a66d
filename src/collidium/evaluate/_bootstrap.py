"""Bootstrap over jets: replicas of any figure that is a function of jet weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError, Progress, SilentProgress
from collidium.evaluate._ranking import Statistic

LEVEL = 0.6827


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with its interval.

    Attributes
    ----------
    value : float
        The figure on the sample itself; NaN where it is not defined.
    low : float
        Lower end of the interval.
    high : float
        Upper end of the interval.
    """

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Statistic,
    stratum: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    num_replicas: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Recompute figures on samples drawn with replacement.

    Each class is drawn to its own size: how many jets of a class are generated is chosen, not measured. The counts of
    replica r are a function of (seed, r) alone, so figures of two taggers on the same jets are paired replica by
    replica.

    Parameters
    ----------
    statistic : callable
        Takes weights (N,), returns figures (M,). Sorting is done before, once: a replica costs O(N).
    stratum : ndarray of int64, (N,)
        Class of each jet.
    weight : ndarray, (N,), 1, optional
        Weight of each jet, multiplied by the number of times it is drawn.
    num_replicas : int
        Number of replicas R.
    seed : int
        Seed of the draws.
    progress : Progress, optional
        Told of every replica.

    Returns
    -------
    ndarray, (R, M)
        The figures of each replica.

    Raises
    ------
    InputError
        If ``num_replicas`` is not positive.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 8.

    Examples
    --------
    >>> value = np.arange(100.0)
    >>> means = bootstrap(lambda w: np.array([w @ value / w.sum()]), np.zeros(100), num_replicas=200)
    >>> means.shape, bool(2.0 < means.std() < 4.0)
    ((200, 1), True)
    """
    if num_replicas < 1:
        raise InputError(f"number of bootstrap replicas is {num_replicas}; at least 1 is needed")
    reporter = SilentProgress() if progress is None else progress
    members = _members(np.asarray(stratum))
    base = np.ones(len(np.asarray(stratum))) if weight is None else np.asarray(weight, dtype=np.float64)
    reporter.start("bootstrap", num_replicas, "replicas")
    rows = []
    try:
        for replica in range(num_replicas):
            rows.append(statistic(base * _counts(members, len(base), np.random.default_rng([seed, replica]))))
            reporter.advance()
    finally:
        reporter.finish()
    return np.stack(rows)


def interval(value: float, replicas: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Percentile interval of a figure.

    Parameters
    ----------
    value : float
        The figure on the sample itself.
    replicas : ndarray, (R,)
        The figure on bootstrap replicas; NaN ones are left out.
    level : float
        Probability content, 0.6827 (one standard deviation) by default.

    Returns
    -------
    Interval
        NaN ends when no replica is defined.

    Examples
    --------
    >>> interval(2.0, [1.0, 2.0, 3.0, 4.0, 5.0], level=0.5)
    Interval(value=2.0, low=2.0, high=4.0)
    """
    values = np.asarray(replicas, dtype=np.float64)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    low, high = np.quantile(values, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return Interval(value=value, low=float(low), high=float(high))


def spread(value: float, replicas: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Interval as wide as the percentile interval, centred on the figure and cut at zero.

    For figures that fluctuations push one way, such as a calibration error: replicas carry the push twice, so only
    their spread is used.

    Parameters
    ----------
    value : float
        The figure on the sample itself, not negative.
    replicas : ndarray, (R,)
        The figure on bootstrap replicas.
    level : float
        Probability content.

    Returns
    -------
    Interval
        ``value`` plus and minus half the width.

    Examples
    --------
    >>> spread(2.0, [3.0, 4.0, 5.0], level=1.0)
    Interval(value=2.0, low=1.0, high=3.0)
    """
    span = interval(value, replicas, level=level)
    half = (span.high - span.low) / 2.0
    return Interval(value=value, low=max(value - half, 0.0), high=value + half)


def rejection_interval(
    value: float, background_efficiency: ArrayLike, num_background_total: int, *, level: float = LEVEL
) -> Interval:
    """Interval of a rejection from replicas of the background efficiency.

    Parameters
    ----------
    value : float
        1 / background efficiency on the sample itself; infinite when nothing passes.
    background_efficiency : ndarray, (R,), 1
        Replicas.
    num_background_total : int
        Background jets in the sample: when none passes, replicas say nothing and the lower end is the exact one for
        zero of so many, 1 / (1 - ((1 - level) / 2) ** (1 / n)).
    level : float
        Probability content.

    Returns
    -------
    Interval
        ``high`` is infinite when the interval reaches an efficiency of zero.

    Examples
    --------
    >>> rejection_interval(4.0, [0.2, 0.25, 0.5], 100, level=1.0)
    Interval(value=4.0, low=2.0, high=5.0)
    >>> round(rejection_interval(float("inf"), [0.0], 1000, level=0.9).low)
    334
    """
    if np.isinf(value):
        largest = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / num_background_total)
        return Interval(value=value, low=1.0 / largest, high=float("inf"))
    span = interval(1.0 / value, background_efficiency, level=level)
    return Interval(value=value, low=_inverse(span.high), high=_inverse(span.low))


def joined(statistics: Sequence[Statistic]) -> Statistic:
    """One statistic whose figures are those of several, in order: all from the same replicas."""

    def values(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([statistic(weight) for statistic in statistics])

    return values


def _inverse(efficiency: float) -> float:
    """Rejection of an efficiency; infinite for zero."""
    return float("inf") if efficiency <= 0.0 else 1.0 / efficiency


def _members(stratum: NDArray[np.generic]) -> list[NDArray[np.int64]]:
    """Jets of each class."""
    order = np.argsort(stratum, kind="stable")
    ends = np.flatnonzero(stratum[order][1:] != stratum[order][:-1]) + 1
    return np.split(order, ends)


def _counts(members: list[NDArray[np.int64]], num_jets: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each jet is drawn, (N,)."""
    counts = np.empty(num_jets)
    for jets in members:
        drawn = generator.integers(0, len(jets), len(jets), dtype=np.uint32)
        counts[jets] = np.bincount(drawn, minlength=len(jets))
    return counts
