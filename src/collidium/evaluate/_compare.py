"""Two taggers on the same jets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError, Progress
from collidium.evaluate._accuracy import weighted_mean
from collidium.evaluate._auc import macro_areas
from collidium.evaluate._bootstrap import LEVEL, Interval, bootstrap, interval, joined, rejection_interval
from collidium.evaluate._evaluation import EFFICIENCIES, NUM_REPLICAS, pair_rankings
from collidium.evaluate._predictions import Predictions
from collidium.evaluate._ranking import Ranking, Statistic
from collidium.evaluate._rejection import working_points


@dataclass(frozen=True, kw_only=True)
class PairedFigure:
    """One figure of two taggers and its change from b to a.

    Attributes
    ----------
    name : str
        What it is, e.g. ``"auc top vs QCD"``.
    a, b : Interval
        The figure of each tagger.
    kind : {"difference", "ratio"}
        ``a - b`` for areas and accuracies, ``a / b`` for rejections.
    change : Interval
        From the same replicas for both taggers, so what they share cancels.
    p_value : float
        Two-sided bootstrap probability of no change; not below 2 / (R + 1) for R replicas.
    """

    name: str
    a: Interval
    b: Interval
    kind: Literal["difference", "ratio"]
    change: Interval
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Paired comparison of two taggers.

    Attributes
    ----------
    num_jets : int
        Labelled jets that both have seen.
    num_only_a, num_only_b : int
        Jets that only one has seen; left out.
    figures : tuple of PairedFigure
        Accuracy, areas, and the rejections of every signal class.
    """

    num_jets: int
    num_only_a: int
    num_only_b: int
    figures: tuple[PairedFigure, ...]


def compare(
    a: Predictions,
    b: Predictions,
    *,
    background: str | None = None,
    efficiencies: Sequence[float] = EFFICIENCIES,
    num_replicas: int = NUM_REPLICAS,
    seed: int = 0,
    level: float = LEVEL,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two taggers jet by jet: the replicas draw the same jets for both.

    Parameters
    ----------
    a, b : Predictions
        Matched by event number; jets and truth must agree, weights are those of ``a``.
    background : str, optional
        Class against which rejections are quoted: by default the one called QCD, else the first.
    efficiencies : sequence of float, 1
        Signal efficiencies of the rejections.
    num_replicas : int
        Bootstrap replicas R.
    seed : int
        Seed of the bootstrap.
    level : float
        Probability content of the intervals.
    progress : Progress, optional
        Told of every replica.

    Returns
    -------
    Comparison
        Every figure of both with its change, interval and p-value.

    Raises
    ------
    InputError
        If the classes differ, no jet is common, an event number repeats, or the two disagree on a label.

    Examples
    --------
    >>> label = np.arange(100) % 2
    >>> p = 0.3 + 0.4 * label + 0.002 * (np.arange(100) % 50)
    >>> ids, probabilities = np.arange(100, dtype=np.uint64), np.stack([1 - p, p], 1)
    >>> jets = Predictions(ids, label, np.ones(100), probabilities, ("QCD", "top"))
    >>> compare(jets, jets, num_replicas=20).figures[1].change
    Interval(value=0.0, low=0.0, high=0.0)
    """
    left, right = _matched(a, b)
    wanted = working_points(efficiencies)
    reference = left.background_index(background)
    parts = [_figures(jets, reference, wanted) for jets in (left, right)]
    names, statistic = parts[0][0], joined([part[1] for part in parts])
    M = len(names)
    values = statistic(left.weight)
    replicas = bootstrap(
        statistic, left.label, weight=left.weight, num_replicas=num_replicas, seed=seed, progress=progress
    )
    num_background = int((left.label == reference).sum())
    return Comparison(
        num_jets=len(left),
        num_only_a=int((~np.isin(a.event_id, b.event_id)).sum()),
        num_only_b=int((~np.isin(b.event_id, a.event_id)).sum()),
        figures=tuple(
            _paired(name, values[[i, M + i]], replicas[:, [i, M + i]], num_background, level)
            for i, name in enumerate(names)
        ),
    )


def _matched(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    """The labelled jets of both, in the same order."""
    if a.classes != b.classes:
        raise InputError(f"comparison: classes {', '.join(a.classes)} and {', '.join(b.classes)} differ")
    for name, side in (("first", a), ("second", b)):
        if len(np.unique(side.event_id)) != len(side):
            raise InputError(f"comparison: an event_id repeats in the {name} predictions; they must be unique")
    _, in_a, in_b = np.intersect1d(a.event_id, b.event_id, assume_unique=True, return_indices=True)
    left, right = a.take(in_a), b.take(in_b)
    if (left.label != right.label).any():
        event = left.event_id[left.label != right.label][0]
        raise InputError(f"comparison: the two predictions disagree on the label of event_id {event}")
    if not (left.label >= 0).any():
        raise InputError(
            "comparison: the predictions share no labelled jet; evaluate both on the same dataset and split"
        )
    return left.labelled(), right.labelled()


def _figures(jets: Predictions, background: int, wanted: NDArray[np.float64]) -> tuple[list[str], Statistic]:
    """Names of the figures, and their values for given weights (a rejection as its background efficiency)."""
    is_right = (np.argmax(jets.probabilities, axis=1) == jets.label).astype(np.float64)
    names = ["accuracy", "auc_one_vs_one", "auc_one_vs_rest"]
    statistics: list[Statistic] = [
        lambda weight: np.array([weighted_mean(is_right, weight)]),
        macro_areas(jets.probabilities, jets.label),
    ]
    for signal, ranking in pair_rankings(jets, background).items():
        pair = f"{jets.classes[signal]} vs {jets.classes[background]}"
        names += [f"auc {pair}", *(f"rejection {pair} at {e:g}" for e in wanted)]
        statistics.append(_pair(ranking, wanted))
    return names, joined(statistics)


def _pair(ranking: Ranking, wanted: NDArray[np.float64]) -> Statistic:
    """Area and background efficiencies of one pair."""
    return lambda weight: np.append(ranking.area(weight), ranking.background_efficiency(wanted, weight)[0])


def _paired(
    name: str, value: NDArray[np.float64], replicas: NDArray[np.float64], num_background: int, level: float
) -> PairedFigure:
    """One compared figure from its two values and replicas, (2,) and (R, 2)."""
    if not name.startswith("rejection "):
        a, b = (interval(float(value[i]), replicas[:, i], level=level) for i in (0, 1))
        change = replicas[:, 0] - replicas[:, 1]
        return PairedFigure(
            name=name,
            a=a,
            b=b,
            kind="difference",
            change=interval(a.value - b.value, change, level=level),
            p_value=p_value(change),
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        rejection, ratio = 1.0 / value, replicas[:, 1] / replicas[:, 0]
        total = float(value[1] / value[0])
    a, b = (rejection_interval(float(rejection[i]), replicas[:, i], num_background, level=level) for i in (0, 1))
    return PairedFigure(
        name=name,
        a=a,
        b=b,
        kind="ratio",
        change=_ratio_interval(total, ratio, level),
        p_value=p_value(replicas[:, 1] - replicas[:, 0]),
    )


def _ratio_interval(value: float, ratio: NDArray[np.float64], level: float) -> Interval:
    """Percentile interval of a ratio whose replicas may be infinite: order statistics, not interpolated."""
    defined = np.sort(ratio[~np.isnan(ratio)])
    if len(defined) == 0:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    places = np.round((len(defined) - 1) * np.array([0.5 - level / 2.0, 0.5 + level / 2.0])).astype(int)
    return Interval(value=value, low=float(defined[places[0]]), high=float(defined[places[1]]))


def p_value(change: ArrayLike) -> float:
    """Two-sided bootstrap probability that a change is none.

    Parameters
    ----------
    change : ndarray, (R,)
        Replicas of the change; NaN ones are left out.

    Returns
    -------
    float
        Twice the share of replicas on the rarer side of zero (those on zero count half), at least 2 / (R + 1).

    Examples
    --------
    >>> p_value([0.1] * 99), p_value([-1.0, 1.0, 0.0])
    (0.02, 1.0)
    """
    values = np.asarray(change, dtype=np.float64)
    values = values[~np.isnan(values)]
    below = (values < 0.0).sum() + 0.5 * (values == 0.0).sum()
    rarer = min(below, len(values) - below)
    return float(min(1.0, 2.0 * (rarer + 1.0) / (len(values) + 1.0)))
