from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import HyperP, exact_polar, transferred_rate
from collidium.optim._hypersphere import rotate

Array = np.ndarray[Any, np.dtype[np.float64]]


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def numpy_polar(x: Array) -> Array:
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape", [(24, 9), (9, 24), (3, 6, 10)])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_golden_trajectory_in_numpy(shape: tuple[int, ...], decay: float) -> None:
    lr, mu = 0.07, 0.8
    gradients = [np.random.default_rng(step).normal(size=shape) for step in range(6)]
    weight = torch.nn.Parameter(torch.from_numpy(gradients[5].copy()))
    group = {"params": [weight], "view": "stack"}
    optimizer = HyperP([group], lr=lr, momentum=mu, weight_decay=decay, direction="exact")
    stack = gradients[5].reshape(-1, *shape[-2:]).copy()
    momentum, radius = np.zeros_like(stack), [np.linalg.norm(part) for part in stack]
    for g in gradients[:5]:
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        g = g.reshape(stack.shape)
        momentum = mu * momentum + g
        for i, r in enumerate(radius):
            u = numpy_polar(g[i] + mu * momentum[i])
            moved = (1 - lr * decay) * stack[i] - lr * r * u / np.linalg.norm(u)
            stack[i] = moved * r / np.linalg.norm(moved)
    np.testing.assert_allclose(weight.detach().numpy(), stack.reshape(shape), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-3)])
def test_norm_stays_over_a_thousand_steps(dtype: torch.dtype, tolerance: float) -> None:
    # Regression: without a stored radius the norm follows the rounding of every step.
    weight = torch.nn.Parameter(random((8, 20), 0).to(dtype))
    start = float(weight.detach().float().norm())
    optimizer = HyperP([weight], lr=0.05)
    for step in range(1000):
        weight.grad = random((8, 20), step + 1).to(dtype)
        optimizer.step()
    assert abs(float(weight.detach().float().norm()) / start - 1.0) < tolerance
    assert float(optimizer.state[weight]["radius"]) == pytest.approx(start, rel=1e-6)


def test_decay_is_without_effect_to_first_order() -> None:
    def moved(lr: float, decay: float) -> torch.Tensor:
        weight = torch.nn.Parameter(random((6, 9), 0, torch.float64))
        optimizer = HyperP([weight], lr=lr, weight_decay=decay, direction="exact")
        weight.grad = random((6, 9), 1, torch.float64)
        optimizer.step()
        return weight.detach()

    coarse, fine = (float((moved(lr, 0.5) - moved(lr, 0.0)).norm()) for lr in (2e-3, 1e-3))
    assert coarse / fine == pytest.approx(4.0, rel=0.01)
    assert coarse < 1e-2 * 2e-3 * 0.5 * float(random((6, 9), 0, torch.float64).norm())


def test_scale_of_the_gradient_does_not_matter() -> None:
    def moved(scale: float) -> torch.Tensor:
        weight = torch.nn.Parameter(random((6, 9), 0))
        optimizer = HyperP([weight], lr=0.1)
        for step in range(3):
            weight.grad = scale * random((6, 9), step)
            optimizer.step()
        return weight.detach()

    torch.testing.assert_close(moved(1024.0), moved(1.0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("angle", [0.01, 0.3, 2.0])
def test_learning_rate_is_the_tangent_of_the_angle(angle: float) -> None:
    w, u = random((4, 7), 0, torch.float64), random((4, 7), 1, torch.float64)
    u -= (u * w).sum() / w.square().sum() * w
    turned = rotate(w, u, angle, float(w.norm()))
    cosine = float((turned * w).sum() / (turned.norm() * w.norm()))
    assert math.acos(cosine) == pytest.approx(math.atan(angle), rel=1e-9)
    assert float(turned.norm()) == pytest.approx(float(w.norm()), rel=1e-12)
    assert torch.equal(rotate(w, torch.zeros_like(w), angle, 1.0), w)


def test_step_is_the_rotation() -> None:
    weight = torch.nn.Parameter(random((4, 7), 0, torch.float64))
    weight.grad = random((4, 7), 1, torch.float64)
    expected = rotate(weight.detach(), exact_polar(weight.grad), 0.2, float(weight.detach().norm()))
    HyperP([weight], lr=0.2, direction="exact").step()
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-12)


def test_blocks_and_slices_have_spheres_of_their_own() -> None:
    fused = torch.nn.Parameter(torch.cat([random((4, 5), 0), 10 * random((2, 5), 1)]))
    stack = torch.nn.Parameter(torch.stack([random((4, 5), 2), 10 * random((4, 5), 3)]))
    kernel = torch.nn.Parameter(random((6, 2, 3, 3), 4).to(memory_format=torch.channels_last))
    groups = [
        {"params": [fused], "split_sizes": (4, 2)},
        {"params": [stack], "view": "stack"},
        {"params": [kernel], "view": "flatten"},
    ]

    def norms() -> list[float]:
        pieces = [*fused.detach().split((4, 2)), *stack.detach(), kernel.detach()]
        return [float(piece.norm()) for piece in pieces]

    before = norms()
    optimizer = HyperP(groups, lr=0.3)
    for step in range(5):
        for weight in (fused, stack, kernel):
            weight.grad = random(tuple(weight.shape), 50 + step)
        optimizer.step()
    assert norms() == pytest.approx(before, rel=1e-6)


def test_given_radius_serves_zero_matrices_and_zero_without_one_is_refused() -> None:
    weights = [torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.zeros(4, 9))]
    for weight in weights:
        weight.grad = random(tuple(weight.shape), 0)
    with pytest.raises(ValueError, match=r"shape \(4, 9\) is zero, which has no sphere"):
        HyperP(weights, lr=0.1).step()
    assert torch.equal(weights[0], torch.ones(3, 3))
    HyperP(weights, lr=0.1, radius_rms=0.5).step()
    for weight in weights:
        assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.5, rel=1e-6)


def test_converges_to_a_target_on_its_sphere() -> None:
    target = random((8, 12), 0)
    inputs = random((12, 64), 1)
    weight = torch.nn.Parameter(random((8, 12), 2))
    weight.data *= target.norm() / weight.detach().norm()
    optimizer = HyperP([weight], lr=0.1)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=150)
    for _ in range(150):
        optimizer.zero_grad()
        ((weight - target) @ inputs).square().mean().backward()
        optimizer.step()
        scheduler.step()
    assert ((weight - target) @ inputs).square().mean() < 1e-3 * (target @ inputs).square().mean()


def test_rate_transfers_with_tokens_and_batch() -> None:
    assert transferred_rate(1.0, token_ratio=1.0) == 1.0
    assert math.log2(transferred_rate(1.0, token_ratio=2.0)) == pytest.approx(-0.32)
    assert transferred_rate(1.0, token_ratio=1.0, batch_ratio=9.0) == pytest.approx(3.0)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="radius_rms is 0"):
        HyperP([torch.nn.Parameter(torch.ones(2, 2))], radius_rms=0.0)
