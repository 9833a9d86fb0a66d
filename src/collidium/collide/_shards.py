"""Shards of a dataset put together from blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collidium.cloud import DatasetWriter, Jets
from collidium.collide._block_store import BlockStore
from collidium.collide._plan import Block, stream_number


class ShardAssembler:
    """Writes each shard as soon as its last block is there.

    Parameters
    ----------
    seed : int
        Seed of the dataset; fixes the order of jets in each shard.
    blocks : sequence of Block
        All blocks of the dataset.
    writer : DatasetWriter
        Writes the files.
    store : BlockStore
        Holds finished blocks.
    """

    def __init__(self, seed: int, blocks: Sequence[Block], writer: DatasetWriter, store: BlockStore) -> None:
        self._seed = seed
        self._blocks: dict[int, list[Block]] = {}
        for block in blocks:
            self._blocks.setdefault(block.shard, []).append(block)
        self._writer = writer
        self._store = store

    def is_written(self, shard: int) -> bool:
        """Whether the shard's file is there."""
        return self._writer.shard_path(shard).is_file()

    def is_done(self, block: Block) -> bool:
        """Whether a block is in its shard or waits for it."""
        return self.is_written(block.shard) or self._store.has(block)

    def add(self, block: Block, jets: Jets) -> None:
        """Take a finished block."""
        self._store.save(block, jets)
        self.write_if_complete(block.shard)

    def write_all_complete(self) -> None:
        """Write the shards whose blocks an interrupted job left complete."""
        for shard in self._blocks:
            self.write_if_complete(shard)

    def write_if_complete(self, shard: int) -> None:
        """Write a shard if all of its blocks are there, its jets mixed, and drop the blocks."""
        blocks = self._blocks[shard]
        if not self.is_written(shard):
            if not all(self._store.has(block) for block in blocks):
                return
            jets = Jets.concat([self._store.load(block) for block in blocks])
            generator = np.random.default_rng([stream_number(self._seed, "", "order"), shard])
            self._writer.write_shard(shard, jets.take(generator.permutation(len(jets))))
        for block in blocks:
            self._store.drop(block)
