"""The top-tagging reference dataset: a pandas table in HDF5."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import Jets, event_ids
from collidium.io._hdf5 import open_hdf5, read_rows, reading, require
from collidium.io._kinematics import summed, unpadded
from collidium.io._source import checked_jets, container_of, stream_of

CLASSES = ("QCD", "top")
_TABLE, _LABEL = "table/table", "is_signal_new"
_COMPONENTS = ("E", "PX", "PY", "PZ")
_BLOCK = "values_block_"
_TEXT = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}


def recognise_toptagging(path: Path) -> bool:
    """Tell whether a file is an HDF5 file with a pandas table ``table``."""
    if container_of(path) != "hdf5":
        return False
    with open_hdf5(path) as file, reading(path):
        return _TABLE in file


def count_toptagging(path: Path, collection: str | None) -> int:
    """Number of jets in the file."""
    with open_hdf5(path) as file:
        return int(_table(path, file).shape[0])


def read_toptagging(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read the top-tagging reference layout.

    Parameters
    ----------
    path : Path
        HDF5 file with the pandas table ``table``: columns E_i, PX_i, PY_i, PZ_i in GeV for i = 0, 1, ... (200 in the
        public files), zero-padded, and ``is_signal_new``.
    collection : None
        The format has only one.
    step : int
        Jets at a time.

    Yields
    ------
    Jets
        Classes ``QCD`` (0) and ``top`` (1); the jet is the sum of its particles.

    Raises
    ------
    InputError
        If a column is missing or the jets are invalid.

    Notes
    -----
    pandas writes the column names as a pickle. Only the strings among its instructions are read; nothing is executed.

    References
    ----------
    Kasieczka et al., "The machine learning landscape of top taggers", arXiv:1902.09914.
    """
    with open_hdf5(path) as file:
        table = _table(path, file)
        places = _places(path, table)
        num_particles = _num_particles(path, places)
        stream = stream_of(path)
        for start in range(0, table.shape[0], step):
            rows = read_rows(path, table, start, start + step)
            with reading(path):
                p4 = np.stack(
                    [_columns(rows, places, [f"{name}_{i}" for i in range(num_particles)]) for name in _COMPONENTS],
                    axis=2,
                )
                label = _columns(rows, places, [_LABEL])[:, 0]
            yield _jets(f"{path} (counting from entry {start})", p4, label, event_ids(stream, len(rows), start=start))


def _jets(source: str, p4: NDArray[Any], label: NDArray[Any], event_id: NDArray[np.uint64]) -> Jets:
    """Padded (N, P, 4) momenta E, px, py, pz as jets."""
    for name, column in (("E_0", p4), (_LABEL, label)):
        if column.dtype.kind not in "biuf":
            raise InputError(f"{source}: column {name} has type {column.dtype}, plain numbers are needed")
    unlike = np.flatnonzero((label != 0) & (label != 1))
    if len(unlike):
        raise InputError(f"{source}: column {_LABEL} is {label[unlike[0]]} in jet {unlike[0]}; 0 or 1 is needed")
    offsets, mask = unpadded(p4)
    packed = p4[mask]
    particles = {name: packed[:, i] for i, name in enumerate(("part_energy", "part_px", "part_py", "part_pz"))}
    scalars = {**summed(offsets, particles), "label": label, "weight": np.ones(len(label)), "event_id": event_id}
    return checked_jets(source, offsets, particles, scalars, CLASSES)


def _table(path: Path, file: Any) -> Any:
    """The dataset that PyTables keeps the rows in."""
    table = require(path, file, _TABLE)
    if table.dtype.names is None or table.ndim != 1:
        raise InputError(f"{path}: dataset {_TABLE} is no pandas table (write it with format='table')")
    return table


def _places(path: Path, table: Any) -> dict[str, tuple[str, int]]:
    """Field and column in which each of the table's columns lies."""
    places: dict[str, tuple[str, int]] = {}
    for field in table.dtype.names:
        if not field.startswith(_BLOCK):
            places[field] = (field, 0)
            continue
        with reading(path):
            written = bytes(table.attrs[f"{field}_kind"])
        places |= {name: (field, i) for i, name in enumerate(_strings(path, field, written))}
    return places


def _strings(path: Path, field: str, pickled: bytes) -> list[str]:
    """The strings of a pickled list, found without executing it."""
    try:
        found = [arg for code, arg, _ in pickletools.genops(pickled) if code.name in _TEXT]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: column names of {field} cannot be read ({error})") from error
    return [str(name) for name in found]


def _num_particles(path: Path, places: dict[str, tuple[str, int]]) -> int:
    """How many particles the table has columns for; all components and the label must be there."""
    numbers = [int(match[1]) for name in places if (match := re.fullmatch(r"(?:E|PX|PY|PZ)_(\d+)", name))]
    num_particles = max(numbers, default=0) + 1
    needed = [*(f"{name}_{i}" for i in range(num_particles) for name in _COMPONENTS), _LABEL]
    for name in needed:
        if name not in places:
            raise InputError(f"{path}: column {name} is missing in the table")
    return num_particles


def _columns(rows: NDArray[Any], places: dict[str, tuple[str, int]], names: list[str]) -> NDArray[Any]:
    """Columns of the table by name, (N, number of names)."""
    fields = [places[name] for name in names]
    if len({field for field, _ in fields}) == 1 and rows[fields[0][0]].ndim == 2:
        return np.asarray(rows[fields[0][0]][:, [i for _, i in fields]])
    return np.stack([rows[field].reshape(len(rows), -1)[:, i] for field, i in fields], axis=1)
