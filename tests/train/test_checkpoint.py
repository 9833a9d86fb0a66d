"""Checkpoints give back every bit of model, average and optimizer."""

from __future__ import annotations

import copy

import pytest
import torch

from collidium.artifact import InputError
from collidium.models import DeepSetsConfig, JetFormerConfig
from collidium.optim import OPTIMIZERS, for_model
from collidium.train._checkpoint import (
    Learner,
    checkpoint_path,
    find_checkpoints,
    prune_checkpoints,
    read_checkpoint,
    remove_unfinished,
    write_checkpoint,
)
from collidium.train._state import TrainState


def learner(name, seed=0, steps=0, config=None):
    model = (config or JetFormerConfig(num_blocks=1, width=8)).build(3, 0, 2, seed=seed)
    optimizer = for_model(model, name, lr=1e-2)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return Learner(model=model, optimizer=optimizer, average=copy.deepcopy(model))


def tensors(of):
    state = of.optimizer.state_dict()["state"]
    return [
        *of.model.state_dict().values(),
        *of.average.state_dict().values(),
        *(value for key in sorted(state) for _, value in sorted(state[key].items())),
    ]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_bit_comes_back_and_the_next_step_is_the_same(name, tmp_path):
    written, read = learner(name, steps=3), learner(name, seed=1)
    state = TrainState(step=3, losses=[1 / 3, 2e-8], best_loss=0.1 + 0.2, best_step=2, stale_epochs=1)
    write_checkpoint(tmp_path, state, written, label="x")
    assert read_checkpoint(tmp_path, 3, read) == state
    for _ in range(2):
        found, expected = tensors(read), tensors(written)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
        for one in (written, read):
            for parameter in one.model.parameters():
                parameter.grad = torch.ones_like(parameter)
            one.optimizer.step()


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    write_checkpoint(tmp_path, TrainState(step=1), learner("muon", steps=1), label="x")
    with pytest.raises(InputError, match="another"):
        read_checkpoint(tmp_path, 1, learner("muon", config=DeepSetsConfig()))


def test_pruning_keeps_the_latest_regular_ones_and_the_newest(tmp_path):
    for step in (10, 20, 25, 30, 37):
        write_checkpoint(tmp_path, TrainState(step=step), learner("adamw"), label="x")
    prune_checkpoints(tmp_path, keep=2, is_regular=lambda step: step % 10 == 0)
    assert find_checkpoints(tmp_path) == [20, 30, 37]


def test_a_folder_that_a_kill_left_half_written_is_no_checkpoint(tmp_path):
    half = checkpoint_path(tmp_path, 5).with_name(".step_000000005.unfinished")
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"half")
    assert find_checkpoints(tmp_path) == []
    other = half.with_name(".step_000000007.unfinished")
    other.mkdir()
    write_checkpoint(tmp_path, TrainState(step=5), learner("adamw"), label="x")
    assert find_checkpoints(tmp_path) == [5]
    assert not half.exists()
    remove_unfinished(tmp_path)
    assert sorted(item.name for item in other.parent.iterdir()) == ["latest", "step_000000005"]


def test_folders_that_somebody_else_put_there_are_no_checkpoints(tmp_path):
    for name in ("step_x.bak", "step_000000005.bak", "step_12", "step_000000004 copy", ".step_notes"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert find_checkpoints(tmp_path) == []
    remove_unfinished(tmp_path)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 5


def test_the_same_content_has_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        write_checkpoint(tmp_path / folder, TrainState(step=2), learner("muon", steps=2), label="x")
    for path in checkpoint_path(tmp_path / "a", 2).iterdir():
        assert path.read_bytes() == (checkpoint_path(tmp_path / "b", 2) / path.name).read_bytes()
