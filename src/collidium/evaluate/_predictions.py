"""Predictions of a tagger: what it said about each jet, and what the jet was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from collidium.artifact import InputError, atomic_write, unknown

PREDICTIONS_NAME = "predictions.parquet"
_CLASSES_KEY = b"collidium.classes"
_FIXED = ("event_id", "label", "weight")
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class probabilities of N jets.

    Attributes
    ----------
    event_id : ndarray of uint64, (N,)
        Number of each jet, the key by which two taggers are compared.
    label : ndarray of int64, (N,)
        True class, -1 for unlabelled.
    weight : ndarray, (N,), 1
        Weight of each jet, may be negative.
    probabilities : ndarray, (N, K), 1
        Probability of each class.
    classes : tuple of str, (K,)
        Names of the classes.

    Examples
    --------
    >>> ids, probabilities = np.arange(2, dtype=np.uint64), np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> predictions = Predictions(ids, np.array([0, -1]), np.ones(2), probabilities, ("QCD", "top"))
    >>> len(predictions), len(predictions.labelled())
    (2, 1)
    """

    event_id: NDArray[np.uint64]
    label: NDArray[np.int64]
    weight: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        N, K = len(self.event_id), len(self.classes)
        for name, wanted in (("label", (N,)), ("weight", (N,)), ("probabilities", (N, K))):
            shape = getattr(self, name).shape
            if shape != wanted:
                raise InputError(f"predictions: {name} has shape {shape}, {wanted} is needed")
        if N and not (self.label.min() >= -1 and self.label.max() < K):
            raise InputError(
                f"predictions: labels run from {self.label.min()} to {self.label.max()}; -1 to {K - 1} are allowed"
            )
        for name in ("weight", "probabilities"):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError(f"predictions: {name} holds NaN or infinity; finite values are needed")

    def __len__(self) -> int:
        return len(self.event_id)

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> Predictions:
        """Select jets by index or mask.

        Parameters
        ----------
        index : ndarray of int, (M,), or of bool, (N,)
            Jets to keep.

        Returns
        -------
        Predictions
            The chosen jets.
        """
        return Predictions(
            self.event_id[index], self.label[index], self.weight[index], self.probabilities[index], self.classes
        )

    def labelled(self) -> Predictions:
        """Jets with a known class."""
        return self.take(self.label >= 0)

    def by_event(self) -> Predictions:
        """The same jets in the order of their numbers: independent of how they were batched."""
        return self.take(np.argsort(self.event_id, kind="stable"))

    def background_index(self, name: str | None = None) -> int:
        """Class against which rejections are quoted.

        Parameters
        ----------
        name : str, optional
            Its name; by default the class called QCD, or the first class where there is none.

        Returns
        -------
        int
            Index of the class.

        Raises
        ------
        InputError
            If no class has this name.
        """
        return background_index(self.classes, name)

    def write(self, path: Path) -> None:
        """Write as Parquet: ``event_id``, ``label``, ``weight`` and one ``score_CLASS`` for each class.

        Parameters
        ----------
        path : Path
            File to write; appears whole or not at all.
        """
        columns = {"event_id": self.event_id, "label": self.label, "weight": self.weight}
        scores = {
            f"score_{name}": np.ascontiguousarray(p) for name, p in zip(self.classes, self.probabilities.T, strict=True)
        }
        table = pa.table(columns | scores)
        table = table.replace_schema_metadata({_CLASSES_KEY: json.dumps(self.classes).encode()})
        with atomic_write(path, "wb") as stream:
            parquet.write_table(table, stream, compression="zstd")

    @staticmethod
    def read(path: Path) -> Predictions:
        """Read a predictions artifact, or its Parquet file.

        Parameters
        ----------
        path : Path
            Folder or file. In a file of another program the classes are the ``score_`` columns in order.

        Returns
        -------
        Predictions
            All jets.

        Raises
        ------
        InputError
            If the file is absent, cut short or damaged, or lacks a column.
        """
        file = path / PREDICTIONS_NAME if path.is_dir() else path
        if not file.is_file():
            raise InputError(f"{file}: no such file; a predictions folder or Parquet file is needed")
        try:
            table = parquet.read_table(file)
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{file}: not a complete Parquet file ({reason})") from error
        try:
            return _from_table(table)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error


def background_index(classes: tuple[str, ...], name: str | None) -> int:
    """Index of the background class; as :meth:`Predictions.background_index`."""
    if name is None:
        return next((index for index, other in enumerate(classes) if other.lower() == "qcd"), 0)
    if name not in classes:
        raise unknown("background class", name, classes)
    return classes.index(name)


def _from_table(table: pa.Table) -> Predictions:
    """Predictions from a Parquet table."""
    found = f"found {', '.join(table.column_names)}"
    classes = _classes(table)
    if not classes:
        raise InputError(f"column score_* is missing; {found}")
    for name in (*_FIXED, *(f"score_{name}" for name in classes)):
        if table.column_names.count(name) != 1:
            problem = "missing" if name not in table.column_names else "there twice"
            raise InputError(f"column {name} is {problem}; {found}")
    scores = [_column(table, f"score_{name}", np.float64) for name in classes]
    return Predictions(
        _column(table, "event_id", np.uint64),
        _column(table, "label", np.int64),
        _column(table, "weight", np.float64),
        np.stack(scores, axis=1),
        classes,
    )


def _classes(table: pa.Table) -> tuple[str, ...]:
    """Names of the classes: as written beside the columns, else by the columns."""
    metadata = table.schema.metadata or {}
    if _CLASSES_KEY not in metadata:
        return tuple(name.removeprefix("score_") for name in table.column_names if name.startswith("score_"))
    try:
        names = json.loads(metadata[_CLASSES_KEY])
    except (RecursionError, ValueError) as error:
        raise InputError("the list of classes in its metadata is damaged") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("the list of classes in its metadata is damaged")
    return tuple(names)


def _column(table: pa.Table, name: str, kind: type[Number]) -> NDArray[Number]:
    """A column as numbers of one type, all of them there and unchanged."""
    column = table.column(name)
    if column.null_count:
        raise InputError(f"column {name} has {column.null_count} empty values; numbers are needed")
    values = column.to_numpy()
    if values.dtype.kind not in "biuf":
        raise InputError(f"column {name} has type {column.type}; numbers are needed")
    with np.errstate(invalid="ignore", over="ignore"):
        stored: NDArray[Number] = values.astype(kind)
    if np.dtype(kind).kind != "f" and not np.array_equal(stored, values):
        raise InputError(f"column {name} has values that are no {np.dtype(kind).name}; whole numbers are needed")
    return stored
