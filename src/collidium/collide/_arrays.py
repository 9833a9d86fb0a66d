"""Datasets of jets as plain arrays in memory, for small networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, unknown
from collidium.cloud import FEATURE_SETS, MOMENTUM_COLUMNS, Dataset, FeatureSchema, make_cloud, split_of
from collidium.collide._substructure import GROOMED_OBSERVABLES, groomed_observables

GROOMED = "groomed16"

Matrix = NDArray[np.float32]
_Shard = tuple[Matrix, NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]


@dataclass(frozen=True)
class JetArrays:
    """N jets as standardised arrays.

    Attributes
    ----------
    x : ndarray of float32, (N, F) or (N, P, F), 1
        Jet-level features with mean 0 and standard deviation 1 over the training split, or particle features divided
        by their root mean square over the particles of the training split, 0 where there is no particle.
    num_particles : ndarray of int64, (N,)
        Real particles among the P; 0 for jet-level features.
    y : ndarray of int64, (N,)
        Class.
    split : ndarray of uint8, (N,)
        0 training, 1 validation, 2 test.
    event_id : ndarray of uint64, (N,)
        Number of each jet.
    features, classes : tuple of str
        Names.
    shift, scale : ndarray, (F,)
        ``x = (feature - shift) / scale`` with the schema's transformed features; the shift of particles is 0.
    """

    x: Matrix
    num_particles: NDArray[np.int64]
    y: NDArray[np.int64]
    split: NDArray[np.uint8]
    event_id: NDArray[np.uint64]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]


def jet_arrays(dataset: Dataset, features: str = "jet16", *, num_particles: int = 16) -> JetArrays:
    """Read a dataset as standardised arrays.

    Parameters
    ----------
    dataset : Dataset
        Labelled jets.
    features : str
        A feature set by name: ``jet16`` for jet-level features, ``trigger3`` for pT, eta and phi of particles; or
        ``groomed16`` for the groomed observables of the public trigger benchmark, which take 3 ms a jet.
    num_particles : int
        P, the hardest particles of each jet; of no meaning for jet-level features.

    Returns
    -------
    JetArrays
        All jets in order of storage; the split follows from the event number, the scales from the training split.

    Raises
    ------
    InputError
        If the dataset lacks a column, or has no jet in the training split.
    """
    if num_particles < 1:
        raise InputError(f"num_particles is {num_particles}: at least 1 is needed")
    if features == GROOMED:
        names = tuple(GROOMED_OBSERVABLES)
        shards = [_groomed_shard(dataset, index) for index in range(dataset.num_shards)]
    elif features in FEATURE_SETS:
        schema = FEATURE_SETS[features]
        schema.check(dataset.columns, str(dataset.path))
        names = tuple(feature.name for feature in (schema.jet or schema.particle))
        shards = [_shard(dataset, index, schema, num_particles) for index in range(dataset.num_shards)]
    else:
        raise unknown("feature set", features, (GROOMED, *FEATURE_SETS))
    x, count, y, event_id = (np.concatenate(parts) for parts in zip(*shards, strict=True))
    split = split_of(event_id)
    if not (split == 0).any():
        raise InputError(f"{dataset.path}: no jet is in the training split")
    is_real = np.arange(x.shape[1]) < count[:, None] if x.ndim == 3 else None
    shift, scale = _standard(x[split == 0], None if is_real is None else is_real[split == 0])
    x = ((x - shift) / scale).astype(np.float32)
    return JetArrays(x, count, y, split, event_id, names, dataset.classes, shift, scale)


def _shard(dataset: Dataset, index: int, schema: FeatureSchema, num_particles: int) -> _Shard:
    """Features, particle counts, labels and numbers of one shard."""
    cloud = make_cloud(dataset.read_shard(index), schema)
    y, event_id = cloud.y.numpy(), cloud.event_id.numpy().view(np.uint64)
    if schema.jet:
        return cloud.g.numpy(), np.zeros(len(y), dtype=np.int64), y, event_id
    lengths = cloud.lengths.clamp(max=num_particles).numpy()
    place = np.arange(num_particles)
    rows = np.minimum(cloud.offsets[:-1].numpy()[:, None] + place, len(cloud.x) - 1)
    x = cloud.x.numpy()[rows] * (place < lengths[:, None])[..., None]
    return x.astype(np.float32), lengths, y, event_id


def _groomed_shard(dataset: Dataset, index: int) -> _Shard:
    """The same of one shard with groomed observables."""
    from collidium.collide._grooming import groom

    jets = dataset.read_shard(index, columns=(*MOMENTUM_COLUMNS, "label", "event_id"))
    x = np.stack(list(groomed_observables(jets, groom(jets)).values()), axis=1).astype(np.float32)
    return x, np.zeros(len(x), dtype=np.int64), jets.scalars["label"], jets.scalars["event_id"]


def _standard(x: Matrix, is_real: NDArray[np.bool_] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and scale of each feature; a constant feature keeps the scale 1."""
    values = x.astype(np.float64) if is_real is None else x[is_real].astype(np.float64)
    shift = values.mean(0) if is_real is None else np.zeros(values.shape[1])
    scale = np.sqrt(np.mean((values - shift) ** 2, axis=0))
    return shift, np.where(scale > 0, scale, 1.0)
