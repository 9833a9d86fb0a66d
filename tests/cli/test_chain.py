"""A chain of real stages on the command line: complete, passed by, resumed, refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from collidium.artifact import read_manifest
from collidium.cli import main

SMALL = ["--generate.num-jets", "400", "--generate.jets-per-block", "50", "--generate.jets-per-shard", "200"]
FLAGS = [*SMALL, "--run.train.epochs", "2", "--run.train.batch-size", "64", "--workers", "2"]


@pytest.mark.slow
def test_quickstart_in_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "quickstart", *FLAGS]) == 0
    folder = Path("runs/quickstart")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["num_jets"] == 400
    assert 0.5 < summary["auc_low"] <= summary["auc"] <= summary["auc_high"] <= 1.0
    assert summary["seconds"] > 0
    HTMLParser().feed(Path(summary["report"]).read_text())
    assert -5.0 < summary["signal_strength"] < 20.0
    assert summary["signal_strength_true"] == 1.0
    assert summary["signal_strength"] < summary["upper_limit"]
    page = Path(summary["report"]).read_text()
    assert "<section id='fit'" in page
    assert "<section id='limit'" in page
    wanted = {
        "data": "dataset",
        "model": "run",
        "predictions": "predictions",
        "templates": "templates",
        "fit": "fit",
        "limit": "limit",
        "report": "report",
    }
    kinds = {stage: read_manifest(folder / stage).kind for stage in wanted}
    assert kinds == wanted

    hashes = {stage: read_manifest(folder / stage).content_hash for stage in kinds}
    started = time.monotonic()
    assert main(["run", "quickstart", *FLAGS]) == 0
    assert time.monotonic() - started < 30
    assert {stage: read_manifest(folder / stage).content_hash for stage in kinds} == hashes

    capsys.readouterr()
    assert main(["run", "quickstart", *FLAGS, "--run.train.epochs", "3"]) == 2
    assert "model: made with another configuration" in capsys.readouterr().err

    for stage in kinds:
        assert main(["show", str(folder / stage)]) == 0
        assert f"({kinds[stage]})" in capsys.readouterr().out

    assert main(["export", str(folder / "model"), "--onnx", "model.onnx"]) == 0
    assert Path("model.onnx").stat().st_size > 0


@pytest.mark.slow
def test_interrupted_generation_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "collidium.cli", "generate", "top-vs-qcd", "--num-jets", "600"]
    command += ["--jets-per-block", "50", "--jets-per-shard", "100", "--workers", "1", "-o", "jets"]
    job = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    partial = tmp_path / "jets.partial"
    deadline = time.monotonic() + 120
    while not list(partial.rglob("part-*.arrow")):
        assert time.monotonic() < deadline
        assert job.poll() is None
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    _, message = job.communicate(timeout=60)
    assert job.returncode == 130
    assert message.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in message
    assert not (tmp_path / "jets").exists()
    assert partial.is_dir()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert not partial.exists()
    whole = [*command[:-1], "whole"]
    subprocess.run(whole, cwd=tmp_path, check=True, capture_output=True)
    assert read_manifest(tmp_path / "jets").content_hash == read_manifest(tmp_path / "whole").content_hash


@pytest.mark.slow
def test_full_disk_ends_in_one_line(tmp_path: Path, dataset_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        command = [sys.executable, "-m", "collidium.cli", "convert", str(dataset_path), str(disk / "copy")]
        done = subprocess.run(command, capture_output=True, text=True)
        left = list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "space" in done.stderr
    assert done.stderr.count("\n") == 1
    assert left == []
