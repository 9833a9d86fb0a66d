"""All figures of a tagger from its predictions, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import Progress
from collidium.evaluate._accuracy import confusion_matrix, weighted_mean
from collidium.evaluate._auc import macro_areas, pair_score
from collidium.evaluate._bootstrap import LEVEL, Interval, bootstrap, interval, joined, rejection_interval, spread
from collidium.evaluate._calibration import (
    NUM_BINS,
    calibration_error,
    ece_floor,
    equal_mass_bins,
    negative_log,
    top_statements,
)
from collidium.evaluate._figures import FIGURE_NAMES, Evaluation, PairEvaluation, RejectionFigure
from collidium.evaluate._predictions import Predictions
from collidium.evaluate._ranking import Ranking, Statistic
from collidium.evaluate._rejection import ranking_rejections, working_points

EFFICIENCIES = (0.3, 0.5, 0.8)
NUM_REPLICAS = 1000
_GRID = np.linspace(0.01, 1.0, 100)


def evaluate_predictions(
    predictions: Predictions,
    *,
    background: str | None = None,
    efficiencies: Sequence[float] = EFFICIENCIES,
    num_replicas: int = NUM_REPLICAS,
    seed: int = 0,
    level: float = LEVEL,
    progress: Progress | None = None,
) -> Evaluation:
    """Compute all figures with intervals from one set of bootstrap replicas.

    Parameters
    ----------
    predictions : Predictions
        Jets without a label are left out.
    background : str, optional
        Class against which rejections are quoted: by default the one called QCD, else the first.
    efficiencies : sequence of float, 1
        Signal efficiencies of the rejections.
    num_replicas : int
        Bootstrap replicas.
    seed : int
        Seed of the bootstrap.
    level : float
        Probability content of the intervals.
    progress : Progress, optional
        Told of every replica.

    Returns
    -------
    Evaluation
        All figures; every one NaN where no jet has a label.

    Raises
    ------
    InputError
        If a working point is outside (0, 1], or ``background`` is no class.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> label = np.arange(200) % 2
    >>> p = 1.0 / (1.0 + np.exp(-generator.normal(2.0 * label - 1.0)))
    >>> ids, probabilities = np.arange(200, dtype=np.uint64), np.stack([1 - p, p], 1)
    >>> jets = Predictions(ids, label, np.ones(200), probabilities, ("QCD", "top"))
    >>> figures = evaluate_predictions(jets, num_replicas=50)
    >>> figures.auc_one_vs_one.low < figures.auc_one_vs_one.value < figures.auc_one_vs_one.high
    True
    """
    jets = predictions.labelled()
    reference = jets.background_index(background)
    wanted = working_points(efficiencies)
    if len(jets) == 0:
        return _without_figures(predictions, reference, level, num_replicas, seed)
    rankings = pair_rankings(jets, reference)
    pairs = [_pair_statistic(ranking, wanted) for ranking in rankings.values()]
    statistic = joined([_global_statistic(jets), *pairs])
    values = statistic(jets.weight)
    replicas = bootstrap(
        statistic, jets.label, weight=jets.weight, num_replicas=num_replicas, seed=seed, progress=progress
    )
    size = 1 + len(wanted) + len(_GRID)
    starts = len(FIGURE_NAMES) + size * np.arange(len(rankings))
    counts = np.bincount(jets.label, minlength=len(jets.classes))
    figures: dict[str, Any] = {
        name: (spread if name == "ece" else interval)(float(values[i]), replicas[:, i], level=level)
        for i, name in enumerate(FIGURE_NAMES)
    }
    return Evaluation(
        classes=jets.classes,
        background=jets.classes[reference],
        num_jets=len(jets),
        num_unlabelled=len(predictions) - len(jets),
        jets_per_class=tuple(counts.tolist()),
        sum_of_weights=float(jets.weight.sum()),
        **figures,
        ece_floor=ece_floor(jets.probabilities, jets.label, jets.weight),
        pairs=tuple(
            _pair_evaluation(
                (jets.classes[signal], jets.classes[reference]),
                ranking,
                jets.weight,
                wanted,
                values[start : start + size],
                replicas[:, start : start + size],
                level,
            )
            for (signal, ranking), start in zip(rankings.items(), starts, strict=True)
        ),
        confusion=tuple(map(tuple, confusion_matrix(jets.probabilities, jets.label, jets.weight).tolist())),
        level=level,
        num_replicas=num_replicas,
        seed=seed,
    )


def _without_figures(
    predictions: Predictions, background: int, level: float, num_replicas: int, seed: int
) -> Evaluation:
    """What can be said of jets without a label: how many there are."""
    K, nothing = len(predictions.classes), Interval(value=np.nan, low=np.nan, high=np.nan)
    figures: dict[str, Any] = dict.fromkeys(FIGURE_NAMES, nothing)
    return Evaluation(
        classes=predictions.classes,
        background=predictions.classes[background],
        num_jets=0,
        num_unlabelled=len(predictions),
        jets_per_class=(0,) * K,
        sum_of_weights=0.0,
        **figures,
        ece_floor=np.nan,
        pairs=(),
        confusion=((0.0,) * K,) * K,
        level=level,
        num_replicas=num_replicas,
        seed=seed,
    )


def pair_rankings(jets: Predictions, background: int) -> dict[int, Ranking]:
    """Order of the pair score of each signal class that has jets against the background class."""
    is_background = jets.label == background
    signals = [k for k in np.unique(jets.label).tolist() if k != background] if is_background.any() else []
    return {
        k: Ranking.of(pair_score(jets.probabilities, k, background), jets.label == k, (jets.label == k) | is_background)
        for k in signals
    }


def _global_statistic(jets: Predictions) -> Statistic:
    """The figures over all classes, in the order of ``FIGURE_NAMES``."""
    stated, is_right = top_statements(jets.probabilities, jets.label)
    loss = negative_log(jets.probabilities, jets.label)
    bins = equal_mass_bins(stated, jets.weight, NUM_BINS)
    excess = is_right - stated
    areas = macro_areas(jets.probabilities, jets.label)

    def figures(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        error = calibration_error(bins, excess, weight)
        right = weighted_mean(is_right.astype(np.float64), weight)
        return np.concatenate([[right], areas(weight), [weighted_mean(loss, weight), error]])

    return figures


def _pair_statistic(ranking: Ranking, wanted: NDArray[np.float64]) -> Statistic:
    """Area, background efficiency at the working points, and the ROC curve on the grid."""
    grid = np.concatenate([wanted, _GRID])

    def figures(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([[ranking.area(weight)], ranking.background_efficiency(grid, weight)[0]])

    return figures


def _pair_evaluation(
    classes: tuple[str, str],
    ranking: Ranking,
    weight: NDArray[np.float64],
    wanted: NDArray[np.float64],
    values: NDArray[np.float64],
    replicas: NDArray[np.float64],
    level: float,
) -> PairEvaluation:
    """Figures of one pair from its values and replicas."""
    points = ranking_rejections(ranking, wanted.tolist(), weight)
    total = len(ranking.background)
    curve = slice(1 + len(wanted), None)
    low, high = np.nanquantile(replicas[:, curve], [0.5 - level / 2.0, 0.5 + level / 2.0], axis=0)
    return PairEvaluation(
        signal=classes[0],
        background=classes[1],
        auc=interval(float(values[0]), replicas[:, 0], level=level),
        rejections=tuple(
            RejectionFigure(
                signal_efficiency=point.signal_efficiency,
                rejection=rejection_interval(point.value, replicas[:, 1 + i], total, level=level),
                num_background=point.num_background,
                threshold=point.threshold,
            )
            for i, point in enumerate(points)
        ),
        signal_efficiency=tuple(_GRID.tolist()),
        background_efficiency=tuple(values[curve].tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )
