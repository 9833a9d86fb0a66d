from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from collidium.study import Sources, StudyConfig, Trial, open_task, rate_factor, run_trial
from collidium.study._trial import make_optimizer


def trial(member: str = "muon", rate: float = 0.01, task: str = "memory") -> Trial:
    return Trial(task=task, member=member, purpose="sweep", index=0, rate=rate, seed=1)


@pytest.mark.parametrize("task", ["language", "jets", "memory", "memory_hidden"])
def test_same_seed_same_numbers(task: str, tiny: StudyConfig, sources: Sources) -> None:
    first, second = (run_trial(trial(task=task), open_task(task, tiny, sources), tiny)[0] for _ in range(2))
    assert first == second
    assert first["diverged_at"] is None
    other = run_trial(replace(trial(task=task), seed=2), open_task(task, tiny, sources), tiny)[0]
    assert other["val"] != first["val"]


def test_members_start_alike_and_see_the_same_batches(tiny: StudyConfig) -> None:
    task = open_task("memory", tiny, Sources())
    first, second = (run_trial(trial(member), task, tiny)[0] for member in ("adamw", "muon"))
    assert first["val"][0] == second["val"][0]
    assert first["initial_entropy"] == second["initial_entropy"]
    # the bytes are those of two and of one float32 moment, and AdamW's step count
    assert second["state_bytes"] == 4.0
    assert first["state_bytes"] == pytest.approx(8.0, abs=0.2)


def test_a_run_that_ends_above_its_beginning_has_diverged(tiny: StudyConfig) -> None:
    result, _ = run_trial(trial("adamw", rate=1e4), open_task("memory", tiny, Sources()), tiny)
    assert result["diverged_at"] == tiny.steps
    assert result["final_loss"] is None
    assert result["figures"] == {}
    assert len(result["val"]) == 3


class _Breaking:
    """The memory, whose loss is infinite or has an undefined gradient from the third step."""

    def __init__(self, task: object, kind: str) -> None:
        self._task, self._kind, self._calls = task, kind, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._task, name)

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        self._calls += 1
        loss: Tensor = self._task.loss(model, batch)  # type: ignore[attr-defined]
        if self._calls < 3:
            return loss
        return loss * math.inf if self._kind == "loss" else loss + (0.0 * loss - loss.detach() * 0.0).sqrt()


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_numbers_that_are_not_finite_end_a_run(kind: str, tiny: StudyConfig) -> None:
    task = _Breaking(open_task("memory", tiny, Sources()), kind)
    result, timing = run_trial(trial(), task, tiny)  # type: ignore[arg-type]
    assert result["diverged_at"] == 2
    assert result["final_loss"] is None
    assert [step for step, _ in result["val"]] == [0, 2]
    assert [step for step, _, _ in timing["seconds"]] == [0, 2]


def test_warmup_and_decay() -> None:
    factors = [rate_factor(step, 10, warmup=0.2, decay=0.3) for step in range(10)]
    assert factors == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3])
    assert [rate_factor(step, 3, warmup=0.0, decay=0.0) for step in range(3)] == [1.0, 1.0, 1.0]


def test_the_rest_goes_to_adamw_at_its_own_rate(tiny: StudyConfig, sources: Sources) -> None:
    model = open_task("language", tiny, sources).build(0)
    groups = {group["rule"]: group for group in make_optimizer(model, "lion", 3e-4).param_groups}
    assert groups["lion"]["lr"] == 3e-4
    assert groups["adamw"]["lr"] == pytest.approx(3e-3)
    clipped = make_optimizer(model, "muon_clip", 3e-4).param_groups
    assert [len(group["attention"]) for group in clipped if group["rule"] == "muon_clip"] == [1, 1]
    assert torch.is_grad_enabled()
