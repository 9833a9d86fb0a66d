"""Configurations of a training and their way to JSON and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from collidium.artifact import InputError, unknown
from collidium.cloud import FEATURE_SETS
from collidium.models import BackboneConfig
from collidium.optim import OPTIMIZERS
from collidium.train._schedule import SCHEDULES

Precision = Literal["auto", "float32", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda"]
ClassBalance = Literal["none", "inverse"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained.

    Attributes
    ----------
    epochs : int
        Passes over the training split.
    steps : int or None
        Steps of the training, in place of ``epochs``.
    batch_size : int
        Jets in a step.
    max_particles : int
        Particles kept of each jet, the hardest.
    optimizer : str
        Key of ``collidium.optim.OPTIMIZERS``.
    lr : float, 1
        Largest learning rate.
    weight_decay : float, 1
        Decoupled weight decay.
    schedule : str
        Key of ``SCHEDULES``.
    warmup : float, 1
        Fraction of all steps in which the learning rate rises.
    decay : float, 1
        Fraction of all steps in which it falls, in the schedules with a flat part.
    clip : float or None
        Largest global norm of the gradient; a larger gradient is scaled down to it before the step.
    ema_decay : float or None
        Decay of an exponential moving average of the weights; validation and the best weights are then the average's.
    class_balance : {"none", "inverse"}
        ``inverse`` gives every class the same share of the loss, by the sums of weights in the training split.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products; ``auto`` is bfloat16 on a GPU and float32 on a CPU.
    device : {"auto", "cpu", "cuda"}
        Where to train; ``auto`` takes a GPU where there is one.
    patience : int or None
        Stop after so many epochs without a better validation loss.
    seed : int
        Decides initial weights, order of the data and dropout.
    log_every : int
        Steps between two rows of ``metrics.jsonl``; the end of an epoch always has one.
    checkpoint_every : int
        Steps between two checkpoints; the end of an epoch always has one.
    keep_checkpoints : int
        Checkpoints kept, the latest.

    Raises
    ------
    InputError
        If a value is outside its range or a name is unknown.
    """

    epochs: int = 20
    steps: int | None = None
    batch_size: int = 256
    max_particles: int = 128
    optimizer: str = "muon"
    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup: float = 0.05
    decay: float = 0.3
    clip: float | None = 1.0
    ema_decay: float | None = None
    class_balance: ClassBalance = "none"
    precision: Precision = "auto"
    device: DeviceName = "auto"
    patience: int | None = None
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "max_particles", "log_every", "checkpoint_every", "keep_checkpoints"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("steps", "patience"):
            _require(self, name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1, or None,")
        _require(self, "lr", 0 < self.lr < float("inf"), "a positive number")
        _require(self, "weight_decay", 0 <= self.weight_decay < float("inf"), "0 or a positive number")
        _require(self, "warmup", 0 <= self.warmup < 1, "a fraction from 0 to below 1")
        _require(self, "decay", 0 < self.decay <= 1, "a fraction above 0, at most 1,")
        _require(self, "clip", self.clip is None or self.clip > 0, "a positive number or None")
        _require(self, "ema_decay", self.ema_decay is None or 0 < self.ema_decay < 1, "a number in (0, 1) or None")
        _require(self, "seed", self.seed >= 0, "0 or a positive number")
        for name, allowed in (("class_balance", ("none", "inverse")), ("device", ("auto", "cpu", "cuda"))):
            _require_name(name.replace("_", " "), getattr(self, name), allowed)
        _require_name("precision", self.precision, ("auto", "float32", "bfloat16"))
        _require_name("schedule", self.schedule, SCHEDULES)
        _require_name("optimizer", self.optimizer, OPTIMIZERS)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides a run, beside the data.

    Attributes
    ----------
    model : configuration of a model
        The backbone and its sizes.
    features : str
        Key of ``collidium.cloud.FEATURE_SETS``.
    train : TrainConfig
        How it is trained.

    Raises
    ------
    InputError
        If the feature set is unknown.
    """

    model: BackboneConfig
    features: str = "kin"
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        _require_name("feature set", self.features, FEATURE_SETS)


CONFIG_TYPES: dict[str, type] = {kind.__name__: kind for kind in (RunConfig, TrainConfig, *get_args(BackboneConfig))}


def read_config(path: Path) -> RunConfig:
    """Read the configuration of a run.

    Parameters
    ----------
    path : Path
        A ``config.json`` as training writes it.

    Returns
    -------
    RunConfig
        Equal to the written one.

    Raises
    ------
    InputError
        If the file is absent or damaged, or names a type or field that this version does not know.
    """
    try:
        config = _from_plain(json.loads(path.read_text(encoding="utf-8")))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged configuration ({error})") from error
    if not isinstance(config, RunConfig):
        raise InputError(f"{path}: holds no RunConfig")
    return config


def _from_plain(value: object) -> object:
    """Undo ``to_plain``: records with a ``type`` become configurations, lists become tuples."""
    if isinstance(value, list):
        return tuple(_from_plain(item) for item in value)
    if not isinstance(value, dict):
        return value
    fields = {key: _from_plain(item) for key, item in value.items()}
    name = fields.pop("type", None)
    if not isinstance(name, str):
        return fields
    if name not in CONFIG_TYPES:
        raise unknown("configuration type", name, CONFIG_TYPES)
    return CONFIG_TYPES[name](**fields)


def _require(config: TrainConfig, name: str, holds: bool, allowed: str) -> None:
    """Raise an InputError naming a field, its value and what is allowed."""
    if not holds:
        raise InputError(f"train.{name} is {getattr(config, name)}; {allowed} is needed")


def _require_name(kind: str, name: str, allowed: Collection[str]) -> None:
    """Raise an InputError for a name that is not among the allowed ones."""
    if name not in allowed:
        raise unknown(kind, name, allowed)
