"""Whether two samples of jets have the same distribution of a feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NUM_BINS = 30
MOST_VALUES = 12
_FEWEST_JETS = 10
_SINGULAR = 1e-9


@dataclass(frozen=True, eq=False)
class Shape:
    """Normalised histogram of a feature over the particles (or jets) of N jets.

    Attributes
    ----------
    fraction : ndarray, (M,), 1
        Share of each bin; under- and overflow are in the end bins.
    covariance : ndarray, (M, M), 1
        Of the shares. Jets are the independent units: the particles of one jet are correlated.
    num_jets : ndarray of int64, (M,)
        Jets with an entry in each bin.
    """

    fraction: NDArray[np.float64]
    covariance: NDArray[np.float64]
    num_jets: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Comparison of two shapes.

    Attributes
    ----------
    chi2 : float
        Difference of the shares in units of its covariance.
    ndf : int
        Degrees of freedom; 0 when the feature is constant or no two bins hold enough jets.
    p_value : float
        Probability of a larger chi2 for samples of one distribution; NaN without degrees of freedom.
    ks_distance : float
        Largest difference of the cumulative distributions, at bin edges.
    """

    chi2: float
    ndf: int
    p_value: float
    ks_distance: float


def common_edges(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bin edges for two samples: one bin a value for few whole numbers, else 30 equal bins over the central 99 %.

    Parameters
    ----------
    a, b : ndarray
        Values of the feature.

    Returns
    -------
    ndarray, (M + 1,)
        Rising edges.

    Examples
    --------
    >>> common_edges(np.array([0.0, 1.0]), np.array([1.0, 0.0])).tolist()
    [-0.5, 0.5, 1.5]
    """
    both = np.concatenate([a, b])
    low, high = float(both.min()), float(both.max())
    if high - low < MOST_VALUES and (both == np.round(both)).all():
        return np.arange(low, high + 2.0) - 0.5
    low, high = np.quantile(both, [0.005, 0.995])
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, _NUM_BINS + 1)


def shape(
    value: NDArray[np.float64], owner: NDArray[np.int64], weight: NDArray[np.float64], edges: NDArray[np.float64]
) -> Shape:
    """Normalised histogram with the covariance that correlated particles demand.

    Parameters
    ----------
    value : ndarray, (T,)
        Feature of each particle (or jet).
    owner : ndarray of int64, (T,)
        Jet of each particle.
    weight : ndarray, (N,), 1
        Weight of each jet.
    edges : ndarray, (M + 1,)
        Bin edges.

    Returns
    -------
    Shape
        Shares f = sum_j w_j n_j / sum_j w_j m_j of the bins, with n_j the contents of jet j and m_j their sum, and the
        covariance sum_j r_j r_j^T of the ratio's linear expansion, r_j = w_j (n_j - f m_j) / sum w m.

    References
    ----------
    Cochran, Sampling Techniques (3rd ed., 1977), section 9A: ratio estimates over clusters.
    """
    M, N = len(edges) - 1, len(weight)
    column = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, M - 1)
    counts = np.bincount(owner * M + column, minlength=N * M).reshape(N, M)
    weighted = counts * weight[:, None]
    total = weighted.sum()
    fraction = weighted.sum(axis=0) / total
    residual = (weighted - fraction * weighted.sum(axis=1, keepdims=True)) / total
    return Shape(fraction, residual.T @ residual, (counts > 0).sum(axis=0))


def agreement(a: Shape, b: Shape) -> Agreement:
    """Compare two independent samples of jets.

    Parameters
    ----------
    a, b : Shape
        With the same edges.

    Returns
    -------
    Agreement
        Bins with an entry from fewer than 10 jets of either sample take no part in chi2.
    """
    is_used = (a.num_jets >= _FEWEST_JETS) & (b.num_jets >= _FEWEST_JETS)
    difference = a.fraction - b.fraction
    distance = float(np.abs(np.cumsum(difference)).max())
    covariance = (a.covariance + b.covariance)[np.ix_(is_used, is_used)]
    spread = np.sqrt(np.diag(covariance))
    if not (spread > 0.0).any():
        return Agreement(chi2=0.0, ndf=0, p_value=float("nan"), ks_distance=distance)
    moving = spread > 0.0
    correlation = covariance[np.ix_(moving, moving)] / np.outer(spread[moving], spread[moving])
    value, vector = np.linalg.eigh(correlation)
    kept = value > _SINGULAR * value[-1]
    projected = (vector.T @ (difference[is_used][moving] / spread[moving]))[kept]
    chi2, ndf = float(np.sum(projected**2 / value[kept])), int(kept.sum())
    return Agreement(chi2=chi2, ndf=ndf, p_value=_chi2_survival(chi2, ndf), ks_distance=distance)


def _chi2_survival(chi2: float, ndf: int) -> float:
    """Probability of a larger chi2: the upper regularised incomplete gamma function."""
    import torch

    half_ndf, half_chi2 = (torch.tensor(value / 2.0, dtype=torch.float64) for value in (ndf, chi2))
    return float(torch.special.gammaincc(half_ndf, half_chi2))
