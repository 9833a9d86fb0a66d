"""Record of all figures of a tagger, and its way to JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from collidium.artifact import InputError
from collidium.evaluate._bootstrap import Interval

FIGURE_NAMES = ("accuracy", "auc_one_vs_one", "auc_one_vs_rest", "nll", "ece")


@dataclass(frozen=True, kw_only=True)
class RejectionFigure:
    """Background rejection at one working point, with what it rests on.

    Attributes
    ----------
    signal_efficiency : float
        The working point.
    rejection : Interval
        1 / background efficiency.
    num_background : int
        Background jets that pass.
    threshold : float
        Pair score at the working point.
    """

    signal_efficiency: float
    rejection: Interval
    num_background: int
    threshold: float


@dataclass(frozen=True, kw_only=True)
class PairEvaluation:
    """One signal class against the background class, other classes dropped.

    Attributes
    ----------
    signal, background : str
        The classes.
    auc : Interval
        Area of the pair score p_S / (p_S + p_B).
    rejections : tuple of RejectionFigure
        At each working point.
    signal_efficiency : tuple of float, (100,)
        Grid of the ROC curve.
    background_efficiency, low, high : tuple of float, (100,)
        The curve and the band of its bootstrap interval.
    """

    signal: str
    background: str
    auc: Interval
    rejections: tuple[RejectionFigure, ...]
    signal_efficiency: tuple[float, ...]
    background_efficiency: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All figures of one set of predictions.

    Attributes
    ----------
    classes : tuple of str, (K,)
        The classes.
    background : str
        The class against which rejections are quoted.
    num_jets : int
        Labelled jets.
    num_unlabelled : int
        Jets left out because their class is unknown.
    jets_per_class : tuple of int, (K,)
        Labelled jets of each class.
    sum_of_weights : float
        Of the labelled jets.
    accuracy, auc_one_vs_one, auc_one_vs_rest, nll, ece : Interval
        See the functions of these names; for two classes both areas are the binary AUC.
    ece_floor : float
        Calibration error that fluctuations alone would give.
    pairs : tuple of PairEvaluation
        Every signal class that has jets against the background class.
    confusion : tuple of tuple of float, (K, K)
        Weight by true (row) and predicted (column) class.
    level : float
        Probability content of the intervals.
    num_replicas : int
        Bootstrap replicas.
    seed : int
        Seed of the bootstrap.
    """

    classes: tuple[str, ...]
    background: str
    num_jets: int
    num_unlabelled: int
    jets_per_class: tuple[int, ...]
    sum_of_weights: float
    accuracy: Interval
    auc_one_vs_one: Interval
    auc_one_vs_rest: Interval
    nll: Interval
    ece: Interval
    ece_floor: float
    pairs: tuple[PairEvaluation, ...]
    confusion: tuple[tuple[float, ...], ...]
    level: float
    num_replicas: int
    seed: int

    def to_json(self) -> str:
        """Write as JSON; figures that are not finite become null."""
        return json.dumps(_without_non_finite(asdict(self)), indent=2, sort_keys=True) + "\n"

    @staticmethod
    def from_json(document: str) -> Evaluation:
        """Read back what :meth:`to_json` wrote; keys that do not belong to it are passed over.

        Parameters
        ----------
        document : str
            JSON. A rejection of null is infinite, any other null is NaN.

        Returns
        -------
        Evaluation
            Equal to the written one.

        Raises
        ------
        InputError
            If a figure is missing or damaged.
        """
        try:
            content = json.loads(document)
            figures: dict[str, Any] = {name: _interval_from(content[name], np.nan) for name in FIGURE_NAMES}
            plain = {name: content[name] for name in ("background", "num_jets", "num_unlabelled", "sum_of_weights")}
            run = {name: content[name] for name in ("ece_floor", "level", "num_replicas", "seed")}
            return Evaluation(
                classes=tuple(content["classes"]),
                jets_per_class=tuple(content["jets_per_class"]),
                confusion=tuple(tuple(row) for row in content["confusion"]),
                pairs=tuple(_pair_from(pair) for pair in content["pairs"]),
                **figures,
                **plain,
                **run,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"metrics: damaged document ({type(error).__name__}: {error})") from error


def _interval_from(content: dict[str, float | None], missing: float) -> Interval:
    """Interval from JSON, null replaced."""
    return Interval(**{key: missing if value is None else float(value) for key, value in content.items()})


def _pair_from(content: dict[str, Any]) -> PairEvaluation:
    """Pair from JSON."""
    rejections = [
        RejectionFigure(**{**point, "rejection": _interval_from(point["rejection"], np.inf)})
        for point in content["rejections"]
    ]
    curves = ("signal_efficiency", "background_efficiency", "low", "high")
    return PairEvaluation(
        signal=content["signal"],
        background=content["background"],
        auc=_interval_from(content["auc"], np.nan),
        rejections=tuple(rejections),
        **{name: tuple(np.nan if x is None else x for x in content[name]) for name in curves},
    )


def _without_non_finite(value: Any) -> Any:
    """Replace NaN and infinity by None, everywhere."""
    if isinstance(value, dict):
        return {key: _without_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_non_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
