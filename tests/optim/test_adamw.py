from __future__ import annotations

import numpy as np
import pytest
import torch

from collidium.optim import AdamW


def gradient(shape: tuple[int, ...], step: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


def test_golden_trajectory_in_numpy() -> None:
    shape, lr, (b1, b2), eps, decay = (3, 5), 0.01, (0.8, 0.95), 1e-8, 0.1
    weight = torch.nn.Parameter(gradient(shape, 99))
    optimizer = AdamW([weight], lr=lr, betas=(b1, b2), eps=eps, weight_decay=decay)
    w = weight.detach().numpy().copy()
    first, second = np.zeros(shape), np.zeros(shape)
    for t in range(1, 6):
        weight.grad = gradient(shape, t)
        optimizer.step()
        g = weight.grad.numpy()
        first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g**2
        w = w - lr * decay * w - lr * (first / (1 - b1**t)) / (np.sqrt(second / (1 - b2**t)) + eps)
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch_bitwise(dtype: torch.dtype) -> None:
    shapes = [(5, 7), (3,), (2, 3, 4), ()]
    ours = [torch.nn.Parameter(gradient(shape, 50).to(dtype)) for shape in shapes]
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    pair = (AdamW(ours, lr=0.01), torch.optim.AdamW(theirs, lr=0.01, fused=True))
    for step in range(5):
        for weights, optimizer in zip((ours, theirs), pair, strict=True):
            for weight in weights:
                weight.grad = gradient(tuple(weight.shape), step).to(dtype)
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_steps_are_counted_for_each_parameter() -> None:
    early, late = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    optimizer = AdamW([early, late], lr=0.1, weight_decay=0.0)
    early.grad = torch.ones(2)
    optimizer.step()
    late.grad = torch.ones(2)
    optimizer.step()
    # The first step of Adam is lr sign(g): bias correction of the late parameter starts with its own first step.
    torch.testing.assert_close(late.detach(), torch.full((2,), -0.1))


def test_transposed_gradient_meets_its_own_weight() -> None:
    # The fused kernels walk linearly through memory; a gradient in another layout would meet the wrong weights.
    base = gradient((3, 4), 0)
    for layout in (base, base.t().contiguous().t()):
        weight = torch.nn.Parameter(torch.zeros(3, 4, dtype=torch.float64))
        weight.grad = layout
        AdamW([weight], lr=0.1, weight_decay=0.0).step()
        torch.testing.assert_close(weight.detach(), -0.1 * base.sign(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", [{"betas": (0.9, 1.0)}, {"betas": (0.9,)}, {"eps": 0.0}, {"weight_decay": -1.0}])
def test_refuses(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        AdamW([torch.nn.Parameter(torch.ones(2))], **options)
