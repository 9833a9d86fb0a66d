"""Batches for training: shuffled, packed, ordered by length, the same for the same seed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud._cloud import Cloud
from collidium.cloud._columns import MOMENTUM_COLUMNS
from collidium.cloud._dataset import Dataset
from collidium.cloud._memory import RecycledMemory
from collidium.cloud._packing import JET_COLUMNS, pack, with_jet_features
from collidium.cloud._schema import FeatureSchema
from collidium.cloud._split import SplitName

WINDOW_JETS = 32_768


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """How a split becomes batches; what is loaded at a time does not grow with the dataset.

    Attributes
    ----------
    dataset : Dataset
        The data.
    schema : FeatureSchema
        The features to compute.
    split : {"train", "val", "test", "all"}
        Which part.
    batch_size : int
        Jets in a batch.
    max_particles : int
        Particles kept of each jet, the hardest.
    is_shuffled : bool
        Shuffle shards and, in windows of about ``window_jets`` jets, jets; otherwise the order of storage.
    has_partial_batch : bool
        Keep the last, smaller batch.
    window_jets : int
        Jets in memory at a time.
    """

    dataset: Dataset
    schema: FeatureSchema
    split: SplitName
    batch_size: int
    max_particles: int = 128
    is_shuffled: bool = True
    has_partial_batch: bool = False
    window_jets: int = WINDOW_JETS

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_particles", "window_jets"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, at least 1 is needed")
        self.schema.check(self.dataset.columns, str(self.dataset.path))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Jets of the split in each shard."""
        return np.array([len(self.dataset.rows(i, self.split)) for i in range(self.dataset.num_shards)], dtype=np.int64)

    @cached_property
    def _memory(self) -> RecycledMemory:
        return RecycledMemory()

    @property
    def num_jets(self) -> int:
        """Jets in the split."""
        return int(self.counts.sum())

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.num_jets, self.batch_size)
        return whole + (1 if rest and self.has_partial_batch else 0)

    def epoch(self, *, seed: int = 0, epoch: int = 0, start: int = 0) -> Iterator[Cloud]:
        """Yield the batches of an epoch.

        Parameters
        ----------
        seed, epoch : int
            They decide the order, alone.
        start : int
            Batches to pass over: a resumed epoch goes on with the identical batches.

        Yields
        ------
        Cloud
            A batch; its jets are ordered by length.

        Raises
        ------
        InputError
            If the split cannot fill one batch.
        """
        if self.num_batches == 0:
            raise InputError(
                f"{self.dataset.path}: the {self.split} split has {self.num_jets} jets, a batch needs {self.batch_size}"
            )
        position, first, end = 0, start * self.batch_size, self.num_batches * self.batch_size
        pending: Cloud | None = None
        for number, shards in enumerate(self._windows(seed, epoch)):
            size = int(self.counts[shards].sum())
            begin, position = position, position + size
            if position <= first:
                continue
            order = np.arange(size)
            if self.is_shuffled:
                order = np.random.default_rng([seed, epoch, 1, number]).permutation(order)
            skipped, wanted, cut = np.split(order, (max(first - begin, 0), max(end - begin, 0)))
            pending = yield from self._batches(shards, wanted, np.concatenate([skipped, cut]), pending)
        if pending is not None and self.has_partial_batch:
            yield self._by_length(pending)

    def _batches(
        self,
        shards: NDArray[np.int64],
        order: NDArray[np.int64],
        unwanted: NDArray[np.int64],
        pending: Cloud | None,
    ) -> Generator[Cloud, None, Cloud | None]:
        """Yield the whole batches of the pending jets and a window; return the jets that are left."""
        rows, lengths = self._choose(shards)
        missing = 0 if pending is None else min(self.batch_size - len(pending), len(order))
        rest = (len(order) - missing) % self.batch_size
        end = len(order) - rest
        whole = order[missing:end].reshape(-1, self.batch_size)
        by_length = np.take_along_axis(whole, np.argsort(lengths[whole], axis=1, kind="stable"), axis=1)
        # the unwanted jets are packed all the same: chunks are then the same wherever an epoch is taken up
        layout = np.concatenate([order[:missing], by_length.ravel(), order[end:], unwanted])
        window = self._load(shards, rows, lengths, layout)
        if pending is not None:
            pending = Cloud.concat([pending, window.slice(0, missing)])
            if len(pending) < self.batch_size:
                return pending
            yield self._by_length(pending)
        for start in range(missing, end, self.batch_size):
            yield with_jet_features(window.slice(start, start + self.batch_size), self.schema)
        return window.take(torch.arange(end, len(order))) if rest else None

    def _windows(self, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Shards in the order of the epoch, cut into windows of enough jets."""
        order = np.arange(len(self.counts))
        if self.is_shuffled:
            order = np.random.default_rng([seed, epoch, 0]).permutation(order)
        filled = np.cumsum(self.counts[order])
        number = np.maximum(filled - 1, 0) // self.window_jets
        return [order[number == value] for value in np.unique(number)]

    def _choose(self, shards: NDArray[np.int64]) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """The split's rows in each shard of a window, and the particles kept of each of these jets."""
        rows = [self.dataset.rows(int(i), self.split) for i in shards]
        lengths = [
            self.dataset.read_shard(int(i), columns=MOMENTUM_COLUMNS[:1]).lengths[chosen]
            for i, chosen in zip(shards, rows, strict=True)
        ]
        return rows, np.minimum(np.concatenate(lengths), self.max_particles)

    def _load(
        self,
        shards: NDArray[np.int64],
        rows: list[NDArray[np.int64]],
        lengths: NDArray[np.int64],
        order: NDArray[np.int64],
    ) -> Cloud:
        """The chosen jets of a window in this order; one shard is mapped at a time."""
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        columns = (*self.schema.columns, *JET_COLUMNS)
        shard_jets = (self.dataset.read_shard(int(i), columns=columns) for i in shards)
        return pack(
            zip(shard_jets, rows, strict=True),
            lengths,
            places,
            self.schema,
            max_particles=self.max_particles,
            memory=self._memory,
        )

    def _by_length(self, batch: Cloud) -> Cloud:
        """A batch whose jets are in no order yet, ordered by length."""
        return with_jet_features(batch.take(torch.argsort(batch.lengths, stable=True)), self.schema)

    def truncated(self) -> tuple[float, float]:
        """Fraction of particles, and of summed pT, that ``max_particles`` cuts away from the split."""
        lost = np.zeros(2)
        total = np.zeros(2)
        for i in range(self.dataset.num_shards):
            jets = self.dataset.read_shard(i).take(self.dataset.rows(i, self.split))
            pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"]).astype(np.float64)
            place = np.arange(len(pt)) - np.repeat(jets.offsets[:-1], jets.lengths)
            is_lost = place >= self.max_particles
            lost += (is_lost.sum(), pt[is_lost].sum())
            total += (len(pt), pt.sum())
        fractions = lost / np.maximum(total, 1e-300)
        return float(fractions[0]), float(fractions[1])


def batches(
    dataset: Dataset,
    schema: FeatureSchema,
    *,
    split: SplitName,
    batch_size: int,
    seed: int = 0,
    epoch: int = 0,
    start: int = 0,
    max_particles: int = 128,
    is_shuffled: bool = True,
    has_partial_batch: bool = False,
) -> Iterator[Cloud]:
    """Yield the batches of one epoch: :class:`BatchPlan` in one call.

    Parameters
    ----------
    dataset : Dataset
        The data.
    schema : FeatureSchema
        The features to compute.
    split : {"train", "val", "test", "all"}
        Which part.
    batch_size : int
        Jets in a batch.
    seed, epoch, start : int
        As :meth:`BatchPlan.epoch` takes them.
    max_particles : int
        Particles kept of each jet, the hardest.
    is_shuffled, has_partial_batch : bool
        As in :class:`BatchPlan`.

    Yields
    ------
    Cloud
        A batch.
    """
    plan = BatchPlan(
        dataset=dataset,
        schema=schema,
        split=split,
        batch_size=batch_size,
        max_particles=max_particles,
        is_shuffled=is_shuffled,
        has_partial_batch=has_partial_batch,
    )
    yield from plan.epoch(seed=seed, epoch=epoch, start=start)
