"""Whether probabilities mean what they say: log-likelihood, reliability and calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.evaluate._accuracy import weighted_mean
from collidium.evaluate._ranking import weights_of

NUM_BINS = 15
_SMALLEST = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Reliability:
    """Stated against found probability in bins of equal mass.

    Attributes
    ----------
    stated : ndarray, (M,), 1
        Mean stated probability of each bin.
    found : ndarray, (M,), 1
        Share of jets in the bin for which the statement holds.
    mass : ndarray, (M,), 1
        Share of all weight in the bin.
    count : ndarray of int64, (M,)
        Jets in the bin.
    effective : ndarray, (M,), 1
        Jets of equal weight with the same statistical power, (sum w)^2 / sum w^2; the count without weights.
    """

    stated: NDArray[np.float64]
    found: NDArray[np.float64]
    mass: NDArray[np.float64]
    count: NDArray[np.int64]
    effective: NDArray[np.float64]


def nll(probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood of the true class.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    label : ndarray of int64, (N,)
        True class.
    weight : ndarray, (N,), 1, optional
        Weight of each jet.

    Returns
    -------
    float
        In nats. A probability of exactly zero counts as the smallest normal float64, 708 nats.

    Examples
    --------
    >>> round(nll([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    loss = negative_log(probabilities, label)
    return weighted_mean(loss, weights_of(weight, len(loss)))


def negative_log(probabilities: ArrayLike, label: ArrayLike) -> NDArray[np.float64]:
    """Negative log-likelihood of each jet, (N,)."""
    p = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(-np.log(np.maximum(p[np.arange(len(p)), np.asarray(label)], _SMALLEST)))


def ece(
    probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, num_bins: int = NUM_BINS
) -> float:
    """Expected calibration error of the most probable class, in bins of equal mass.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    label : ndarray of int64, (N,)
        True class.
    weight : ndarray, (N,), 1, optional
        Weight of each jet.
    num_bins : int
        Number of bins M.

    Returns
    -------
    float
        sum_m abs(S_m) / abs(W), with S_m the weighted sum of (found - stated) in bin m and W the sum of all weights:
        the mean of abs(found_m - stated_m) for weights that are not negative. NaN without weight. Fluctuations alone
        make it positive: see :func:`ece_floor`.

    References
    ----------
    Naeini, Cooper, Hauskrecht, AAAI 2015; equal-mass bins as in Nixon et al., CVPR workshops 2019, arXiv:1904.01685.

    Examples
    --------
    >>> round(ece([[0.9, 0.1]] * 10, [0] * 8 + [1] * 2), 6)
    0.1
    """
    stated, found = top_statements(probabilities, label)
    w = weights_of(weight, len(stated))
    return calibration_error(equal_mass_bins(stated, w, num_bins), found - stated, w)


def calibration_error(bins: NDArray[np.int64], excess: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Calibration error of jets in given bins from found minus stated, (N,) each: sum_m abs(S_m) / abs(W)."""
    total = abs(float(weight.sum()))
    return float(np.abs(np.bincount(bins, weights=weight * excess)).sum() / total) if total != 0.0 else float("nan")


def ece_floor(
    probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, num_bins: int = NUM_BINS
) -> float:
    """Calibration error that a perfectly calibrated model would show on a sample of this size.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    label : ndarray of int64, (N,)
        True class (only its length matters).
    weight : ndarray, (N,), 1, optional
        Weight of each jet.
    num_bins : int
        Number of bins M.

    Returns
    -------
    float
        sum_m abs(mass_m) sqrt(2 p (1 - p) / (pi n)) with p the stated probability of bin m and n its jets, or with
        weights their effective number (sum w)^2 / sum w^2.

    Examples
    --------
    >>> round(ece_floor([[0.5, 0.5]] * 100, [0] * 100), 4)
    0.0399
    """
    stated, found = top_statements(probabilities, label)
    curve = reliability(stated, found, weight, num_bins=num_bins)
    spread = np.maximum(curve.stated * (1.0 - curve.stated), 0.0) / curve.effective
    return float(np.sum(np.abs(curve.mass) * np.sqrt(2.0 / np.pi * spread)))


def reliability(
    stated: ArrayLike, found: ArrayLike, weight: ArrayLike | None = None, *, num_bins: int = NUM_BINS
) -> Reliability:
    """Compare stated probabilities with what was found, in bins of equal mass.

    Parameters
    ----------
    stated : ndarray, (N,), 1
        Probability given to a statement about each jet, e.g. "it is a top jet".
    found : ndarray of bool, (N,)
        Whether the statement holds.
    weight : ndarray, (N,), 1, optional
        Weight of each jet.
    num_bins : int
        Number of bins M; equal probabilities always share a bin, so fewer may be filled.

    Returns
    -------
    Reliability
        Bins without weight are left out.

    Examples
    --------
    >>> curve = reliability([0.1, 0.1, 0.8, 0.8], [False, False, True, False], num_bins=2)
    >>> curve.stated.tolist(), curve.found.tolist()
    ([0.1, 0.8], [0.0, 0.5])
    """
    p, is_true = np.asarray(stated, dtype=np.float64), np.asarray(found, dtype=np.float64)
    w = weights_of(weight, len(p))
    bins = equal_mass_bins(p, w, num_bins)
    mass = np.bincount(bins, weights=w, minlength=num_bins)
    filled = mass != 0.0
    stated_sum = np.bincount(bins, weights=w * p, minlength=num_bins)[filled]
    found_sum = np.bincount(bins, weights=w * is_true, minlength=num_bins)[filled]
    count = np.bincount(bins, minlength=num_bins)[filled]
    effective = mass[filled] ** 2 / np.bincount(bins, weights=w * w, minlength=num_bins)[filled]
    total = float(mass.sum())
    share = mass[filled] / total if total != 0.0 else np.full(len(count), np.nan)
    return Reliability(stated_sum / mass[filled], found_sum / mass[filled], share, count, effective)


def top_statements(probabilities: ArrayLike, label: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability of the most probable class, and whether it is the true one, (N,) each."""
    p = np.asarray(probabilities, dtype=np.float64)
    return p.max(axis=1), np.argmax(p, axis=1) == np.asarray(label)


def equal_mass_bins(value: NDArray[np.float64], weight: NDArray[np.float64], num_bins: int) -> NDArray[np.int64]:
    """Bin of each value such that bins hold equal weight and equal values share a bin, (N,).

    A value belongs to the bin of the middle of its group in the cumulative absolute weight, so that neither the order
    of jets nor ties decide.
    """
    if len(value) == 0:
        return np.zeros(0, dtype=np.int64)
    _, group = np.unique(value, return_inverse=True)
    mass = np.bincount(group, weights=np.abs(weight))
    middle = np.cumsum(mass) - 0.5 * mass
    position: NDArray[np.int64] = (middle / max(mass.sum(), _SMALLEST) * num_bins).astype(np.int64)
    return np.take(np.minimum(position, num_bins - 1), group)
