"""The hls4ml LHC jet dataset with up to 150 particles: HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import Jets, event_ids
from collidium.io._hdf5 import open_hdf5, read_rows, reading, require
from collidium.io._kinematics import summed, unpadded
from collidium.io._source import checked_jets, container_of, stream_of

CLASSES = ("g", "q", "w", "z", "t")
_PARTICLES, _JETS = "jetConstituentList", "jets"
_PARTICLE_NAMES, _JET_NAMES = "particleFeatureNames", "jetFeatureNames"
_COMPONENTS = {"part_px": "j1_px", "part_py": "j1_py", "part_pz": "j1_pz", "part_energy": "j1_e"}
_DEFAULT_PLACES = (0, 1, 2, 3)
_DEFAULT_LABELS = (-6, -5, -4, -3, -2)


def recognise_hls4ml(path: Path) -> bool:
    """Tell whether a file is an HDF5 file with a dataset ``jetConstituentList``."""
    if container_of(path) != "hdf5":
        return False
    with open_hdf5(path) as file, reading(path):
        return _PARTICLES in file


def count_hls4ml(path: Path, collection: str | None) -> int:
    """Number of jets in the file."""
    with open_hdf5(path) as file:
        return int(require(path, file, _PARTICLES).shape[0])


def read_hls4ml(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read the hls4ml 150-particle layout.

    Parameters
    ----------
    path : Path
        HDF5 file with ``jetConstituentList`` (N, 150, 16) in GeV and rad, zero-padded, and ``jets`` (N, 59) with the
        one-hot class in columns -6 to -2. Feature-name datasets are used where they exist.
    collection : None
        The format has only one.
    step : int
        Jets at a time.

    Yields
    ------
    Jets
        Classes g, q, w, z, t; the jet is the sum of its particles (the file stores no azimuth of the jet).

    Raises
    ------
    InputError
        If a dataset or column is missing, shapes do not fit, a jet has several classes, or the jets are invalid.

    References
    ----------
    Pierini et al., "HLS4ML LHC Jet dataset (150 particles)", Zenodo 3602260 (2020).
    """
    with open_hdf5(path) as file:
        constituents, jets = require(path, file, _PARTICLES), require(path, file, _JETS)
        _check_shapes(path, constituents, jets)
        columns = _particle_columns(path, file, constituents.shape[2])
        labels = _label_columns(path, file, jets.shape[1])
        stream = stream_of(path)
        for start in range(0, constituents.shape[0], step):
            values = read_rows(path, constituents, start, start + step)[:, :, columns]
            one_hot = read_rows(path, jets, start, start + step)[:, labels]
            event_id = event_ids(stream, len(values), start=start)
            yield _jets(f"{path} (counting from entry {start})", values, one_hot, event_id)


def _jets(source: str, p4: NDArray[Any], one_hot: NDArray[Any], event_id: NDArray[np.uint64]) -> Jets:
    """Padded (N, P, 4) momenta px, py, pz, E and one-hot classes (N, 5) as jets; no class set is unlabelled."""
    is_set = one_hot > 0
    several = np.flatnonzero(is_set.sum(axis=1) > 1)
    if len(several):
        raise InputError(f"{source}: jet {several[0]} has several classes set in {_JETS}, one is allowed")
    offsets, mask = unpadded(p4)
    packed = p4[mask]
    particles = {name: packed[:, i] for i, name in enumerate(_COMPONENTS)}
    scalars = {
        **summed(offsets, particles),
        "label": np.where(is_set.any(axis=1), is_set.argmax(axis=1), -1),
        "weight": np.ones(len(p4)),
        "event_id": event_id,
    }
    return checked_jets(source, offsets, particles, scalars, CLASSES)


def _check_shapes(path: Path, constituents: Any, jets: Any) -> None:
    """Refuse arrays that cannot be this layout."""
    for name, dataset in ((_PARTICLES, constituents), (_JETS, jets)):
        if dataset.dtype.kind not in "iuf":
            raise InputError(f"{path}: dataset {name} has type {dataset.dtype}, plain numbers are needed")
    if constituents.ndim != 3 or constituents.shape[2] < 4:
        raise InputError(
            f"{path}: dataset {_PARTICLES} has shape {constituents.shape}, (jets, particles, 16) is needed"
        )
    if jets.ndim != 2 or jets.shape[1] < 6 or jets.shape[0] != constituents.shape[0]:
        raise InputError(
            f"{path}: dataset {_JETS} has shape {jets.shape}, ({constituents.shape[0]}, at least 6) is needed"
        )


def _particle_columns(path: Path, file: Any, width: int) -> list[int]:
    """Columns of px, py, pz and E."""
    names = _names(path, file, _PARTICLE_NAMES)
    if names is None:
        return list(_DEFAULT_PLACES)
    return _look_up(path, _PARTICLE_NAMES, names[:width], list(_COMPONENTS.values()))


def _label_columns(path: Path, file: Any, width: int) -> list[int]:
    """Columns of the five classes."""
    names = _names(path, file, _JET_NAMES)
    if names is None:
        return [width + place for place in _DEFAULT_LABELS]
    return _look_up(path, _JET_NAMES, names[:width], [f"j_{name}" for name in CLASSES])


def _names(path: Path, file: Any, dataset: str) -> list[str] | None:
    """Feature names, where the file has them."""
    with reading(path):
        if dataset not in file:
            return None
    rows = require(path, file, dataset)
    found = read_rows(path, rows, 0, rows.shape[0])
    try:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in found]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: dataset {dataset} holds names that are no UTF-8 text") from error


def _look_up(path: Path, dataset: str, names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Places of the wanted names."""
    for name in wanted:
        if name not in names:
            raise InputError(f"{path}: feature {name} is missing in {dataset}")
    return [names.index(name) for name in wanted]
