"""Packing: columns of jets become the particle rows that models read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.cloud._cloud import Cloud
from collidium.cloud._features import ParticleColumns
from collidium.cloud._jets import Jets, gather_rows
from collidium.cloud._schema import FeatureSchema

JET_COLUMNS = ("label", "weight", "event_id")
_P4_COLUMNS = ("part_energy", "part_px", "part_py", "part_pz")
# enough particles for each call to outweigh the change of threads that it may bring
_CHUNK_PARTICLES = 65_536

Matrix = NDArray[np.float32]


def make_cloud(jets: Jets, schema: FeatureSchema) -> Cloud:
    """Compute the features of jets and pack them for a model.

    Parameters
    ----------
    jets : Jets
        N jets with T particles, with the columns that the schema needs.
    schema : FeatureSchema
        The features.

    Returns
    -------
    Cloud
        The jets in the same order, float32.
    """
    p4, x = _empty_rows(jets.offsets, schema)
    _fill(jets, _columns(schema), schema, None, np.arange(len(jets)), p4, x)
    return with_jet_features(_cloud(p4, x, jets.offsets, [jets.scalars]), schema)


def pack(
    parts: Iterable[tuple[Jets, NDArray[np.int64]]],
    lengths: NDArray[np.int64],
    schema: FeatureSchema,
    *,
    max_particles: int,
) -> Cloud:
    """Pack chosen jets of several parts into one cloud, in as many threads as Torch uses.

    Parameters
    ----------
    parts : iterable of (Jets, ndarray of int64)
        Jets and the rows to choose; a part is asked for when the one before is packed.
    lengths : ndarray of int64, (N,)
        Particles kept of each chosen jet.
    schema : FeatureSchema
        The particle features; jet features are left out.
    max_particles : int
        Particles kept of each jet at most, the hardest.

    Returns
    -------
    Cloud
        N jets in the order of the parts, float32; the number of threads changes no bit.
    """
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    p4, x = _empty_rows(offsets, schema)
    scalars = []
    begin = 0
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for jets, rows in parts:
            end = begin + len(rows)
            first, starts = offsets[begin], offsets[begin:end] - offsets[begin]
            cuts = np.flatnonzero(np.diff(starts // _CHUNK_PARTICLES)) + 1
            chunks = [np.split(matrix[first : offsets[end]], starts[cuts]) for matrix in (p4, x)]
            fill = partial(_fill, jets, _columns(schema), schema, max_particles)
            for _ in pool.map(fill, np.split(rows, cuts), *chunks):
                pass
            scalars.append({name: jets.scalars[name][rows] for name in JET_COLUMNS})
            begin = end
    return _cloud(p4, x, offsets, scalars)


def with_jet_features(cloud: Cloud, schema: FeatureSchema) -> Cloud:
    """The same cloud with the jet features of a schema."""
    return replace(cloud, g=schema.compute_jet(cloud.p4, cloud.offsets))


def _empty_rows(offsets: NDArray[np.int64], schema: FeatureSchema) -> tuple[Matrix, Matrix]:
    """Room for the momenta and the features; NumPy asks the system for large pages, Torch does not."""
    T = int(offsets[-1])
    return np.empty((T, len(_P4_COLUMNS)), np.float32), np.empty((T, len(schema.particle)), np.float32)


def _columns(schema: FeatureSchema) -> tuple[str, ...]:
    """Columns that a schema needs, those of the four-momentum first."""
    return (*_P4_COLUMNS, *(name for name in schema.columns if name not in _P4_COLUMNS))


def _fill(
    jets: Jets,
    names: Sequence[str],
    schema: FeatureSchema,
    max_particles: int | None,
    chosen: NDArray[np.int64],
    p4: Matrix,
    x: Matrix,
) -> None:
    """Write the particle rows of chosen jets, from the columns that ``_columns`` names."""
    rows, offsets = gather_rows(jets.offsets, chosen, max_particles)
    lengths = np.diff(offsets)
    columns = torch.empty(len(names), len(rows))
    for name, column in zip(names, columns.numpy(), strict=True):
        if name in jets.particles:
            # the rows lie between offsets, so the check of each is spared
            column[:] = jets.particles[name].take(rows, mode="clip")
        else:
            column[:] = np.repeat(jets.scalars[name][chosen], lengths)
    for place in range(len(_P4_COLUMNS)):
        p4[:, place] = columns[place].numpy()
    schema.compute(ParticleColumns(dict(zip(names, columns.unbind(), strict=True))), out=torch.from_numpy(x))


def _cloud(p4: Matrix, x: Matrix, offsets: NDArray[np.int64], scalars: Sequence[dict[str, NDArray[Any]]]) -> Cloud:
    """Packed rows with the jet columns of all parts; without jet features."""
    label, weight, event_id = (np.concatenate([part[name] for part in scalars]) for name in JET_COLUMNS)
    return Cloud(
        p4=torch.from_numpy(p4),
        x=torch.from_numpy(x),
        offsets=torch.from_numpy(np.array(offsets, dtype=np.int64)),
        g=torch.zeros(len(label), 0),
        y=torch.from_numpy(label.astype(np.int64)),
        w=torch.from_numpy(weight.astype(np.float32)),
        event_id=torch.from_numpy(event_id.astype(np.uint64).view(np.int64)),
    )
