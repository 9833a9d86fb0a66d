from __future__ import annotations

import pytest
import torch
from torch import Tensor

from collidium.optim import AdamW, NonFiniteGradientError
from collidium.trigger._packed_adamw import PackedAdamW

GROUPS = ({"lr": 0.3, "betas": (0.9, 0.99)}, {"lr": 0.02, "betas": (0.8, 0.999), "eps": 1e-3, "weight_decay": 0.1})


def pair(kind: type[AdamW]) -> tuple[AdamW, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(num, generator=generator).requires_grad_() for num in (500, 70)]
    named = [
        {"params": [(f"t{n}", tensor)], **group} for n, (tensor, group) in enumerate(zip(tensors, GROUPS, strict=True))
    ]
    return kind(named, weight_decay=0.0), tensors


def set_gradients(tensors: list[Tensor], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for tensor in tensors:
        size = 10 ** torch.randn(len(tensor), generator=generator)
        tensor.grad = size * torch.randn(len(tensor), generator=generator)


def test_steps_are_those_of_adamw_and_states_are_exchanged() -> None:
    (packed, ours), (general, theirs) = pair(PackedAdamW), pair(AdamW)
    for step in range(10):
        for tensors in (ours, theirs):
            set_gradients(tensors, step)
        packed.step()
        general.step()
        for first, second in zip(ours, theirs, strict=True):
            torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)
        if step == 4:
            state = general.state_dict()
            general.load_state_dict(packed.state_dict())
            packed.load_state_dict(state)
    assert packed.state[ours[0]]["step"] == 10


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    optimizer, tensors = pair(PackedAdamW)
    set_gradients(tensors, 0)
    optimizer.step()
    before = [tensor.detach().clone() for tensor in tensors]
    moments = optimizer.state[tensors[0]]["exp_avg"].clone()
    set_gradients(tensors, 1)
    assert tensors[1].grad is not None
    tensors[1].grad[3] = float("inf")
    with pytest.raises(NonFiniteGradientError, match="in t1;"):
        optimizer.step()
    assert all(torch.equal(tensor, value) for tensor, value in zip(tensors, before, strict=True))
    assert torch.equal(optimizer.state[tensors[0]]["exp_avg"], moments)


def test_moments_below_the_normal_numbers_are_dropped() -> None:
    optimizer, (weight, _) = pair(PackedAdamW)
    for size, steps in ((1e-17, 50), (0.0, 1500)):
        weight.grad = torch.full_like(weight, size)
        for _ in range(steps):
            optimizer.step()
    first, second = (optimizer.state[weight][name] for name in ("exp_avg", "exp_avg_sq"))
    assert not second.any()
    assert not first.any()


def test_closure_and_tensors_without_gradient() -> None:
    optimizer, tensors = pair(PackedAdamW)
    before = tensors[1].detach().clone()

    def closure() -> float:
        optimizer.zero_grad()
        loss = tensors[0].square().sum()
        loss.backward()
        return float(loss.detach())

    losses = [optimizer.step(closure) for _ in range(20)]
    assert losses[-1] < 0.1 * losses[0]
    assert torch.equal(tensors[1], before)
