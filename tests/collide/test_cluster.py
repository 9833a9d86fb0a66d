from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError, read_manifest
from collidium.collide import Block, GenerateConfig, generate
from collidium.collide._cluster import run_on_cluster

CONFIG = GenerateConfig(
    classes=("QCD", "Wqq"), num_jets=16, pt_min=500.0, pt_max=650.0, seed=3, jets_per_shard=8, jets_per_block=4
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 2])
def test_two_processes_of_a_cluster_write_the_bytes_of_one_worker(threads: int, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    local = generate(CONFIG, tmp_path / "local", workers=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=threads, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        remote = generate(CONFIG, tmp_path / "remote", scheduler=cluster.scheduler_address)
    assert read_manifest(remote).files == read_manifest(local).files


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        generate(CONFIG, tmp_path / "data", scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_workers_leave_the_blocks_of_a_job_that_was_stopped() -> None:
    distributed = pytest.importorskip("distributed")
    blocks = [Block(process="QCD", index=index, num_jets=1 + 10**6 * index, shard=0) for index in range(2)]

    def num_busy(client: Any) -> int:
        return int(sum(client.run(lambda dask_worker: len(dask_worker.active_threads)).values()))

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        results = run_on_cluster(CONFIG, blocks, address=cluster.scheduler_address, advance=lambda _: None)
        block, jets = next(results)
        assert (block.index, len(jets)) == (0, 1)
        assert num_busy(client) == 1
        results.close()
        deadline = time.monotonic() + 30
        while num_busy(client) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert num_busy(client) == 0
