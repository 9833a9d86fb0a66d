from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from collidium.collide import Block, GenerateConfig
from collidium.collide._workers import run_local

CONFIG = GenerateConfig(classes=("QCD",), num_jets=2000, pt_min=500.0, pt_max=650.0)
BLOCK = Block(process="QCD", index=0, num_jets=2000, shard=0)


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_local(CONFIG, [], workers=2, advance=lambda _: None)) == []
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_and_not_a_hang() -> None:
    def kill_on_first_jets(_: int) -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(RuntimeError, match=r"a worker died \(exit code -9\) on block QCD-000000"):
        list(run_local(CONFIG, [BLOCK], workers=1, advance=kill_on_first_jets))
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_closing_the_iterator_ends_the_workers() -> None:
    small = [Block(process="QCD", index=index, num_jets=1 + 1999 * index, shard=0) for index in range(2)]
    results = run_local(CONFIG, small, workers=2, advance=lambda _: None)
    block, jets = next(results)
    assert (block.index, len(jets)) == (0, 1)
    results.close()
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_failing_block_names_itself_and_its_error() -> None:
    wrong = Block(process="QDC", index=0, num_jets=1, shard=0)
    with pytest.raises(RuntimeError, match=r"block QDC-000000 failed:[\s\S]*KeyError: 'QDC'"):
        list(run_local(CONFIG, [wrong], workers=1, advance=lambda _: None))
