"""The loop: it learns, it stops, and a resumed training is the same to the last bit."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch

from collidium.artifact import InputError, SilentProgress, read_manifest
from collidium.models import DeepSetsConfig, JetFormerConfig
from collidium.train import Run, RunConfig, TrainConfig, _checkpoint, _validation, train
from collidium.train._checkpoint import find_checkpoints

SCRIPT = """
    import os, sys
    from pathlib import Path
    from collidium.artifact import SilentProgress
    from collidium.train import read_config, train

    class Fatal(SilentProgress):
        seen = 0
        def advance(self, n=1, **figures):
            self.seen += n
            if n and self.seen == 64 * int(sys.argv[4]):
                os.kill(os.getpid(), int(sys.argv[5]))
        def skip(self, n):
            self.seen += n

    train(read_config(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), progress=Fatal())
"""
# Ctrl-C at step 7, where no checkpoint is due, and a kill before the checkpoint that it causes is whole.
TORN = """
    import os, signal, sys
    from pathlib import Path
    from collidium.artifact import SilentProgress
    from collidium.train import _checkpoint, read_config, train

    class Interrupting(SilentProgress):
        seen = 0
        def advance(self, n=1, **figures):
            self.seen += n
            if n and self.seen == 64 * 7:
                signal.raise_signal(signal.SIGINT)

    write = _checkpoint.write_tensors

    def torn(path, tensors, *, label=None):
        if "step_000000007" in str(path) and path.name == "optimizer.safetensors":
            path.with_name(f".{path.name}.1.tmp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, tensors, label=label)

    _checkpoint.write_tensors = torn
    train(read_config(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), progress=Interrupting())
"""


class At(SilentProgress):
    """Does something when training has come to a step."""

    def __init__(self, step, action):
        self.step, self.action, self.seen = step, action, 0

    def advance(self, n=1, **figures):
        self.seen += n
        if n and self.seen == 64 * self.step:
            self.action()

    def skip(self, n):
        self.seen += n


class PowerCut(BaseException):
    """Nothing in the library knows this one."""


def fail():
    raise PowerCut


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def run_until_signal(config_path, data, out, step, number):
    """The training in a process of its own, which gets a signal at a step."""
    return run_script(SCRIPT, str(config_path), str(data), str(out), str(step), str(int(number)))


def run_script(script, *arguments):
    """A Python process with as many threads as this one."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


_REFERENCE = []


@pytest.fixture
def reference(small, dataset_path, tmp_path_factory, hashes):
    """The uninterrupted training and its hashes, made once."""
    if not _REFERENCE:
        run = train(small(), dataset_path, tmp_path_factory.mktemp("uninterrupted") / "run")
        _REFERENCE.append((run, hashes(run.path)))
    return _REFERENCE[0]


@pytest.mark.slow
def test_killed_and_interrupted_in_other_processes_it_ends_with_the_same_bytes(
    reference, dataset_path, tmp_path, hashes, small
):
    run, expected = reference
    out = tmp_path / "killed"
    killed = run_until_signal(run.path / "config.json", dataset_path, out, 7, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    # 3 steps after the checkpoint of step 6 in which it is taken up: the torn rows must go
    interrupted = run_until_signal(run.path / "config.json", dataset_path, out, 9, signal.SIGINT)
    assert interrupted.returncode != 0
    assert interrupted.stderr.rstrip().endswith("KeyboardInterrupt")
    assert (tmp_path / "killed.partial" / "checkpoints" / "latest").read_text() == "step_000000009\n"
    assert hashes(train(small(), dataset_path, out).path) == expected
    assert read_manifest(out).content_hash == read_manifest(run.path).content_hash


def test_killed_inside_a_checkpoint_it_leaves_nothing_of_it(reference, dataset_path, tmp_path, hashes, small):
    run, expected = reference
    out = tmp_path / "torn"
    torn = run_script(TORN, str(run.path / "config.json"), str(dataset_path), str(out))
    assert torn.returncode == -signal.SIGKILL
    left = {item.name for item in (tmp_path / "torn.partial" / "checkpoints").iterdir()}
    assert left == {"latest", "step_000000004", "step_000000006", ".step_000000007.unfinished"}
    assert hashes(train(small(), dataset_path, out).path) == expected
    assert read_manifest(out).content_hash == read_manifest(run.path).content_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 5, "patience": 1, "lr": 0.5, "warmup": 0.0, "schedule": "constant"},
        {"precision": "bfloat16"},
        {"steps": 9},
    ],
    ids=["patience", "bfloat16", "mid-epoch"],
)
def test_other_trainings_resume_to_the_same_bytes(changes, small, dataset_path, tmp_path, hashes):
    whole = train(small(**changes), dataset_path, tmp_path / "whole")
    if "patience" in changes:
        assert 6 < whole.metrics()[-1]["step"] < 30
    for step in (5, 6, 8):
        with pytest.raises(KeyboardInterrupt):
            train(small(**changes), dataset_path, tmp_path / "stopped", progress=At(step, press_ctrl_c))
    assert hashes(train(small(**changes), dataset_path, tmp_path / "stopped").path) == hashes(whole.path)


@pytest.mark.parametrize("step", [3, 5, 6, 12])
@pytest.mark.parametrize("action", [fail, press_ctrl_c])
def test_stopped_at_a_step_it_ends_with_the_same_bytes(step, action, reference, small, dataset_path, tmp_path, hashes):
    _, expected = reference
    out = tmp_path / "stopped"
    with pytest.raises((PowerCut, KeyboardInterrupt)):
        train(small(), dataset_path, out, progress=At(step, action))
    partial = tmp_path / "stopped.partial"
    if action is press_ctrl_c:
        assert find_checkpoints(partial)[-1] == step
    else:
        assert partial.exists() == (step > 4)
    assert not out.exists()
    assert hashes(train(small(), dataset_path, out).path) == expected


def test_ctrl_c_in_the_middle_of_validation_loses_nothing(
    reference, small, dataset_path, tmp_path, hashes, monkeypatch
):
    _, expected = reference
    step = _validation.validation_step

    def interrupted(*arguments, **options):
        press_ctrl_c()
        return step(*arguments, **options)

    monkeypatch.setattr(_validation, "validation_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(small(), dataset_path, tmp_path / "run")
    partial = tmp_path / "run.partial"
    assert find_checkpoints(partial)[-1] == 6
    assert not (partial / "best.safetensors").exists()
    monkeypatch.undo()
    assert hashes(train(small(), dataset_path, tmp_path / "run").path) == expected


def test_going_on_does_only_the_steps_that_are_missing(small, dataset_path, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(small(), dataset_path, out, progress=At(7, press_ctrl_c))
    seen = []

    class Counting(SilentProgress):
        def advance(self, n=1, **figures):
            seen.append(n)

        def skip(self, n):
            seen.append(n)

    train(small(), dataset_path, out, progress=Counting())
    assert [n for n in seen if n] == [7 * 64] + [64] * 5


def test_another_seed_gives_other_weights_and_another_configuration_is_not_resumed(
    reference, small, dataset_path, tmp_path, hashes
):
    _, expected = reference
    assert hashes(train(small(seed=6), dataset_path, tmp_path / "other").path) != expected
    with pytest.raises(KeyboardInterrupt):
        train(small(), dataset_path, tmp_path / "half", progress=At(7, press_ctrl_c))
    with pytest.raises(InputError, match="another configuration"):
        train(small(lr=1e-4), dataset_path, tmp_path / "half")


def test_more_frequent_rows_and_checkpoints_change_no_weight(reference, small, dataset_path, tmp_path, hashes):
    _, expected = reference
    run = train(small(log_every=1, checkpoint_every=1, keep_checkpoints=1), dataset_path, tmp_path / "often")
    found = hashes(run.path)
    for name in ("best.safetensors", "checkpoints/step_000000012/optimizer.safetensors"):
        assert found[name] == expected[name]
    assert find_checkpoints(run.path) == [12]
    assert [row["step"] for row in run.metrics()] == list(range(1, 13))


def test_rows_hold_what_they_promise(reference):
    run, _ = reference
    rows = run.metrics()
    assert [row["step"] for row in rows] == [3, 6, 9, 12]
    assert [row["epoch"] for row in rows] == [1, 1, 2, 2]
    assert [set(row) >= {"val_loss", "val_accuracy"} for row in rows] == [False, True, False, True]
    # warm-up of round(0.05 * 12) = 1 step; step 3 is the second of the 11 that follow
    assert rows[0]["lr"] == pytest.approx(3e-3 * math.cos(math.pi / 22) ** 2, rel=1e-12)
    assert [set(row) for row in run.timings()] == [{"step", "seconds", "jets_per_second"}] * 4


def test_global_generator_is_left_alone(small, dataset_path, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train(small(epochs=1), dataset_path, tmp_path / "run")
    assert torch.equal(torch.rand(2), expected)


def test_learns_a_small_dataset_by_heart(make_jets, make_dataset, tmp_path):
    data = make_dataset(tmp_path / "tiny", [make_jets(120, longest=15)])
    settings = TrainConfig(steps=90, batch_size=28, lr=5e-3, schedule="constant", log_every=30, device="cpu")
    model = DeepSetsConfig(particle_widths=(32, 32), jet_widths=(32,))
    run = train(RunConfig(model=model, features="kin", train=settings), data, tmp_path / "run")
    losses = [row["train_loss"] for row in run.metrics()]
    assert losses[-1] < 0.1
    assert losses[-1] < losses[0] / 4


def test_stops_when_validation_stops_getting_better_and_keeps_the_best(dataset_path, tmp_path):
    settings = TrainConfig(epochs=30, batch_size=64, lr=0.05, schedule="constant", patience=2, device="cpu")
    config = RunConfig(model=JetFormerConfig(num_blocks=1, width=8), features="kin", train=settings)
    run = train(config, dataset_path, tmp_path / "run")
    losses = [row["val_loss"] for row in run.metrics() if "val_loss" in row]
    assert len(losses) < 30
    best = losses.index(min(losses))
    assert len(losses) == best + 3
    weights = [run.model(name).state_dict() for name in ("best", "last")]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_huge_learning_rate_is_named_and_the_checkpoint_kept(dataset_path, tmp_path):
    settings = TrainConfig(steps=40, batch_size=64, lr=1e30, schedule="constant", warmup=0.0, checkpoint_every=1,
                           optimizer="adamw", clip=None, device="cpu", log_every=1)  # fmt: skip
    config = RunConfig(model=DeepSetsConfig(), features="kin", train=settings)
    with pytest.raises(InputError, match=r"training stopped at step \d+ .*lr=1e\+30 is (likely )?too large"):
        train(config, dataset_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_full_disk_keeps_the_earlier_checkpoint_and_training_goes_on_later(
    reference, small, dataset_path, tmp_path, hashes, monkeypatch
):
    _, expected = reference
    write = _checkpoint.write_tensors

    def full(path, tensors, *, label=None):
        if "step_000000008" in str(path) and path.name == "optimizer.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, tensors, label=label)

    monkeypatch.setattr(_checkpoint, "write_tensors", full)
    with pytest.raises(InputError, match=r"no space left on the disk; the checkpoint of step 6 is whole"):
        train(small(), dataset_path, tmp_path / "run")
    left = [item.name for item in (tmp_path / "run.partial" / "checkpoints").iterdir()]
    assert sorted(left) == ["latest", "step_000000004", "step_000000006"]
    monkeypatch.undo()
    assert hashes(train(small(), dataset_path, tmp_path / "run").path) == expected


@pytest.mark.parametrize("name", ["model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"])
def test_a_truncated_checkpoint_is_refused_by_name(name, small, dataset_path, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(small(), dataset_path, tmp_path / "run", progress=At(5, press_ctrl_c))
    path = tmp_path / "run.partial" / "checkpoints" / "step_000000005" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=f"step_000000005/{name}"):
        train(small(), dataset_path, tmp_path / "run")


def test_bad_input_leaves_nothing_behind(small, dataset_path, make_jets, make_dataset, tmp_path):
    jets = make_jets(60)
    jets.scalars["label"][:] = 1
    one_class = make_dataset(tmp_path / "one", [jets])
    # the writer refuses such labels, so they get into the file by another hand
    wrong_label = make_dataset(tmp_path / "wrong", [jets])
    shard = wrong_label / "part-00000.arrow"
    written = jets.scalars["label"].tobytes()
    jets.scalars["label"][:30] = 2
    assert shard.read_bytes().count(written) == 1
    shard.write_bytes(shard.read_bytes().replace(written, jets.scalars["label"].tobytes()))
    before = sorted(tmp_path.iterdir())
    for data, message in (
        (one_class, r"train split has jets of the classes: Tbqq; two are needed"),
        (wrong_label, r"part-00000\.arrow: column label holds 2; -1 \(unlabelled\) to 1 \(QCD, Tbqq\)"),
        (tmp_path / "nothing", "no such folder"),
    ):
        with pytest.raises(InputError, match=message):
            train(small(batch_size=8), data, tmp_path / "run")
    with pytest.raises(InputError, match=r"train split has \d+ jets; 5000 are needed"):
        train(small(batch_size=5000), dataset_path, tmp_path / "run")
    assert sorted(tmp_path.iterdir()) == before
    Run.open(train(small(steps=1), dataset_path, tmp_path / "run").path)
    with pytest.raises(InputError, match="exists already"):
        train(small(steps=1), dataset_path, tmp_path / "run")


def test_truncated_particles_are_reported(small, dataset_path, tmp_path, caplog):
    with caplog.at_level("WARNING"):
        run = train(small(steps=1), dataset_path, tmp_path / "run")
    assert "cut to their 16 hardest particles" in caplog.text
    assert 0 < run.data.truncated_pt < run.data.truncated_particles < 1
    caplog.clear()
    with caplog.at_level("WARNING"):
        train(small(steps=1, max_particles=40), dataset_path, tmp_path / "all")
    assert caplog.text == ""
