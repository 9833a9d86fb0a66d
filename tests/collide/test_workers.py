from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collidium.artifact import InputError
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

    with pytest.raises(InputError, match=r"^a worker died \(exit code -9\) on block QCD-000000; .*$"):
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
def test_a_worker_that_dies_before_its_next_block_is_an_error() -> None:
    small = [Block(process="QCD", index=index, num_jets=1, shard=0) for index in range(9)]
    results = run_local(CONFIG, small, workers=1, advance=lambda _: None)
    next(results)
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGKILL)
    with pytest.raises(InputError, match=r"^a worker died \(exit code -9\) on block QCD-00000\d; .*$"):
        list(results)


HOPELESS = """
from collidium.collide import Block, GenerateConfig, _selection
from collidium.collide._workers import run_local
_selection.HOPELESS_VETOES = 10**12  # in the workers too, which run these lines when they start
if __name__ == "__main__":
    config = GenerateConfig(classes=("Tbqq",), num_jets=50, pt_min=30.0, pt_max=40.0, radius=0.4)
    list(run_local(config, [Block(process="Tbqq", index=0, num_jets=50, shard=0)], workers=1, advance=print))
"""


def is_running(pid: int) -> bool:
    """Whether a process does anything; a zombie that nobody waits for does not."""
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(HOPELESS)
    parent = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + 60
    workers: list[int] = []
    while not workers and time.monotonic() < deadline:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        workers = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        time.sleep(0.05)
    time.sleep(6.0)  # Pythia is inside a batch that it will not leave
    assert workers
    assert all(is_running(pid) for pid in workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in workers)


@pytest.mark.slow
def test_a_failing_block_names_itself_and_its_error() -> None:
    wrong = Block(process="QDC", index=0, num_jets=1, shard=0)
    with pytest.raises(RuntimeError, match=r"block QDC-000000 failed:[\s\S]*KeyError: 'QDC'"):
        list(run_local(CONFIG, [wrong], workers=1, advance=lambda _: None))
