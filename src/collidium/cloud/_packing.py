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
from collidium.cloud._memory import RecycledMemory
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
    lengths = np.diff(jets.offsets)
    everything = np.arange(len(jets))
    cloud = pack(
        [(jets, everything)],
        lengths,
        everything,
        schema,
        max_particles=int(lengths.max(initial=1)),
        memory=RecycledMemory(),
    )
    return with_jet_features(cloud, schema)


def pack(
    parts: Iterable[tuple[Jets, NDArray[np.int64]]],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
    schema: FeatureSchema,
    *,
    max_particles: int,
    memory: RecycledMemory,
) -> Cloud:
    """Pack chosen jets of several parts into one cloud, in as many threads as Torch uses.

    Parameters
    ----------
    parts : iterable of (Jets, ndarray of int64)
        Jets and the rows to choose; a part is asked for when the one before is packed.
    lengths : ndarray of int64, (N,)
        Particles kept of each chosen jet, in the order of the parts.
    places : ndarray of int64, (N,)
        Where each chosen jet goes in the cloud: a permutation.
    schema : FeatureSchema
        The particle features; jet features are left out.
    max_particles : int
        Particles kept of each jet at most, the hardest.
    memory : RecycledMemory
        Where momenta and features go.

    Returns
    -------
    Cloud
        N jets, float32; the number of threads changes no bit.
    """
    offsets = np.zeros(len(lengths) + 1, np.int64)
    offsets[places + 1] = lengths
    np.cumsum(offsets, out=offsets)
    p4, x = (memory.empty(int(offsets[-1]), width) for width in (len(_P4_COLUMNS), len(schema.particle)))
    fill = partial(_fill, names=_columns(schema), schema=schema, max_particles=max_particles, p4=p4, x=x)
    before = np.cumsum(lengths) - lengths
    scalars: dict[str, list[NDArray[Any]]] = {name: [] for name in JET_COLUMNS}
    begin = 0
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for jets, rows in parts:
            part = slice(begin, begin + len(rows))
            cuts = np.flatnonzero(np.diff((before[part] - before[part][:1]) // _CHUNK_PARTICLES)) + 1
            targets = np.split(offsets[places[part]], cuts)
            for _ in pool.map(partial(fill, jets), np.split(rows, cuts), targets):
                pass
            for name in JET_COLUMNS:
                scalars[name].append(jets.scalars[name][rows])
            begin = part.stop
    label, weight, event_id = (_placed(scalars[name], places) for name in JET_COLUMNS)
    return Cloud(
        p4=torch.from_numpy(p4),
        x=torch.from_numpy(x),
        offsets=torch.from_numpy(offsets),
        g=torch.zeros(len(label), 0),
        y=torch.from_numpy(label.astype(np.int64, copy=False)),
        w=torch.from_numpy(weight.astype(np.float32, copy=False)),
        event_id=torch.from_numpy(event_id.astype(np.uint64, copy=False).view(np.int64)),
    )


def with_jet_features(cloud: Cloud, schema: FeatureSchema) -> Cloud:
    """The same cloud with the jet features of a schema."""
    return replace(cloud, g=schema.compute_jet(cloud.p4, cloud.offsets))


def _columns(schema: FeatureSchema) -> tuple[str, ...]:
    """Columns that a schema needs, those of the four-momentum first."""
    return (*_P4_COLUMNS, *(name for name in schema.columns if name not in _P4_COLUMNS))


def _fill(
    jets: Jets,
    chosen: NDArray[np.int64],
    targets: NDArray[np.int64],
    *,
    names: Sequence[str],
    schema: FeatureSchema,
    max_particles: int,
    p4: Matrix,
    x: Matrix,
) -> None:
    """Write the particle rows of chosen jets, from row ``targets`` on for each jet."""
    rows, offsets = gather_rows(jets.offsets, chosen, max_particles)
    lengths = np.diff(offsets)
    columns = torch.empty(len(names), len(rows))
    for name, column in zip(names, columns.numpy(), strict=True):
        if name in jets.particles:
            _take_into(column, jets.particles[name], rows)
        else:
            column[:] = np.repeat(jets.scalars[name][chosen], lengths)
    target_rows = np.arange(len(rows)) + np.repeat(targets - offsets[:-1], lengths)
    features = schema.compute(ParticleColumns(dict(zip(names, columns.unbind(), strict=True))))
    for matrix, transposed in ((p4, columns[: len(_P4_COLUMNS)].numpy()), (x, features.numpy().T)):
        if matrix.size:
            _as_items(matrix)[target_rows] = _as_items(np.ascontiguousarray(transposed.T))


def _take_into(out: NDArray[np.float32], values: NDArray[Any], rows: NDArray[np.int64]) -> None:
    """``out = values[rows]``; the rows lie between offsets, so the check of each is spared."""
    if values.dtype == out.dtype:
        values.take(rows, mode="clip", out=out)
    else:
        out[:] = values.take(rows, mode="clip")


def _as_items(matrix: Matrix) -> NDArray[np.void]:
    """Each row as one item, which NumPy moves in a third of the time; (T,)."""
    return matrix.view(np.dtype((np.void, matrix.itemsize * matrix.shape[1])))[:, 0]


def _placed(parts: Sequence[NDArray[Any]], places: NDArray[np.int64]) -> NDArray[Any]:
    """Join the parts and bring each jet to its place."""
    joined = np.concatenate(parts)
    placed = np.empty_like(joined)
    placed[places] = joined
    return placed
