"""What trigger networks are trained for: where samples come from, what they mean, how answers are measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import FEATURE_SETS, Dataset, split_of
from collidium.collide import JetArrays, jet_arrays
from collidium.detect import ChamberConfig, angle_resolution, fit_lines, simulate_muons
from collidium.firmware import Signal
from collidium.trigger._data import ArrayData
from collidium.trigger._teacher import soft_targets

_CHAMBER = ChamberConfig()


@dataclass(frozen=True)
class TaskSamples:
    """Samples of a task and what their numbers mean.

    Attributes
    ----------
    data : ArrayData
        The samples.
    signals : dict of str to tuple of Signal
        Meaning of the elements of each input, in flattened order.
    outputs : tuple of Signal
        Meaning of the network's outputs.
    """

    data: ArrayData
    signals: Mapping[str, tuple[Signal, ...]]
    outputs: tuple[Signal, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A source of samples and its figures."""

    objectives: ClassVar[tuple[str, ...]] = ()
    """Objectives that the targets are made for; none named: any."""

    @abstractmethod
    def samples(self, source: Path | None) -> TaskSamples:
        """Make the samples, from a dataset where the task reads one."""

    def inputs(self, source: Path | None) -> list[Path]:
        """Artifacts that the samples are made from."""
        return [] if source is None else [source]

    @abstractmethod
    def figures(self, outputs: NDArray[np.float64], x: Mapping[str, NDArray[Any]], y: NDArray[Any]) -> dict[str, float]:
        """Figures of merit of outputs (M, ...) for samples (M, *shape) with targets (M,)."""

    def references(self, y: NDArray[Any], *, num_bits: int) -> dict[str, float]:
        """Figures of other methods whose answers to targets (M, ...) take as many bits as the network's outputs."""
        return {}


@dataclass(frozen=True, kw_only=True)
class JetTask(Task):
    """Jets of a dataset by their class.

    Attributes
    ----------
    features : str
        ``jet16`` or ``groomed16`` for jet-level features, ``trigger3`` for particles.
    num_particles : int
        The hardest particles of a jet; of no meaning for jet-level features.
    teacher : str, optional
        Folder of another model's predictions for the split ``all``, from which the network learns beside the classes
        (:func:`soft_targets`).
    teacher_share : float, 1
        Weight of the other model's probabilities, in (0, 0.5].

    Examples
    --------
    >>> JetTask().figures(np.array([[0.0, 1.0], [2.0, 1.0]]), {}, np.array([1, 1]))
    {'accuracy': 0.5}
    """

    features: str = "jet16"
    num_particles: int = 16
    teacher: str | None = None
    teacher_share: float = 0.5

    def inputs(self, source: Path | None) -> list[Path]:
        """The dataset, and the predictions of the other model."""
        return super().inputs(source) + ([] if self.teacher is None else [Path(self.teacher)])

    def samples(self, source: Path | None) -> TaskSamples:
        """Read a dataset.

        Raises
        ------
        InputError
            If no dataset is named, it lacks a column, classes or a split, or the other model's predictions do not fit.
        """
        if source is None:
            raise InputError("this recipe learns from jets: name a dataset behind it")
        dataset = Dataset.open(source)
        arrays = jet_arrays(dataset, self.features, num_particles=self.num_particles)
        if arrays.y.min(initial=0) < 0:
            raise InputError(f"{source}: {int((arrays.y < 0).sum())} jets have no class, labels >= 0 are needed")
        x: dict[str, NDArray[Any]] = {"x": arrays.x}
        signals = {"x": _jet_signals(arrays, self.features)}
        if arrays.x.ndim == 3:
            x["valid"] = np.arange(arrays.x.shape[1]) < arrays.num_particles[:, None]
            signals["valid"] = tuple(Signal(name=f"valid[{index}]") for index in range(arrays.x.shape[1]))
        y: NDArray[Any] = arrays.y
        if self.teacher is not None:
            from collidium.evaluate import Predictions

            predictions = Predictions.read(Path(self.teacher))
            y = soft_targets(predictions, arrays.event_id, arrays.y, arrays.classes, share=self.teacher_share)
        outputs = tuple(Signal(name=name) for name in arrays.classes)
        return TaskSamples(ArrayData(x, y, arrays.split), signals, outputs)

    def figures(self, outputs: NDArray[np.float64], x: Mapping[str, NDArray[Any]], y: NDArray[Any]) -> dict[str, float]:
        """Share of right answers."""
        return {"accuracy": float((outputs.argmax(1) == (y if y.ndim == 1 else y.argmax(1))).mean())}


@dataclass(frozen=True, kw_only=True)
class MuonTask(Task):
    """Muons in simulated thin-gap chambers by their angle; ``x`` are the hits (channels, gaps).

    Attributes
    ----------
    num_muons : int
        How many.
    seed : int
        Fixes every muon.
    chamber : ChamberConfig
        The chambers.

    Examples
    --------
    >>> made = MuonTask(num_muons=100).samples(None)
    >>> made.data.x["x"].shape, made.outputs[0].unit
    ((100, 50, 7), 'mrad')
    """

    num_muons: int = 200_000
    seed: int = 1
    chamber: ChamberConfig = _CHAMBER

    def samples(self, source: Path | None) -> TaskSamples:
        """Simulate.

        Raises
        ------
        InputError
            If a dataset is named.
        """
        if source is not None:
            raise InputError(f"{source}: this recipe simulates its own data, no dataset is needed")
        if self.num_muons < 1:
            raise InputError(f"num_muons is {self.num_muons}: at least 1 is needed")
        muons = simulate_muons(self.chamber, self.num_muons, seed=self.seed)
        hits = np.ascontiguousarray(muons.hits.transpose(0, 2, 1))
        names = [f"gap{gap}[{channel}]" for channel in range(hits.shape[1]) for gap in range(hits.shape[2])]
        data = ArrayData({"x": hits}, muons.angle.astype(np.float32), split_of(muons.event_id))
        return TaskSamples(
            data, {"x": tuple(Signal(name=name) for name in names)}, (Signal(name="angle", unit="mrad"),)
        )

    def figures(self, outputs: NDArray[np.float64], x: Mapping[str, NDArray[Any]], y: NDArray[Any]) -> dict[str, float]:
        """Core resolution, and that of the straight line of least chi-square through the same hits."""
        hits = x["x"].astype(np.bool_).transpose(0, 2, 1)
        true = y.astype(np.float64)
        found = angle_resolution(outputs.reshape(-1), true)
        line = angle_resolution(fit_lines(self.chamber, hits).angle, true)
        return {
            "core_mrad": found.core,
            "outside": found.outside,
            "line_fit_core_mrad": line.core,
            "line_fit_outside": line.outside,
        }


def _jet_signals(arrays: JetArrays, features: str) -> tuple[Signal, ...]:
    """Scale and offset from the quantity itself: the schema's transform and the standardisation in one."""
    schema = FEATURE_SETS.get(features)
    known = {} if schema is None else {feature.name: feature for feature in (schema.jet or schema.particle)}
    signals = []
    for name, shift, scale in zip(arrays.features, arrays.shift.tolist(), arrays.scale.tolist(), strict=True):
        feature = known.get(name)
        unit, first, factor = ("1", 0.0, 1.0) if feature is None else (feature.unit, feature.shift, feature.scale)
        signals.append(Signal(name=name, unit=unit, scale=factor / scale, offset=first + shift / factor))
    if arrays.x.ndim == 2:
        return tuple(signals)
    places = range(arrays.x.shape[1])
    return tuple(replace(signal, name=f"{signal.name}[{place}]") for place in places for signal in signals)
