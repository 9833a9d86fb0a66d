"""Areas under ROC curves: two classes, one-vs-one and one-vs-rest."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError
from collidium.evaluate._ranking import Ranking, Statistic, weights_of


def auc(score: ArrayLike, is_signal: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve by the pair count, P(score_S > score_B) + P(score_S = score_B) / 2.

    Parameters
    ----------
    score : ndarray, (N,), 1
        Larger means more like signal.
    is_signal : ndarray of bool, (N,)
        Truth.
    weight : ndarray, (N,), 1, optional
        Weight of each jet. A pair counts with the product of its weights; negative weights keep their sign, so the
        area estimates that of the subtracted sample and may leave [0, 1].

    Returns
    -------
    float
        The area; NaN where either class has no weight.

    Raises
    ------
    InputError
        On a NaN score or lengths that differ.

    References
    ----------
    Hanley, McNeil, Radiology 143 (1982) 29, equation 1.

    Examples
    --------
    >>> auc([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
    0.875
    """
    ranking = Ranking.of(score, is_signal)
    return ranking.area(weights_of(weight, len(np.asarray(score))))


def pair_score(probabilities: ArrayLike, signal: int, background: int) -> NDArray[np.float64]:
    """Score of one class against another, p_S / (p_S + p_B), with all other classes dropped.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    signal : int
        Index of the signal class.
    background : int
        Index of the background class.

    Returns
    -------
    ndarray, (N,), 1
        1/2 where both probabilities are zero.

    Examples
    --------
    >>> pair_score([[0.125, 0.375, 0.5], [0.0, 0.0, 1.0]], signal=1, background=0).tolist()
    [0.75, 0.5]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    total = p[:, signal] + p[:, background]
    score = np.full(len(p), 0.5)
    np.divide(p[:, signal], total, out=score, where=total > 0.0)
    return score


def auc_one_vs_one(probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Macro mean over ordered pairs of classes (a, b) of the area of p_a on the jets of a and b alone.

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
        Mean over the pairs in which both classes have jets; NaN without such a pair. The headline of JetClass tables.

    References
    ----------
    Hand, Till, Machine Learning 45 (2001) 171, equation 7.

    Examples
    --------
    >>> auc_one_vs_one([[0.8, 0.2], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]], [0, 0, 1, 1])
    0.75
    """
    return float(macro_areas(probabilities, label)(weights_of(weight, len(np.asarray(label))))[0])


def auc_one_vs_rest(probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Macro mean over classes a of the area of p_a between the jets of a and all others.

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
        Mean over the classes that have jets, and others beside them; NaN without any. Equal to the one-vs-one area
        for two classes, different from it for more.

    Examples
    --------
    >>> auc_one_vs_rest([[0.8, 0.2], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]], [0, 0, 1, 1])
    0.75
    """
    return float(macro_areas(probabilities, label)(weights_of(weight, len(np.asarray(label))))[1])


def macro_areas(probabilities: ArrayLike, label: ArrayLike) -> Statistic:
    """Prepare both macro areas as a function of the weights.

    For each class a its jets are ordered by p_a once, and every other jet learns how many of them score higher. For
    given weights the areas of a against every class, and against all together, are then one cumulative sum over the
    jets of a and one look-up for each other jet.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    label : ndarray of int64, (N,)
        True class.

    Returns
    -------
    callable
        Weights (N,) to (one-vs-one, one-vs-rest), (2,); NaN without two classes.

    Raises
    ------
    InputError
        On a NaN probability or lengths that differ.
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(label)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise InputError(f"probabilities have shape {p.shape} and labels {y.shape}; (N, K) and (N,) are needed")
    if np.isnan(p).any():
        raise InputError(f"probability of jet {np.flatnonzero(np.isnan(p).any(1))[0]} is NaN; numbers are needed")
    by_class = np.argsort(y, kind="stable")
    present, starts = np.unique(y[by_class], return_index=True)
    tables = [_beaten_table(p[:, a], by_class[y[by_class] == a], by_class) for a in present.tolist()]

    def areas(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(tables) < 2:
            return np.array([np.nan, np.nan])
        grouped = weight[by_class]
        totals = np.add.reduceat(grouped, starts)
        beaten = np.stack([_beaten_weight(table, weight, grouped, starts) for table in tables])
        np.fill_diagonal(beaten, 0.0)
        others = totals.sum() - totals
        if (totals == 0.0).any() or (others == 0.0).any():
            return np.array([np.nan, np.nan])
        one = (beaten / np.outer(totals, totals)).sum() / (len(totals) * (len(totals) - 1))
        rest = (beaten.sum(axis=1) / (totals * others)).mean()
        return np.array([one, rest])

    return areas


_BeatenTable: TypeAlias = tuple[NDArray[np.int64], tuple[NDArray[np.int64], ...]]


def _beaten_table(score: NDArray[np.float64], signal: NDArray[np.int64], jets: NDArray[np.int64]) -> _BeatenTable:
    """Signal jets by falling score, and for every jet how many of them score above it and, with ties, not below it."""
    order = signal[np.argsort(-score[signal], kind="stable")]
    above = np.searchsorted(-score[order], -score[jets], side="left")
    not_below = np.searchsorted(-score[order], -score[jets], side="right")
    is_signal = np.isin(jets, signal)
    has_ties = bool((above != not_below)[~is_signal].any())
    return order, (above, not_below) if has_ties else (above,)


def _beaten_weight(
    table: _BeatenTable, weight: NDArray[np.float64], grouped: NDArray[np.float64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Weight of pairs in which the signal scores higher (ties: half), for every other class, (K,)."""
    order, counts = table
    passed = np.concatenate([[0.0], np.cumsum(weight[order])])
    higher = passed[counts[0]]
    if len(counts) == 2:
        higher = 0.5 * (higher + passed[counts[1]])
    return np.asarray(np.add.reduceat(higher * grouped, starts))
