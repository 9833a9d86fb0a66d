"""Datasets of simulated jets."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

from collidium.artifact import InputError, Progress, SilentProgress, building
from collidium.cloud import DatasetWriter, Jets
from collidium.collide._block import GENERATED_COLUMNS
from collidium.collide._block_store import BlockStore
from collidium.collide._cluster import run_on_cluster
from collidium.collide._config import GenerateConfig
from collidium.collide._plan import Block, plan_blocks
from collidium.collide._shards import ShardAssembler
from collidium.collide._workers import run_local


def generate(
    config: GenerateConfig,
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a dataset of simulated jets.

    Parameters
    ----------
    config : GenerateConfig
        What to generate.
    out : Path
        The dataset's folder; must not exist.
    workers : int, optional
        Processes on this machine; by default one for each core.
    scheduler : str, optional
        Address of a dask scheduler, whose workers are used instead.
    progress : Progress, optional
        Told of accepted jets.
    command : sequence of str, optional
        The command that makes the dataset again, for the manifest.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        For bad arguments.

    Notes
    -----
    The files depend on the configuration alone. An interrupted or killed call leaves ``OUT.partial``, and the same
    call made again goes on from the last finished block.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}: at least 1 is needed")
    display = progress or SilentProgress()
    blocks = plan_blocks(config)
    with building(out, kind="dataset", config=config, seed=config.seed, command=command, resumable=True) as folder:
        store = BlockStore(folder, config.classes)
        writer = DatasetWriter(folder, GENERATED_COLUMNS, config.classes)
        shards = ShardAssembler(config.seed, blocks, writer, store)
        shards.write_all_complete()
        missing = [block for block in blocks if not shards.is_done(block)]
        display.start("generate", config.num_jets, "jets")
        display.skip(config.num_jets - sum(block.num_jets for block in missing))
        with closing(_run(config, missing, workers, scheduler, display.advance)) as results:
            for block, jets in results:
                shards.add(block, jets)
        display.finish()
        store.close()
    return out


def _run(
    config: GenerateConfig,
    blocks: Sequence[Block],
    workers: int | None,
    scheduler: str | None,
    advance: Callable[[int], None],
) -> Generator[tuple[Block, Jets], None, None]:
    """Blocks from this machine or from a cluster."""
    if scheduler is not None:
        return run_on_cluster(config, blocks, address=scheduler, advance=advance)
    return run_local(config, blocks, workers=workers or _num_cores(), advance=advance)


def _num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
