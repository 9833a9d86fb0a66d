"""A finished training, opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from collidium.artifact import InputError, Manifest, read_manifest
from collidium.cloud import FEATURE_SETS, FEATURES, Column, Dataset, FeatureSchema
from collidium.models import JetModel
from collidium.train._checkpoint import AVERAGE_NAME, MODEL_NAME, checkpoint_path, find_checkpoints, load_weights
from collidium.train._config import RunConfig, read_config
from collidium.train._data import DATA_NAME, DataRecord
from collidium.train._job import build_model
from collidium.train._rows import METRICS_NAME, TIMINGS_NAME, Row, read_rows
from collidium.train._weights import check_label

CONFIG_NAME = "config.json"
SCHEMA_NAME = "schema.json"
ROUTING_NAME = "routing.txt"
BEST_NAME = "best.safetensors"
WeightsName = Literal["best", "last", "ema"]


@dataclass(frozen=True)
class Run:
    """A run artifact opened for reading.

    Attributes
    ----------
    path : Path
        Its folder.
    manifest : Manifest
        How it was made.
    config : RunConfig
        The resolved configuration.
    schema : FeatureSchema
        The inputs of the model.
    data : DataRecord
        What is known of the training data.
    """

    path: Path
    manifest: Manifest
    config: RunConfig
    schema: FeatureSchema
    data: DataRecord

    @staticmethod
    def open(path: Path) -> Run:
        """Open a run.

        Parameters
        ----------
        path : Path
            Folder of the artifact.

        Returns
        -------
        Run
            No weights are read yet.

        Raises
        ------
        InputError
            If it is no run, a file is damaged, or this version computes a feature otherwise.
        """
        manifest = read_manifest(path, "run")
        schema = _read_schema(path / SCHEMA_NAME)
        return Run(path, manifest, read_config(path / CONFIG_NAME), schema, DataRecord.read(path / DATA_NAME))

    @property
    def columns(self) -> dict[str, Column]:
        """Columns of the training data, by name."""
        return self.data.columns

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's K outputs, in order."""
        return self.data.classes

    @property
    def routing(self) -> str:
        """The table that says which parameter went to which optimizer, and why."""
        return (self.path / ROUTING_NAME).read_text(encoding="utf-8")

    def metrics(self) -> list[Row]:
        """Read the figures of the training.

        Returns
        -------
        list of dict
            Rows with ``step``, ``epoch`` (from 1), ``lr``, ``train_loss`` and ``gradient_norm`` (means since the row
            before) and, at the end of an epoch, ``val_loss`` and ``val_accuracy``; all dimensionless.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        return read_rows(self.path / METRICS_NAME)

    def timings(self) -> list[Row]:
        """Read the speed of the training.

        Returns
        -------
        list of dict
            Rows with ``step``, ``seconds`` and ``jets_per_second`` since the row before, validation left out.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        return read_rows(self.path / TIMINGS_NAME)

    def model(self, weights: WeightsName = "best") -> JetModel:
        """Build the model with trained weights.

        Parameters
        ----------
        weights : {"best", "last", "ema"}
            Of the smallest validation loss (of the moving average where the training has one), of the last step, or the
            moving average at the last step.

        Returns
        -------
        JetModel
            On the CPU, in evaluation mode.

        Raises
        ------
        InputError
            If the run has no such weights, or they are damaged or were trained for other features or classes.
        """
        path = self._weights_path(weights)
        model = build_model(self.config, self.schema, len(self.classes))
        check_label(path, load_weights(model, path), self.schema, self.classes)
        return model.eval()

    def check(self, dataset: Dataset) -> None:
        """Refuse data that the model was not trained for.

        Parameters
        ----------
        dataset : Dataset
            The data. Recorded data have no classes, and only their columns are compared.

        Raises
        ------
        InputError
            Naming the columns that are missing or in another unit, or the classes that differ.
        """
        self.schema.check(dataset.columns, str(dataset.path))
        if dataset.classes and dataset.classes != self.classes:
            raise InputError(
                f"{dataset.path}: the classes are {', '.join(dataset.classes)}; "
                f"the model of {self.path} was trained for {', '.join(self.classes)}"
            )

    def _weights_path(self, weights: WeightsName) -> Path:
        """The file of named weights."""
        if weights == "best":
            return self.path / BEST_NAME
        steps = find_checkpoints(self.path)
        if not steps:
            raise InputError(f"{self.path}: the run has no checkpoint; its best weights can be had")
        if weights == "ema" and self.config.train.ema_decay is None:
            raise InputError(f"{self.path}: the run has no moving average; train with ema_decay")
        return checkpoint_path(self.path, steps[-1]) / (MODEL_NAME if weights == "last" else AVERAGE_NAME)


def _read_schema(path: Path) -> FeatureSchema:
    """The features of a run, which this version must compute in the same way."""
    try:
        schema = FeatureSchema.from_json(path.read_text(encoding="utf-8"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    known_features = {name: feature for name, (feature, _) in FEATURES.items()}
    known_features |= {feature.name: feature for entry in FEATURE_SETS.values() for feature in entry.jet}
    for feature in (*schema.particle, *schema.jet):
        known = known_features[feature.name]
        for name in ("unit", "formula", "columns"):
            if getattr(feature, name) != getattr(known, name):
                raise InputError(
                    f"{path}: the {name} of feature {feature.name} is {getattr(feature, name)}; "
                    f"this version has {getattr(known, name)}"
                )
    return schema
