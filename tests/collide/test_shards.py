from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from collidium.cloud import DatasetWriter, Jets, columns_of
from collidium.collide import Block
from collidium.collide._block_store import BlockStore
from collidium.collide._shards import ShardAssembler

BLOCKS = [Block(process=name, index=index, num_jets=20, shard=index) for index in (0, 1) for name in ("QCD", "Tbqq")]


def assemble(folder: Path, blocks: dict[Block, Jets], order: list[Block]) -> ShardAssembler:
    folder.mkdir(exist_ok=True)
    first = next(iter(blocks.values()))
    writer = DatasetWriter(folder, columns_of(first), first.classes)
    shards = ShardAssembler(9, BLOCKS, writer, BlockStore(folder, first.classes))
    for block in order:
        shards.add(block, blocks[block])
    return shards


def test_shards_do_not_depend_on_the_order_of_arrival(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    blocks = {block: make_jets(20, seed=i) for i, block in enumerate(BLOCKS)}
    for name, order in (("a", BLOCKS), ("b", BLOCKS[::-1])):
        shards = assemble(tmp_path / name, blocks, order)
        assert all(shards.is_done(block) for block in BLOCKS)
        assert not list((tmp_path / name / "blocks").iterdir())
    for part in ("part-00000.arrow", "part-00001.arrow"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


def test_a_shard_waits_for_its_last_block_and_mixes_all(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    blocks = {block: make_jets(20, seed=i) for i, block in enumerate(BLOCKS)}
    shards = assemble(tmp_path / "d", blocks, [BLOCKS[0], BLOCKS[2]])
    assert not shards.is_written(0)
    assert shards.is_done(BLOCKS[0])
    assert not shards.is_done(BLOCKS[1])
    shards.add(BLOCKS[1], blocks[BLOCKS[1]])
    assert shards.is_written(0)
    assert not shards.is_written(1)


def test_blocks_left_complete_by_a_kill_are_taken_up(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    blocks = {block: make_jets(20, seed=i) for i, block in enumerate(BLOCKS)}
    first = blocks[BLOCKS[0]]
    store = BlockStore(tmp_path, first.classes)
    for block in BLOCKS[:2]:
        store.save(block, blocks[block])
    shards = ShardAssembler(9, BLOCKS, DatasetWriter(tmp_path, columns_of(first), first.classes), store)
    shards.write_all_complete()
    assert shards.is_written(0)
    assert not store.has(BLOCKS[0])


def test_jets_are_permuted_not_lost(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    import pyarrow as pa

    blocks = {block: make_jets(20, seed=i) for i, block in enumerate(BLOCKS)}
    assemble(tmp_path / "d", blocks, BLOCKS)
    with pa.memory_map(str(tmp_path / "d" / "part-00000.arrow")) as source:
        found = pa.ipc.open_file(source).read_all()["event_id"].to_numpy()
    expected = np.concatenate([blocks[block].scalars["event_id"] for block in BLOCKS[:2]])
    assert sorted(found) == sorted(expected)
    assert not np.array_equal(found, expected)
