from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch.optim.optimizer import ParamsT

from collidium.optim import MatrixOptimizer, Muon
from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION
from collidium.optim._matrix_optimizer import Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._muon import MUON
from collidium.optim._pipeline import CHUNK_BYTES, Composition, MatrixStep, Options, ParameterStep, Slot
from collidium.optim._shape_factor import SHAPE_FACTOR


def freeze_small_gradients(matrices: list[MatrixStep], options: Options) -> None:
    """A correction that compares the matrices of a group and drops those with a below-mean gradient."""
    norms = torch.stack([matrix.update.norm() for matrix in matrices])
    matrices[:] = [matrix for matrix, norm in zip(matrices, norms, strict=True) if norm >= norms.mean()]


def row_second_moment(weight: torch.Tensor, options: Options) -> dict[str, torch.Tensor]:
    return {"rows": torch.zeros(*weight.shape[:-1], 1)}


def equalize_rows(matrices: list[MatrixStep], options: Options) -> None:
    """A post-normalisation with state: every row of every block gets unit norm; the state counts the steps."""
    for matrix in matrices:
        matrix.state["rows"].add_(1)
        matrix.blocks = [block / block.norm(dim=-1, keepdim=True) for block in matrix.blocks]


CORRECTION = Slot(number=1, variant="frozen layers", advance=freeze_small_gradients, scope="group")
ROWS = Slot(number=5, variant="equal rows", initial_state=row_second_moment, advance=equalize_rows)


class NewMember(MatrixOptimizer):
    rules: ClassVar[Mapping[str, Rule]] = {
        "new": Composition((CORRECTION, MOMENTUM, DIRECTION, ROWS, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY))
    }

    def __init__(self, params: ParamsT, **options: Any) -> None:
        super().__init__(params, {"rule": "new", "lr": 0.1, **options})


def test_a_new_member_is_a_declared_composition() -> None:
    weights = [torch.nn.Parameter(torch.zeros(4, 6)) for _ in range(3)]
    for scale, weight in zip((1.0, 10.0, 0.1), weights, strict=True):
        weight.grad = scale * torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    optimizer = NewMember(weights)
    optimizer.step()
    moved = [bool(weight.any()) for weight in weights]
    assert moved == [False, True, False]
    torch.testing.assert_close(weights[1].norm(dim=-1), torch.full((4,), 0.1))
    assert torch.equal(optimizer.state[weights[1]]["rows"], torch.ones(4, 1))
    assert torch.equal(optimizer.state[weights[0]]["momentum"], torch.zeros(4, 6))


def test_defaults_and_state_come_from_the_slots() -> None:
    assert {"momentum", "direction", "shape_factor", "weight_decay", "view", "split_sizes"} <= set(MUON.defaults)
    options = dict(MUON.defaults)
    assert list(MUON.initial_state(torch.zeros(2, 3), options)) == ["momentum"]


def test_slots_out_of_order_are_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        Composition((APPLY, MOMENTUM))


def test_chunks_bound_the_memory_and_cover_every_matrix_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collidium.optim._pipeline.CHUNK_BYTES", {"cpu": 4 * 100})
    seen: list[list[int]] = []

    def record(matrices: list[MatrixStep], options: Options) -> None:
        seen.append([matrix.weight.numel() for matrix in matrices])

    rule = Composition((Slot(number=2, variant="record", advance=record, is_batched=True),))
    sizes = [(5, 10), (5, 10), (30, 10), (5, 10), (2, 3)]
    steps = [ParameterStep(str(i), torch.zeros(s), torch.zeros(s), {}) for i, s in enumerate(sizes)]
    rule.advance(steps, {**rule.defaults, "lr": 0.1})
    assert seen == [[6, 50], [50, 50], [300]]


def test_chunking_does_not_change_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights_after(budget: int) -> list[torch.Tensor]:
        monkeypatch.setattr("collidium.optim._pipeline.CHUNK_BYTES", {"cpu": budget})
        generator = torch.Generator().manual_seed(0)
        weights = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in [(8, 24), (24, 8)] * 4]
        optimizer = Muon(weights, lr=0.1, precision="float32")
        for _ in range(3):
            for weight in weights:
                weight.grad = torch.randn(weight.shape, generator=generator)
            optimizer.step()
        return [weight.detach() for weight in weights]

    for one, many in zip(weights_after(1), weights_after(CHUNK_BYTES["cpu"]), strict=True):
        torch.testing.assert_close(one, many, rtol=0, atol=2e-6)
