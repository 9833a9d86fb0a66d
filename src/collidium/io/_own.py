"""Our own dataset artifacts as a source: to re-shard, merge and select."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from collidium.artifact import read_manifest
from collidium.cloud import Dataset, Jets
from collidium.io._source import checked_jets, container_of

KIND = "dataset"


def recognise_own(path: Path) -> bool:
    """Tell whether a path is the folder of a dataset artifact."""
    return container_of(path) == "artifact" and read_manifest(path).kind == KIND


def count_own(path: Path, collection: str | None) -> int:
    """Number of jets in the dataset."""
    return Dataset.open(path).num_jets


def read_own(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read a dataset artifact.

    Parameters
    ----------
    path : Path
        Folder of the artifact.
    collection : None
        The format has only one.
    step : int
        Jets at a time, within a shard.

    Yields
    ------
    Jets
        Every column, with the numbers (``event_id``) and so the splits unchanged.

    Raises
    ------
    InputError
        If the dataset is damaged or truncated.
    """
    dataset = Dataset.open(path)
    for index in range(dataset.num_shards):
        jets = dataset.read_shard(index)
        for start in range(0, len(jets), step):
            part = jets.take(np.arange(start, min(start + step, len(jets))))
            source = f"{dataset.shards[index]} (counting from entry {start})"
            yield checked_jets(source, part.offsets, part.particles, part.scalars, part.classes)
