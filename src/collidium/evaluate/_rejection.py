"""ROC curves and the background rejection at a fixed signal efficiency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError
from collidium.evaluate._ranking import Ranking, weights_of


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points of a ROC curve from (0, 0) to (1, 1).

    Attributes
    ----------
    signal_efficiency : ndarray, (G + 1,), 1
        Share of the signal at or above each threshold.
    background_efficiency : ndarray, (G + 1,), 1
        Share of the background at or above each threshold.
    threshold : ndarray, (G + 1,), 1
        Falling; infinity first.
    """

    signal_efficiency: NDArray[np.float64]
    background_efficiency: NDArray[np.float64]
    threshold: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Background rejection at one working point.

    Attributes
    ----------
    signal_efficiency : float
        The working point.
    value : float
        1 / background efficiency; infinite when no background jet passes.
    num_background : int
        Background jets that pass: the relative statistical error of the rejection is about 1 / sqrt(num_background).
    threshold : float
        Score of the looser of the two ROC points that bracket the working point.
    """

    signal_efficiency: float
    value: float
    num_background: int
    threshold: float


def roc_curve(score: ArrayLike, is_signal: ArrayLike, weight: ArrayLike | None = None) -> RocCurve:
    """All ROC points, one for each distinct score.

    Parameters
    ----------
    score : ndarray, (N,), 1
        Larger means more like signal.
    is_signal : ndarray of bool, (N,)
        Truth.
    weight : ndarray, (N,), 1, optional
        Weight of each jet; where negative weights make the signal efficiency fall, its running maximum is kept.

    Returns
    -------
    RocCurve
        G + 1 points for G distinct scores.

    Raises
    ------
    InputError
        Without jets, on a NaN score or lengths that differ.

    Examples
    --------
    >>> roc = roc_curve([0.9, 0.4, 0.4, 0.1], [True, True, False, False])
    >>> roc.signal_efficiency.tolist(), roc.background_efficiency.tolist()
    ([0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0])
    """
    ranking = Ranking.of(score, is_signal)
    if len(ranking.thresholds) == 0:
        raise InputError("scores: none given; a ROC curve needs jets")
    signal, background = ranking.efficiencies(weights_of(weight, len(np.asarray(score))))
    return RocCurve(signal, background, np.append(np.inf, ranking.thresholds))


def rejection_at(
    score: ArrayLike, is_signal: ArrayLike, signal_efficiency: Sequence[float], *, weight: ArrayLike | None = None
) -> list[Rejection]:
    """Background rejection at fixed signal efficiencies, with the number of jets it rests on.

    The background efficiency is interpolated linearly in the signal efficiency between the two ROC points that bracket
    the working point: the first one that reaches it, and the one before.

    Parameters
    ----------
    score : ndarray, (N,), 1
        Larger means more like signal.
    is_signal : ndarray of bool, (N,)
        Truth.
    signal_efficiency : sequence of float, (M,), 1
        Working points inside (0, 1].
    weight : ndarray, (N,), 1, optional
        Weight of each jet.

    Returns
    -------
    list of Rejection, (M,)
        One record a working point.

    Raises
    ------
    InputError
        If a working point is outside (0, 1], a score is NaN or lengths differ.

    Examples
    --------
    >>> score, truth = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [True, False, True, True, False, False]
    >>> [point] = rejection_at(score, truth, [0.5])
    >>> round(point.value, 3), point.num_background
    (3.0, 1)
    """
    ranking = Ranking.of(score, is_signal)
    return ranking_rejections(ranking, signal_efficiency, weights_of(weight, len(np.asarray(score))))


def ranking_rejections(
    ranking: Ranking, signal_efficiency: Sequence[float], weight: NDArray[np.float64]
) -> list[Rejection]:
    """Rejections of an ordered sample; as :func:`rejection_at`."""
    wanted = working_points(signal_efficiency)
    background, point = ranking.background_efficiency(wanted, weight)
    thresholds = np.append(np.inf, ranking.thresholds)
    return [
        Rejection(
            signal_efficiency=float(e),
            value=float(np.inf if b == 0.0 else 1.0 / b),
            num_background=int(ranking.background_passing[j]),
            threshold=float(thresholds[j]),
        )
        for e, b, j in zip(wanted, background, point, strict=True)
    ]


def working_points(signal_efficiency: Sequence[float]) -> NDArray[np.float64]:
    """Check signal efficiencies, (M,)."""
    wanted = np.asarray(signal_efficiency, dtype=np.float64)
    outside = wanted[~((wanted > 0.0) & (wanted <= 1.0))]
    if len(outside):
        raise InputError(f"signal efficiency is {outside[0]:g}; values above 0 and up to 1 are allowed")
    return wanted
