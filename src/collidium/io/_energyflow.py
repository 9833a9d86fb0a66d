"""The EnergyFlow quark-gluon dataset: npz archives."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import Jets, event_ids
from collidium.io._kinematics import momenta_from_rapidity, summed, unpadded
from collidium.io._source import checked_jets, container_of, stream_of
from collidium.io._species import charge_and_mass, flags, known_species

CLASSES = ("gluon", "quark")
_PARTICLES, _LABELS = "X", "y"
# What zipfile, its codecs and NumPy raise on bytes that are not what their headers say.
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def recognise_energyflow(path: Path) -> bool:
    """Tell whether a file is a zip archive with ``X.npy`` and ``y.npy``."""
    if container_of(path) != "zip":
        return False
    with _open_zip(path) as archive:
        return {f"{_PARTICLES}.npy", f"{_LABELS}.npy"} <= set(archive.namelist())


def count_energyflow(path: Path, collection: str | None) -> int:
    """Number of jets in the file."""
    with _open_zip(path) as archive, _open_array(path, archive, _LABELS) as (shape, _, _):
        if len(shape) != 1:
            raise InputError(f"{path}: y {shape} is not (jets,)")
        return shape[0]


def read_energyflow(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read the EnergyFlow quark-gluon layout, row by row out of the archive.

    Parameters
    ----------
    path : Path
        npz file with X (N, P, 4) = (pT in GeV, rapidity, azimuth in rad, PDG number), zero-padded, and y (N,), 1 for
        a quark.
    collection : None
        The format has only one.
    step : int
        Jets at a time.

    Yields
    ------
    Jets
        Classes gluon (0) and quark (1); energies follow from the rapidity and the mass of the species, charge and
        species flags from the PDG number; the jet is the sum of its particles.

    Raises
    ------
    InputError
        If an array is missing, truncated, of objects (pickled) or of a wrong shape, a PDG number is not known, or the
        jets are invalid.

    References
    ----------
    Komiske, Metodiev, Thaler, "Energy flow networks: deep sets for particle jets", arXiv:1810.05165.
    """
    with (
        _open_zip(path) as archive,
        _open_array(path, archive, _PARTICLES) as (shape, dtype, stream),
        _open_array(path, archive, _LABELS) as (label_shape, label_dtype, label_stream),
    ):
        if len(shape) != 3 or shape[2] != 4 or label_shape != shape[:1]:
            raise InputError(f"{path}: X {shape} and y {label_shape} are not (jets, particles, 4) and (jets,)")
        identity = stream_of(path)
        for start in range(0, shape[0], step):
            count = min(step, shape[0] - start)
            values = _read(path, stream, (count, *shape[1:]), dtype)
            label = _read(path, label_stream, (count,), label_dtype)
            event_id = event_ids(identity, count, start=start)
            yield _jets(f"{path} (counting from entry {start})", values.astype(np.float64), label, event_id)


def _jets(source: str, values: NDArray[np.float64], label: NDArray[Any], event_id: NDArray[np.uint64]) -> Jets:
    """Padded (N, P, 4) rows as jets."""
    offsets, mask = unpadded(values)
    pt, rapidity, phi, code = values[mask].T
    unlike = np.flatnonzero((label != 0) & (label != 1))
    if len(unlike):
        raise InputError(f"{source}: y is {label[unlike[0]]} in jet {unlike[0]}; 0 (gluon) or 1 (quark) is needed")
    pdg = np.where(np.isfinite(code), code, 0).astype(np.int64)
    strange = np.flatnonzero(~known_species(pdg) | (pdg != code))
    if len(strange):
        raise InputError(f"{source}: PDG number {code[strange[0]]:g} in X is no known stable particle")
    charge, mass = charge_and_mass(pdg)
    particles: dict[str, NDArray[Any]] = {
        **momenta_from_rapidity(pt, rapidity, phi, mass),
        "part_charge": charge,
        **flags(pdg, charge),
    }
    scalars = {**summed(offsets, particles), "label": label, "weight": np.ones(len(label)), "event_id": event_id}
    return checked_jets(source, offsets, particles, scalars, CLASSES)


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turn what a damaged archive makes zipfile and NumPy raise into one line."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        reason = (str(error).strip("'\" ").splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{path}: {what} ({reason})") from error


@contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive; a damaged one is refused in one line."""
    with _reading(path, "damaged or truncated npz file"):
        archive = zipfile.ZipFile(path)
    with archive:
        yield archive


@contextmanager
def _open_array(
    path: Path, archive: zipfile.ZipFile, name: str
) -> Iterator[tuple[tuple[int, ...], np.dtype[Any], IO[bytes]]]:
    """Shape, type and open bytes of an array in the archive."""
    with _reading(path, f"array {name} is missing or damaged"):
        stream = archive.open(f"{name}.npy")
    with stream:
        with _reading(path, f"array {name} is damaged"):
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[np.lib.format.read_magic(stream)]
            shape, is_fortran, dtype = read_header(stream)
        if dtype.hasobject or is_fortran or dtype.kind not in "iuf":
            raise InputError(f"{path}: array {name} has type {dtype}, plain numbers in C order are needed")
        yield shape, dtype, stream


def _read(path: Path, stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The next rows of an array."""
    size = math.prod(shape) * dtype.itemsize
    with _reading(path, "damaged or truncated npz file"):
        content = stream.read(size)
    if len(content) != size:
        raise InputError(f"{path}: damaged or truncated npz file (an array ends early)")
    return np.frombuffer(content, dtype).reshape(shape)
