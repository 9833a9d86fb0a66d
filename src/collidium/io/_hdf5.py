"""HDF5 files; the one file that knows h5py."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, missing_extra

# What h5py raises on bytes that are not what their headers say.
_DAMAGE = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading, with the compression filters of hdf5plugin where it is installed.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    h5py.File
        The open file.

    Raises
    ------
    InputError
        If the file is damaged or truncated, or h5py is not installed.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise missing_extra("h5py", "io") from error
    if importlib.util.find_spec("hdf5plugin") is not None:
        importlib.import_module("hdf5plugin")
    with reading(path):
        file = h5py.File(path, "r")
    try:
        yield file
    finally:
        file.close()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a damaged HDF5 file makes h5py raise into one line."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        reason = (str(error).strip("'\" ").splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{path}: damaged or truncated HDF5 file ({reason})") from error


def require(path: Path, file: Any, name: str) -> Any:
    """A dataset with rows, by name; InputError when it is absent, a group or a single value."""
    import h5py

    with reading(path):
        if name not in file:
            raise InputError(f"{path}: dataset {name} is missing (found: {', '.join(sorted(file)) or 'nothing'})")
        found = file[name]
        if not isinstance(found, h5py.Dataset):
            raise InputError(f"{path}: {name} is a group, a dataset is needed")
        if not found.shape or found.dtype.itemsize == 0:
            raise InputError(f"{path}: dataset {name} has no rows, a list is needed")
    return found


def read_rows(path: Path, dataset: Any, start: int, stop: int) -> NDArray[Any]:
    """Rows of a dataset as an array."""
    with reading(path):
        return np.asarray(dataset[start:stop])
