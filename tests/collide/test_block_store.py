from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.cloud import Jets
from collidium.collide import Block
from collidium.collide._block_store import BlockStore

BLOCK = Block(process="QCD", index=3, num_jets=7, shard=0)


def test_blocks_come_back_as_they_were(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(7)
    store = BlockStore(tmp_path, jets.classes)
    assert not store.has(BLOCK)
    store.save(BLOCK, jets)
    assert BlockStore(tmp_path, jets.classes).has(BLOCK)
    found = store.load(BLOCK)
    assert np.array_equal(found.offsets, jets.offsets)
    assert found.classes == jets.classes
    for ours, theirs in ((found.particles, jets.particles), (found.scalars, jets.scalars)):
        assert list(ours) == list(theirs)
        assert all(np.array_equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)


def test_a_failed_write_leaves_no_block(
    tmp_path: Path, make_jets: Callable[..., Jets], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store = BlockStore(tmp_path, ("QCD", "Tbqq"))
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(BLOCK, make_jets(7))
    assert not store.has(BLOCK)
    assert not list((tmp_path / "blocks").iterdir())


def test_closing_removes_everything(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    store = BlockStore(tmp_path, ("QCD", "Tbqq"))
    store.save(BLOCK, make_jets(7))
    (tmp_path / "blocks" / ".half.npz.tmp").write_bytes(b"left by a kill")
    store.drop(BLOCK)
    assert not store.has(BLOCK)
    store.close()
    assert not (tmp_path / "blocks").exists()
