"""What every reader does with a file: look at its first bytes, name its jets, hand them over in order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import MANIFEST_NAME, InputError
from collidium.cloud import COLUMNS, Jets

Container = Literal["root", "hdf5", "zip", "artifact"]

_MAGIC: dict[bytes, Container] = {b"root": "root", b"\x89HDF": "hdf5", b"PK\x03\x04": "zip"}
_SAMPLE_BYTES = 1 << 20


def container_of(path: Path) -> Container | None:
    """Tell the container of a file from its first bytes.

    Parameters
    ----------
    path : Path
        A file, or the folder of an artifact.

    Returns
    -------
    {"root", "hdf5", "zip", "artifact"} or None
        None for anything else.

    Raises
    ------
    InputError
        If the path does not exist, is no regular file, is empty, or is a folder without a manifest.
    """
    if path.is_dir():
        if not (path / MANIFEST_NAME).is_file():
            raise InputError(f"{path}: is a folder without {MANIFEST_NAME}; a data file or a dataset folder is needed")
        return "artifact"
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_file():
        raise InputError(f"{path}: is not a regular file")
    with path.open("rb") as stream:
        start = stream.read(4)
    if not start:
        raise InputError(f"{path}: is empty (0 bytes)")
    return _MAGIC.get(start)


def stream_of(path: Path, collection: str | None = None) -> int:
    """Identity of a file's jets, from its content: the same wherever the file lies and whatever its name.

    Parameters
    ----------
    path : Path
        A file; its size and its first and last mebibyte are hashed.
    collection : str, optional
        Which collection of the file.

    Returns
    -------
    int
        64 bits, for :func:`collidium.cloud.event_ids`.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size} {collection or ''}".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_SAMPLE_BYTES))
        stream.seek(max(0, size - _SAMPLE_BYTES))
        digest.update(stream.read(_SAMPLE_BYTES))
    return int.from_bytes(digest.digest()[:8], "little")


def checked_jets(
    source: str,
    offsets: NDArray[np.int64],
    particles: Mapping[str, NDArray[Any]],
    scalars: Mapping[str, NDArray[Any]],
    classes: tuple[str, ...],
) -> Jets:
    """Give columns their stored types, refuse what cannot be a jet, and sort the particles by pT.

    Parameters
    ----------
    source : str
        Named in messages.
    offsets : ndarray of int64, (N + 1,)
        Rows of each jet.
    particles, scalars : mapping of str to ndarray
        Columns named as in ``COLUMNS``, in its units.
    classes : tuple of str
        Meaning of the labels.

    Returns
    -------
    Jets
        Ready to be written.

    Raises
    ------
    InputError
        If a whole-number column has other values than its type can hold, and as
        :meth:`collidium.cloud.Jets.validate`.
    """
    jets = Jets(
        np.asarray(offsets, dtype=np.int64),
        {name: _stored(source, name, column) for name, column in particles.items()},
        {name: _stored(source, name, column) for name, column in scalars.items()},
        classes,
    )
    jets.validate(source)
    return jets.sorted_by_pt()


def _stored(source: str, name: str, column: NDArray[Any]) -> NDArray[Any]:
    """A column in its registered type; a number that a whole-number type cannot hold exactly is refused."""
    dtype = COLUMNS[name].numpy_dtype
    if dtype.kind in "iu" and column.dtype.kind == "f" and not np.all(np.isfinite(column)):
        raise InputError(f"{source}: column {name} has NaN or infinite values; finite values are needed")
    with np.errstate(over="ignore", invalid="ignore"):
        stored = np.asarray(column).astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(stored, column):
        first, limits = column[stored != column][0], np.iinfo(dtype.name)
        raise InputError(
            f"{source}: column {name} has the value {first}; whole numbers from {limits.min} to {limits.max} are needed"
        )
    return stored
