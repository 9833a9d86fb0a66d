"""What training asks of a dataset before it begins, and what a run remembers of it."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, atomic_write, json_dumps
from collidium.cloud import BatchPlan, Column, Dataset, Feature, FeatureSchema

DATA_NAME = "data.json"
_CLIP_JETS = 10_000
_BATCH_JETS = 1000
_MUCH_CLIPPED = 0.01
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """What a run knows of the data it was trained on.

    Attributes
    ----------
    columns : dict of str to Column
        The dataset's columns.
    classes : tuple of str
        Meaning of the labels and of the model's outputs.
    num_train, num_val : int
        Jets in the splits.
    truncated_particles, truncated_pt : float, 1
        Fractions of particles, and of summed pT, of the training split that ``max_particles`` cut away.
    clipped : dict of str to float, 1
        Fraction of the values of each feature that its clip changed, in the first 10 000 jets of the training split;
        empty in runs made before it was counted.
    """

    columns: dict[str, Column]
    classes: tuple[str, ...]
    num_train: int
    num_val: int
    truncated_particles: float
    truncated_pt: float
    clipped: dict[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        content = dataclasses.asdict(self) | {"columns": [dataclasses.asdict(c) for c in self.columns.values()]}
        with atomic_write(path, "w") as stream:
            stream.write(json_dumps(content))

    @staticmethod
    def read(path: Path) -> DataRecord:
        """Read a record.

        Parameters
        ----------
        path : Path
            A ``data.json``.

        Returns
        -------
        DataRecord
            Equal to the written one.

        Raises
        ------
        InputError
            If the file is absent or damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            columns = {item["name"]: Column(**item) for item in content.pop("columns")}
            return DataRecord(columns=columns, classes=tuple(content.pop("classes")), **content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged record of the training data ({error})") from error


def describe_data(train: BatchPlan, val: BatchPlan) -> DataRecord:
    """Look through the splits of a training once.

    Parameters
    ----------
    train, val : BatchPlan
        The plans of the two splits.

    Returns
    -------
    DataRecord
        With the truncated fractions, which are logged as a warning where they are not zero, and the clipped ones, which
        are where they are above 1 %.
    """
    particles, pt = train.truncated()
    if particles > 0:
        _LOGGER.warning(
            "%s: jets are cut to their %d hardest particles; %.3g %% of the particles and %.3g %% of pT are lost",
            train.dataset.path,
            train.max_particles,
            100 * particles,
            100 * pt,
        )
    clipped = clipped_fractions(train)
    for name, fraction in clipped.items():
        if fraction > _MUCH_CLIPPED:
            _LOGGER.warning("%s: the clip changes %.3g %% of feature %s", train.dataset.path, 100 * fraction, name)
    return DataRecord(
        columns=train.dataset.columns,
        classes=train.dataset.classes,
        num_train=train.num_jets,
        num_val=val.num_jets,
        truncated_particles=particles,
        truncated_pt=pt,
        clipped=clipped,
    )


def clipped_fractions(plan: BatchPlan) -> dict[str, float]:
    """Count the values that lie outside the clip of their feature.

    Parameters
    ----------
    plan : BatchPlan
        The data and the features; the first 10 000 jets are looked at.

    Returns
    -------
    dict of str to float, 1
        Fraction of values changed by the clip, by feature, particle features first.
    """
    features = (*plan.schema.particle, *plan.schema.jet)
    plain = dataclasses.replace(
        plan,
        schema=FeatureSchema(*(tuple(map(_unchanged, part)) for part in (plan.schema.particle, plan.schema.jet))),
        batch_size=min(_BATCH_JETS, plan.num_jets),
        is_shuffled=False,
        has_partial_batch=True,
    )
    clipped, totals = np.zeros(len(features)), np.zeros(len(features))
    for batch in islice(plain.epoch(), _CLIP_JETS // _BATCH_JETS):
        columns = (*batch.x.unbind(1), *batch.g.unbind(1))
        clipped += [int(feature.is_clipped(raw).sum()) for feature, raw in zip(features, columns, strict=True)]
        totals += [len(raw) for raw in columns]
    fractions = (clipped / np.maximum(totals, 1)).tolist()
    return {feature.name: fraction for feature, fraction in zip(features, fractions, strict=True)}


def _unchanged(feature: Feature) -> Feature:
    """The feature whose transform gives back the raw value."""
    return dataclasses.replace(feature, shift=0.0, scale=1.0, low=None, high=None)


def class_totals(dataset: Dataset) -> NDArray[np.float64]:
    """Sum the weights of each class in the training split, and refuse labels that cannot be learnt.

    Parameters
    ----------
    dataset : Dataset
        The data.

    Returns
    -------
    ndarray, (K,), 1
        Sums of absolute weights.

    Raises
    ------
    InputError
        If a label is outside the classes, or fewer than two classes have jets with weight.
    """
    K = len(dataset.classes)
    totals = np.zeros(K)
    for index in range(dataset.num_shards):
        rows = dataset.rows(index, "train")
        label = dataset.read_scalar(index, "label")[rows].astype(np.int64)
        weight = dataset.read_scalar(index, "weight")[rows]
        wrong = label[(label < -1) | (label >= K)]
        if len(wrong):
            allowed = f"-1 (unlabelled) to {K - 1} ({', '.join(dataset.classes)})"
            raise InputError(f"{dataset.shards[index]}: column label holds {wrong[0]}; {allowed} is allowed")
        known = label >= 0
        totals += np.bincount(label[known], np.abs(weight[known]).astype(np.float64), K)
    if np.count_nonzero(totals) < 2:
        found = ", ".join(name for name, total in zip(dataset.classes, totals, strict=True) if total) or "none"
        raise InputError(f"{dataset.path}: the train split has jets of the classes: {found}; two are needed at least")
    return totals
