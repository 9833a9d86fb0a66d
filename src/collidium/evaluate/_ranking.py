"""Signal and background jets of one two-class problem, ordered once by score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError

Statistic: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The order of scores, on which areas and efficiencies are sums of weights.

    Ordering costs N log N and is done once; every figure for another set of weights (a bootstrap replica) costs N.

    Attributes
    ----------
    signal : ndarray of int64, (S,)
        Signal jets by falling score.
    background : ndarray of int64, (B,)
        Background jets by falling score.
    thresholds : ndarray, (G,), 1
        Distinct scores, falling.
    signal_passing : ndarray of int64, (G + 1,)
        Signal jets with a score of at least each threshold; 0 first.
    background_passing : ndarray of int64, (G + 1,)
        Background jets with a score of at least each threshold; 0 first.
    """

    signal: NDArray[np.int64]
    background: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    signal_passing: NDArray[np.int64]
    background_passing: NDArray[np.int64]
    _harder: NDArray[np.int64]
    _as_hard: NDArray[np.int64]

    @staticmethod
    def of(score: ArrayLike, is_signal: ArrayLike, is_used: ArrayLike | None = None) -> Ranking:
        """Order jets by score.

        Parameters
        ----------
        score : ndarray, (N,), 1
            Larger means more like signal.
        is_signal : ndarray of bool, (N,)
            Truth.
        is_used : ndarray of bool, (N,), optional
            Jets that take part; all by default.

        Returns
        -------
        Ranking
            Indexes refer to the N jets.

        Raises
        ------
        InputError
            If a score is NaN or the arrays differ in length.

        Examples
        --------
        >>> ranking = Ranking.of([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
        >>> ranking.thresholds.tolist(), ranking.signal_passing.tolist(), ranking.background_passing.tolist()
        ([0.9, 0.4, 0.1], [0, 1, 2, 2], [0, 0, 1, 2])
        """
        value = np.asarray(score, dtype=np.float64)
        truth = np.asarray(is_signal, dtype=bool)
        if value.shape != truth.shape or value.ndim != 1:
            raise InputError(f"scores have shape {value.shape} and truth {truth.shape}; both must be (N,)")
        used = np.arange(len(value)) if is_used is None else np.flatnonzero(is_used)
        if np.isnan(value[used]).any():
            raise InputError(
                f"score of jet {used[np.isnan(value[used])][0]} is NaN; finite or infinite values are needed"
            )
        order = used[np.argsort(-value[used], kind="stable")]
        is_last = np.append(value[order][1:] != value[order][:-1], True) if len(order) else np.zeros(0, dtype=bool)
        ends = np.flatnonzero(is_last)
        signal_passing = np.append(0, np.cumsum(truth[order])[ends])
        background_passing = np.append(0, np.cumsum(~truth[order])[ends])
        group = np.repeat(np.arange(len(ends)), np.diff(signal_passing))
        return Ranking(
            signal=order[truth[order]],
            background=order[~truth[order]],
            thresholds=value[order][ends],
            signal_passing=signal_passing,
            background_passing=background_passing,
            _harder=background_passing[group],
            _as_hard=background_passing[group + 1],
        )

    def area(self, weight: NDArray[np.float64]) -> float:
        """Area under the ROC curve: P(score_S > score_B) + P(score_S = score_B) / 2.

        Parameters
        ----------
        weight : ndarray, (N,), 1
            Weight of each jet; a pair counts with the product of its two weights, sign included.

        Returns
        -------
        float
            NaN where either class has no weight. Inside [0, 1] for weights that are not negative.
        """
        signal = weight[self.signal]
        passed = np.concatenate([[0.0], np.cumsum(weight[self.background])])
        total = passed[-1] * signal.sum()
        if total == 0.0:
            return float("nan")
        beaten_by = passed[self._harder] + passed[self._as_hard]
        return float(1.0 - 0.5 * np.dot(signal, beaten_by) / total)

    def efficiencies(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Signal and background efficiency at every distinct threshold, the ROC points.

        Parameters
        ----------
        weight : ndarray, (N,), 1
            Weight of each jet.

        Returns
        -------
        signal_efficiency, background_efficiency : ndarray, (G + 1,), 1
            From (0, 0) to (1, 1). Negative weights make the passing weight of the signal fall in places; the running
            maximum is taken there, so that "the first threshold that reaches e" stays defined.
        """
        signal = _passing_fraction(weight[self.signal], self.signal_passing)
        if len(signal) and weight.min() < 0.0:
            signal = np.maximum.accumulate(signal)
        return signal, _passing_fraction(weight[self.background], self.background_passing)

    def background_efficiency(
        self, signal_efficiency: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Background efficiency at given signal efficiencies, linear between the two ROC points that bracket each.

        Parameters
        ----------
        signal_efficiency : ndarray, (M,), 1
            Inside (0, 1].
        weight : ndarray, (N,), 1
            Weight of each jet.

        Returns
        -------
        background_efficiency : ndarray, (M,), 1
            NaN where either class has no weight.
        point : ndarray of int64, (M,)
            The first ROC point whose signal efficiency reaches the wanted one.
        """
        signal, background = self.efficiencies(weight)
        if len(self.thresholds) == 0 or np.isnan(signal[-1]):
            return np.full(len(signal_efficiency), np.nan), np.zeros(len(signal_efficiency), dtype=np.int64)
        after = np.minimum(np.searchsorted(signal, signal_efficiency, side="left"), len(signal) - 1)
        before = np.maximum(after - 1, 0)
        step = signal[after] - signal[before]
        fraction = np.divide(signal_efficiency - signal[before], step, out=np.ones_like(step), where=step > 0.0)
        return background[before] + fraction * (background[after] - background[before]), after


def _passing_fraction(weight: NDArray[np.float64], passing: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the weight among the first so many jets."""
    total = np.concatenate([[0.0], np.cumsum(weight)])
    if total[-1] == 0.0:
        return np.full(len(passing), np.nan)
    return np.asarray(total[passing] / total[-1])


def weights_of(weight: ArrayLike | None, num_jets: int) -> NDArray[np.float64]:
    """Weights as float64, ones by default, (N,)."""
    if weight is None:
        return np.ones(num_jets)
    array = np.asarray(weight, dtype=np.float64)
    if array.shape != (num_jets,):
        raise InputError(f"weights have shape {array.shape}, ({num_jets},) is needed")
    return array
