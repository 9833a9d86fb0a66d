"""Signal and control region of a score, and their bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.analysis._config import TemplatesConfig
from collidium.artifact import InputError

SIGNAL_REGION = "signal_region"
CONTROL_REGION = "control_region"


@dataclass(frozen=True, eq=False)
class Region:
    """Bins of a score.

    Attributes
    ----------
    name : str
        ``signal_region`` or ``control_region``.
    edges : ndarray, (M + 1,), 1
        Rising; a score on an edge belongs to the bin above it, the highest edge to the last bin.
    """

    name: str
    edges: NDArray[np.float64]

    @property
    def num_bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def contains(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which scores are inside, (N,)."""
        below = score <= 1.0 if self.edges[-1] == 1.0 else score < self.edges[-1]
        return np.asarray((score >= self.edges[0]) & below, dtype=bool)

    def histogram(self, score: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of weights in each bin, (M,)."""
        inside = self.contains(score)
        index = np.clip(np.searchsorted(self.edges, score[inside], side="right") - 1, 0, self.num_bins - 1)
        return np.bincount(index, weight[inside], self.num_bins).astype(np.float64)


def regions(
    score: NDArray[np.float64],
    is_signal: NDArray[np.bool_],
    is_background: NDArray[np.bool_],
    weight: NDArray[np.float64],
    config: TemplatesConfig,
) -> tuple[Region, Region]:
    """Choose the bins of both regions.

    Parameters
    ----------
    score : ndarray, (N,), 1
        Probability of the signal class, for templates and pseudo-data together: bins that are chosen on the templates
        alone follow their fluctuations, and bias the fit.
    is_signal, is_background : ndarray of bool, (N,)
        True classes.
    weight : ndarray, (N,), 1
        Weight of each jet.
    config : TemplatesConfig
        Numbers of bins, efficiency of the signal region, jets that a bin needs.

    Returns
    -------
    tuple of Region
        Signal region, of equal signal in each bin, and control region below it, of equal background.

    Raises
    ------
    InputError
        If there are too few jets for one bin in each region.
    """
    lost = 1.0 - config.signal_efficiency
    shares = np.linspace(lost, 1.0, config.num_signal_bins + 1)[:-1]
    inner = np.unique(_quantiles(score[is_signal], weight[is_signal], shares))
    below = is_background & (score < inner[0])
    count = float(config.min_background)
    signal_edges = _merged(np.append(inner, 1.0), score[is_background], count)
    if not below.any() or not 0.0 < signal_edges[0] < 1.0:
        raise InputError(
            f"no background is outside of the signal region (score above {inner[0]:.3g}); "
            "a control region needs some: lower signal_efficiency or take more jets"
        )
    shares = np.linspace(0.0, 1.0, config.num_control_bins + 1)[1:-1]
    middle = np.unique(_quantiles(score[below], weight[below], shares))
    control = np.concatenate([[0.0], middle[(middle > 0.0) & (middle < inner[0])], [inner[0]]])
    return Region(SIGNAL_REGION, signal_edges), Region(CONTROL_REGION, _merged(control, score[below], count))


def _quantiles(
    score: NDArray[np.float64], weight: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores below which given shares of the weight lie."""
    order = np.argsort(score, kind="stable")
    cumulative = np.cumsum(weight[order])
    index = np.searchsorted(cumulative, shares * cumulative[-1], side="left")
    return np.asarray(score[order][np.minimum(index, len(score) - 1)], dtype=np.float64)


def _merged(edges: NDArray[np.float64], score: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Drop inner edges, from above, until every bin has enough jets; one bin is left at least."""
    kept = [float(edges[-1])]
    for number, edge in enumerate(edges[-2::-1].tolist(), start=2):
        is_last = number == len(edges)
        if is_last or np.sum((score >= edge) & (score < kept[-1])) >= least:
            kept.append(edge)
    if len(kept) > 2 and np.sum((score >= kept[-1]) & (score < kept[-2])) < least:
        del kept[-2]
    return np.array(kept[::-1])
