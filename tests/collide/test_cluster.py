from __future__ import annotations

from pathlib import Path

import pytest

from collidium.artifact import InputError, read_manifest
from collidium.collide import GenerateConfig, generate

CONFIG = GenerateConfig(
    classes=("QCD", "Wqq"), num_jets=16, pt_min=500.0, pt_max=650.0, seed=3, jets_per_shard=8, jets_per_block=4
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_two_processes_of_a_cluster_write_the_bytes_of_one_worker(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    local = generate(CONFIG, tmp_path / "local", workers=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        remote = generate(CONFIG, tmp_path / "remote", scheduler=cluster.scheduler_address)
    assert read_manifest(remote).files == read_manifest(local).files


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        generate(CONFIG, tmp_path / "data", scheduler="tcp://127.0.0.1:9")
