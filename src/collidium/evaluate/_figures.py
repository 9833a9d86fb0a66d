"""Record of all figures of a tagger, and its way to JSON and back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from collidium.artifact import InputError
from collidium.evaluate._bootstrap import Interval

METRICS_NAME = "metrics.json"
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
    """All figures of one set of predictions; without labelled jets every figure is NaN and there are no pairs.

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

    @property
    def has_figures(self) -> bool:
        """Whether any jet has a label; without one there is nothing to compare predictions with."""
        return self.num_jets > 0

    def to_json(self) -> str:
        """Write as JSON: NaN becomes null, infinity ``"inf"``, so the document is standard JSON and loses nothing."""
        return json.dumps(_plain(asdict(self)), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @staticmethod
    def from_json(document: str) -> Evaluation:
        """Read back what :meth:`to_json` wrote; keys that do not belong to it are passed over.

        Parameters
        ----------
        document : str
            JSON; null is NaN.

        Returns
        -------
        Evaluation
            With the figures of the written one.

        Raises
        ------
        InputError
            If a figure is missing or damaged.
        """
        try:
            return _evaluation_from(json.loads(document))
        except KeyError as error:
            raise InputError(f"metrics: damaged document ({error} is missing)") from error
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise InputError(f"metrics: damaged document ({error})") from error

    @staticmethod
    def read(path: Path) -> Evaluation:
        """Read the figures of a predictions artifact.

        Parameters
        ----------
        path : Path
            The artifact, or its ``metrics.json``.

        Returns
        -------
        Evaluation
            All figures.

        Raises
        ------
        InputError
            If the document is absent or damaged; names it.

        Examples
        --------
        >>> Evaluation.read(Path("no/such/metrics.json"))
        Traceback (most recent call last):
            ...
        collidium.artifact._errors.InputError: no/such/metrics.json: no such file; evaluate the run first
        """
        file = path / METRICS_NAME if path.is_dir() else path
        if not file.is_file():
            raise InputError(f"{file}: no such file; evaluate the run first")
        try:
            return Evaluation.from_json(file.read_text(encoding="utf-8"))
        except (InputError, UnicodeDecodeError) as error:
            reason = error if isinstance(error, InputError) else "metrics: damaged document (it is no UTF-8 text)"
            raise InputError(f"{file}: {reason}") from error


def _evaluation_from(content: Any) -> Evaluation:
    """Evaluation from JSON; KeyError, TypeError or ValueError where it is damaged."""
    classes = tuple(_text(name) for name in _list(content["classes"]))
    background = _text(content["background"])
    if background not in classes:
        raise ValueError(f"background {background} is none of the classes")
    counts = tuple(_count(number) for number in _list(content["jets_per_class"], len(classes)))
    rows = _list(content["confusion"], len(classes))
    figures: dict[str, Any] = {
        **{name: _interval_from(content[name]) for name in FIGURE_NAMES},
        **{name: _count(content[name]) for name in ("num_jets", "num_unlabelled", "num_replicas", "seed")},
        **{name: _number(content[name]) for name in ("sum_of_weights", "ece_floor", "level")},
    }
    return Evaluation(
        classes=classes,
        background=background,
        jets_per_class=counts,
        confusion=tuple(_numbers(row, len(classes)) for row in rows),
        pairs=tuple(_pair_from(pair, classes) for pair in _list(content["pairs"])),
        **figures,
    )


def _pair_from(content: Any, classes: tuple[str, ...]) -> PairEvaluation:
    """Pair from JSON."""
    names = {name: _text(content[name]) for name in ("signal", "background")}
    if not set(names.values()) <= set(classes):
        raise ValueError(f"{' against '.join(names.values())} is no pair of the classes")
    curve = _numbers(content["signal_efficiency"])
    return PairEvaluation(
        signal=names["signal"],
        background=names["background"],
        auc=_interval_from(content["auc"]),
        rejections=tuple(
            RejectionFigure(
                signal_efficiency=_number(point["signal_efficiency"]),
                rejection=_interval_from(point["rejection"]),
                num_background=_count(point["num_background"]),
                threshold=_number(point["threshold"]),
            )
            for point in _list(content["rejections"])
        ),
        signal_efficiency=curve,
        background_efficiency=_numbers(content["background_efficiency"], len(curve)),
        low=_numbers(content["low"], len(curve)),
        high=_numbers(content["high"], len(curve)),
    )


def _interval_from(content: Any) -> Interval:
    """Interval from JSON."""
    return Interval(value=_number(content["value"]), low=_number(content["low"]), high=_number(content["high"]))


def _list(content: Any, length: int | None = None) -> list[Any]:
    """A list, of this length."""
    if not isinstance(content, list) or (length is not None and len(content) != length):
        raise TypeError(f"{content!r:.60} is no list{'' if length is None else f' of {length}'}")
    return content


def _numbers(content: Any, length: int | None = None) -> tuple[float, ...]:
    """Numbers from JSON."""
    return tuple(_number(item) for item in _list(content, length))


def _number(content: Any) -> float:
    """Number from JSON: null is NaN, "inf" infinity."""
    if content is None:
        return math.nan
    if isinstance(content, str) and content in ("inf", "-inf"):
        return float(content)
    if isinstance(content, bool) or not isinstance(content, int | float):
        raise TypeError(f"{content!r:.60} is no number")
    return float(content)


def _count(content: Any) -> int:
    """Count from JSON."""
    if isinstance(content, bool) or not isinstance(content, int) or content < 0:
        raise TypeError(f"{content!r:.60} is no count")
    return content


def _text(content: Any) -> str:
    """Text from JSON."""
    if not isinstance(content, str):
        raise TypeError(f"{content!r:.60} is no text")
    return content


def _plain(value: Any) -> Any:
    """Replace NaN by None and infinity by its name, everywhere."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
