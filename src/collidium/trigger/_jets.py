"""Jets of a dataset as samples in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import Dataset, FeatureSchema, Jets, make_cloud, split_of
from collidium.trigger._data import ArrayData


def jet_samples(
    dataset: Dataset, schema: FeatureSchema, *, num_particles: int | None = None, limit: int | None = None
) -> ArrayData:
    """Read the jets of a dataset for the networks of this room.

    Parameters
    ----------
    dataset : Dataset
        The data.
    schema : FeatureSchema
        Features of the jets, or of their particles where ``num_particles`` is given.
    num_particles : int, optional
        P, the hardest particles of each jet.
    limit : int, optional
        Stop after so many jets.

    Returns
    -------
    ArrayData
        ``x`` (N, G) for jet features; ``x`` (N, P, F), zero where there is no particle, and ``valid`` (N, P) for
        particles. Targets are the classes, splits those of the dataset.

    Raises
    ------
    InputError
        If the schema has no such features, or a jet has no class.

    Examples
    --------
    >>> import inspect
    >>> list(inspect.signature(jet_samples).parameters)
    ['dataset', 'schema', 'num_particles', 'limit']
    """
    schema.check(dataset.columns, str(dataset.path))
    if not (schema.jet if num_particles is None else schema.particle):
        kind = "jet" if num_particles is None else "particle"
        raise InputError(f"the feature schema has no {kind} features, which the network reads")
    parts, found = [], 0
    for index in range(dataset.num_shards):
        jets = dataset.read_shard(index)
        if limit is not None:
            jets = jets.take(np.arange(min(len(jets), limit - found)))
        parts.append(_samples(jets, schema, num_particles))
        found += len(jets)
        if found == limit:
            break
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    labels, split = columns.pop("label"), columns.pop("split")
    if labels.min(initial=0) < 0:
        raise InputError(f"{dataset.path}: {int((labels < 0).sum())} jets have no class, labels >= 0 are needed")
    return ArrayData(columns, labels, split)


def _samples(jets: Jets, schema: FeatureSchema, num_particles: int | None) -> dict[str, NDArray[Any]]:
    """Inputs, labels and splits of some jets."""
    cloud = make_cloud(jets, schema)
    known: dict[str, NDArray[Any]] = {
        "label": np.asarray(jets.scalars["label"], dtype=np.int64),
        "split": split_of(jets.scalars["event_id"]),
    }
    if num_particles is None:
        return {"x": cloud.g.numpy(), **known}
    padded = cloud.padded(num_particles)
    return {"x": padded.x.numpy(), "valid": padded.mask.numpy(), **known}
