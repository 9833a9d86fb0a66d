from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError, Manifest, read_manifest
from collidium.cloud import Dataset
from collidium.collide import GenerateConfig, generate

CONFIG = GenerateConfig(
    classes=("QCD", "Wqq"), num_jets=64, pt_min=500.0, pt_max=650.0, seed=3, jets_per_shard=32, jets_per_block=8
)
SCRIPT = """
import sys
from pathlib import Path
from collidium.collide import GenerateConfig, generate
if __name__ == "__main__":
    config = GenerateConfig(classes=("QCD", "Wqq"), num_jets=64, pt_min=500.0, pt_max=650.0, seed=3,
                            jets_per_shard=32, jets_per_block=8)
    try:
        generate(config, Path(sys.argv[1]), workers=2)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The dataset made by one worker."""
    out = generate(CONFIG, tmp_path_factory.mktemp("one") / "data", workers=1, command=["collidium", "generate"])
    return out, read_manifest(out, "dataset")


def start_and_wait_for_a_block(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Generation in a process of its own, past its second block."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    out = tmp_path / "data"
    job = subprocess.Popen([sys.executable, str(script), str(out)], stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("data.partial/blocks/*.npz"))) < 2:
        assert job.poll() is None, job.stderr.read().decode() if job.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return job


def workers_of(pid: int) -> list[int]:
    """Workers of the given process; its third child, which looks after semaphores, ends a moment after it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_the_dataset_is_complete(reference: tuple[Path, Manifest]) -> None:
    path, manifest = reference
    dataset = Dataset.open(path)
    jets = dataset.read_split("all")
    assert dataset.num_shards == 2
    assert len(jets) == 64
    assert sorted(jets.scalars["label"]) == [0] * 32 + [1] * 32
    assert len(set(jets.scalars["event_id"].tolist())) == 64
    for shard in range(2):
        assert sum(dataset.read_shard(shard).scalars["label"]) == 16
    assert manifest.seed == 3
    assert manifest.command == ["collidium", "generate"]
    assert sorted(manifest.files) == ["part-00000.arrow", "part-00001.arrow", "schema.json"]


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(reference: tuple[Path, Manifest], tmp_path: Path, recorder: Any) -> None:
    out = generate(CONFIG, tmp_path / "data", workers=2, progress=recorder)
    assert read_manifest(out).files == reference[1].files
    assert recorder.begun == [("generate", 64, "jets")]
    assert (recorder.advanced, recorder.skipped, recorder.num_ends) == (64, 0, 1)


@pytest.mark.slow
def test_another_seed_writes_other_bytes(reference: tuple[Path, Manifest], tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, seed=4)
    files = read_manifest(generate(config, tmp_path / "data", workers=2)).files
    assert files["part-00000.arrow"] != reference[1].files["part-00000.arrow"]


@pytest.mark.slow
def test_a_killed_job_goes_on_to_the_same_bytes(
    reference: tuple[Path, Manifest], tmp_path: Path, recorder: Any
) -> None:
    job = start_and_wait_for_a_block(tmp_path)
    orphans = workers_of(job.pid)
    job.send_signal(signal.SIGKILL)
    job.communicate(timeout=30)
    out = generate(CONFIG, tmp_path / "data", workers=2, progress=recorder)
    assert read_manifest(out).files == reference[1].files
    assert 16 <= recorder.skipped < 64  # the blocks that were there were not made again
    assert recorder.skipped + recorder.advanced == 64
    assert not any(is_alive(pid) for pid in orphans)


@pytest.mark.slow
def test_the_interrupt_key_ends_everything_at_once_and_loses_nothing(
    reference: tuple[Path, Manifest], tmp_path: Path
) -> None:
    job = start_and_wait_for_a_block(tmp_path)
    children = workers_of(job.pid)
    begin = time.monotonic()
    os.killpg(job.pid, signal.SIGINT)  # what a terminal does: the signal goes to parent and workers alike
    _, errors = job.communicate(timeout=30)
    assert job.returncode == 130
    assert time.monotonic() - begin < 5
    assert errors.decode() == ""
    assert not any(is_alive(pid) for pid in children)
    assert not (tmp_path / "data").exists()
    assert read_manifest(generate(CONFIG, tmp_path / "data", workers=2)).files == reference[1].files


@pytest.mark.slow
def test_a_partial_folder_of_another_configuration_is_refused(tmp_path: Path) -> None:
    job = start_and_wait_for_a_block(tmp_path)
    os.killpg(job.pid, signal.SIGINT)
    job.communicate(timeout=30)
    with pytest.raises(InputError, match="another configuration"):
        generate(dataclasses.replace(CONFIG, seed=4), tmp_path / "data", workers=1)


def test_bad_arguments_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workers is 0"):
        generate(CONFIG, tmp_path / "data", workers=0)
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="output exists"):
        generate(CONFIG, tmp_path / "taken", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
