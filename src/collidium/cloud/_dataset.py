"""Datasets on disk: memory-mapped Arrow shards and a schema."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, Manifest, atomic_write, json_dumps, missing_extra, read_manifest
from collidium.cloud._columns import COLUMNS, MOMENTUM_COLUMNS, REQUIRED_SCALARS, Column
from collidium.cloud._jets import Jets
from collidium.cloud._split import SPLITS, SplitName, split_of

if TYPE_CHECKING:
    import pyarrow

SCHEMA_NAME = "schema.json"


class DatasetWriter:
    """Writes the shards of a dataset, each whole or not at all.

    Parameters
    ----------
    folder : Path
        Existing folder, e.g. the one that ``building(..., kind="dataset")`` gives.
    columns : sequence of Column
        The columns that each shard will carry; the four momenta and ``REQUIRED_SCALARS`` among them.
    classes : sequence of str
        Meaning of the labels.

    Raises
    ------
    InputError
        If a column that must be there is not.
    """

    def __init__(self, folder: Path, columns: Sequence[Column], classes: Sequence[str]) -> None:
        names = {column.name for column in columns}
        missing = [name for name in (*MOMENTUM_COLUMNS, *REQUIRED_SCALARS) if name not in names]
        if missing:
            raise InputError(f"{folder}: a dataset needs the column {missing[0]}")
        self._folder = folder
        self._columns = tuple(columns)
        self._classes = tuple(classes)
        with atomic_write(folder / SCHEMA_NAME, "w") as stream:
            stream.write(json_dumps({"columns": [dataclasses.asdict(c) for c in columns], "classes": list(classes)}))

    def shard_path(self, index: int) -> Path:
        """Path of a shard."""
        return self._folder / f"part-{index:05d}.arrow"

    def write_shard(self, index: int, jets: Jets) -> None:
        """Write one shard.

        Parameters
        ----------
        index : int
            Number of the shard.
        jets : Jets
            Its jets; particles sorted by descending pT.

        Raises
        ------
        InputError
            If the jets are invalid, lack a column or have other classes.
        """
        path = self.shard_path(index)
        jets.validate(str(path))
        if jets.classes != self._classes:
            raise InputError(f"{path}: classes {jets.classes} differ from the dataset's {self._classes}")
        label = jets.scalars.get("label", np.zeros(0))
        wrong = np.flatnonzero((label < -1) | (label >= len(self._classes)))
        if len(wrong):
            allowed = f"-1 to {len(self._classes) - 1} are allowed"
            raise InputError(f"{path}: column label is {label[wrong[0]]} in jet {wrong[0]}; {allowed}")
        pa = _arrow()
        batch = pa.record_batch([self._array(column, jets, path) for column in self._columns], self._arrow_schema())
        with atomic_write(path) as stream, pa.ipc.new_file(stream, batch.schema) as writer:
            writer.write_batch(batch)

    def _arrow_schema(self) -> pyarrow.Schema:
        pa = _arrow()
        types = ((c, pa.from_numpy_dtype(c.numpy_dtype)) for c in self._columns)
        return pa.schema(
            [pa.field(c.name, pa.list_(t) if c.scope == "particle" else t, nullable=False) for c, t in types]
        )

    def _array(self, column: Column, jets: Jets, path: Path) -> pyarrow.Array:
        """One column as Arrow holds it."""
        values = (jets.particles if column.scope == "particle" else jets.scalars).get(column.name)
        if values is None:
            raise InputError(f"{path}: column {column.name} is missing")
        pa = _arrow()
        flat = pa.array(np.ascontiguousarray(values, dtype=column.numpy_dtype))
        if column.scope == "jet":
            return flat
        return pa.ListArray.from_arrays(pa.array(jets.offsets.astype(np.int32)), flat)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset artifact opened for reading.

    Attributes
    ----------
    path : Path
        Its folder.
    manifest : Manifest
        How it was made.
    columns : dict of str to Column
        The columns of every shard.
    classes : tuple of str
        Meaning of the labels.
    shards : tuple of Path
        The shard files in order.
    """

    path: Path
    manifest: Manifest
    columns: dict[str, Column]
    classes: tuple[str, ...]
    shards: tuple[Path, ...]

    @staticmethod
    def open(path: Path) -> Dataset:
        """Open a dataset.

        Parameters
        ----------
        path : Path
            Folder of the artifact.

        Returns
        -------
        Dataset
            Nothing but the schema is read yet.

        Raises
        ------
        InputError
            If it is no dataset, its schema is damaged, or a shard that the manifest lists is absent.
        """
        manifest = read_manifest(path, "dataset")
        document = path / SCHEMA_NAME
        try:
            content = json.loads(document.read_text(encoding="utf-8"))
            columns = {item["name"]: Column(**item) for item in content["columns"]}
            classes = tuple(str(name) for name in content["classes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{document}: damaged dataset schema ({error})") from error
        shards = tuple(path / name for name in sorted(manifest.files) if name.endswith(".arrow"))
        absent = [shard for shard in shards if not shard.is_file()]
        if absent:
            raise InputError(f"{absent[0]}: shard is missing")
        return Dataset(path, manifest, columns, classes, shards)

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return len(self.shards)

    @property
    def num_jets(self) -> int:
        """Number of jets in all shards."""
        return sum(len(self.read_scalar(i, "event_id")) for i in range(self.num_shards))

    def read_shard(self, index: int, *, columns: Collection[str] | None = None) -> Jets:
        """Map one shard into memory.

        Parameters
        ----------
        index : int
            Number of the shard.
        columns : collection of str, optional
            Columns of the dataset to map, a particle column among them; all by default.

        Returns
        -------
        Jets
            Columns are read-only views of the file; pages are loaded when touched and freed with the last view.

        Raises
        ------
        InputError
            If the file is truncated or its columns are not those of the schema.
        """
        table = self._map(index)
        particles, scalars = {}, {}
        offsets: NDArray[np.int64] | None = None
        wanted = self.columns if columns is None else {name: self.columns[name] for name in columns}
        for column in wanted.values():
            array = table.column(column.name)
            if column.scope == "jet":
                scalars[column.name] = array.to_numpy(zero_copy_only=True)
                continue
            starts = array.offsets.to_numpy()
            particles[column.name] = array.values.to_numpy(zero_copy_only=True)
            if offsets is None:
                offsets = starts.astype(np.int64)
            elif not np.array_equal(offsets, starts):
                raise InputError(f"{self.shards[index]}: column {column.name} has other particle counts than the first")
        assert offsets is not None
        return Jets(offsets, particles, scalars, self.classes)

    def read_scalar(self, index: int, name: str) -> NDArray[Any]:
        """Read one jet column of a shard, (N,), without touching the others."""
        column: NDArray[Any] = self._map(index).column(name).to_numpy(zero_copy_only=True)
        return column

    def rows(self, index: int, split: SplitName) -> NDArray[np.int64]:
        """Rows of a shard that belong to a split, ascending; every row for ``"all"``."""
        event_id = self.read_scalar(index, "event_id").astype(np.uint64)
        if split == "all":
            return np.arange(len(event_id))
        return np.flatnonzero(split_of(event_id) == SPLITS.index(split))

    def read_split(self, split: SplitName, *, limit: int | None = None) -> Jets:
        """Read a split into memory, in order of storage.

        Parameters
        ----------
        split : {"train", "val", "test", "all"}
            Which part.
        limit : int, optional
            Stop after so many jets.

        Returns
        -------
        Jets
            Copied columns.

        Raises
        ------
        InputError
            If the split has no jets.
        """
        parts, found = [], 0
        for jets, rows in self._parts(split):
            take = rows if limit is None else rows[: limit - found]
            parts.append(jets.take(take))
            found += len(take)
            if limit is not None and found >= limit:
                break
        if not found:
            raise InputError(f"{self.path}: the {split} split has no jets")
        return Jets.concat(parts)

    def _parts(self, split: SplitName) -> Iterator[tuple[Jets, NDArray[np.int64]]]:
        for index in range(self.num_shards):
            yield self.read_shard(index), self.rows(index, split)

    def _map(self, index: int) -> pyarrow.RecordBatch:
        """The only record batch of a shard, memory-mapped."""
        pa = _arrow()
        path = self.shards[index]
        try:
            with pa.memory_map(str(path)) as source:
                reader = pa.ipc.open_file(source)
                count = reader.num_record_batches
                if count != 1:
                    raise InputError(f"{path}: holds {count} record batches, a shard has one")
                batch = reader.get_batch(0)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: damaged or truncated Arrow file ({str(error).splitlines()[0]})") from error
        absent = [name for name in self.columns if name not in batch.schema.names]
        if absent:
            raise InputError(f"{path}: column {absent[0]} is missing; the dataset's schema lists it")
        return batch


def columns_of(jets: Jets) -> tuple[Column, ...]:
    """The registered columns that jets carry, in the registry's order.

    Parameters
    ----------
    jets : Jets
        Any jets.

    Returns
    -------
    tuple of Column
        Columns of both scopes.
    """
    carried: Mapping[str, object] = {**jets.particles, **jets.scalars}
    return tuple(column for name, column in COLUMNS.items() if name in carried)


def _arrow() -> ModuleType:
    """The Arrow library, needed only where datasets are read or written."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise missing_extra("pyarrow", "io") from error
    module: ModuleType = pyarrow
    return module
