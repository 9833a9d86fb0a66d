from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import AdaptiveMemoryAdamW, AdaptiveMemorySGD, adaptive_coefficient

SHAPES = [(24, 9), (9, 24), (3, 6, 10)]
SCALES = [3.0, 1.0, 0.7, 1.5, 0.5, 1.0]


def random(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coefficient(gradient: torch.Tensor, direction: torch.Tensor, proximity: float = 0.1) -> float:
    return float(adaptive_coefficient([gradient], [direction], proximity, 0.9))


def test_equal_plane_needs_no_memory() -> None:
    gradient = random((4, 5), 0)
    assert coefficient(gradient, gradient) == 0.0
    assert coefficient(torch.zeros(3), torch.zeros(3)) == 0.0


def test_opposite_memory_is_forgotten_and_the_limit_holds() -> None:
    gradient = random((4, 5), 0)
    assert coefficient(gradient, -3.0 * gradient) == 0.0
    coefficients = [coefficient(random((6,), i), 2.0 * random((6,), 1000 + i), 1.0) for i in range(200)]
    assert min(coefficients) == 0.0
    assert max(coefficients) == pytest.approx(0.9)
    assert any(0.0 < beta < 0.9 for beta in coefficients)


def test_coefficient_maximises_the_dual_of_the_two_planes() -> None:
    # Between the planes, b maximises b <g, d> - |(1 - b) g + b d + l d|^2 / (2 (1 + l)).
    gradient, direction, proximity = random((5,), 3), random((5,), 4), 0.3
    betas = torch.linspace(0.0, 0.9, 9001, dtype=torch.float64).unsqueeze(1)
    mixed = (1 - betas) * gradient + (betas + proximity) * direction
    value = betas.squeeze() * (gradient * direction).sum() - mixed.square().sum(dim=1) / (2 * (1 + proximity))
    assert coefficient(gradient, direction, proximity) == pytest.approx(float(betas[value.argmax()]), abs=1e-4)


def test_one_coefficient_for_all_tensors() -> None:
    gradients, directions = [random((3,), 0), random((2, 2), 1)], [random((3,), 2), random((2, 2), 3)]
    joined = adaptive_coefficient(
        [torch.cat([part.flatten() for part in gradients])],
        [torch.cat([part.flatten() for part in directions])],
        0.1,
        0.9,
    )
    torch.testing.assert_close(adaptive_coefficient(gradients, directions, 0.1, 0.9), joined)


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_of_sgd(shape: tuple[int, ...]) -> None:
    lr, decay, ell, largest = 0.1, 0.2, 0.3, 0.8
    start = np.random.default_rng(90).normal(size=(2, *shape))
    weights = [torch.nn.Parameter(torch.from_numpy(part.copy())) for part in start]
    optimizer = AdaptiveMemorySGD(weights, lr=lr, proximity=ell, momentum=largest, weight_decay=decay)
    w, found = start.copy(), []
    d = np.zeros((2, *shape))
    for step in range(6):
        g = SCALES[step] * np.random.default_rng(step).normal(size=(2, *shape))
        for weight, gradient in zip(weights, g, strict=True):
            weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        if step == 0:
            d = g.copy()
        difference = d - g
        size = np.sum(difference**2)
        top = (1 + ell) * np.sum(g * d) - np.sum(difference * (g + ell * d))
        beta = np.clip(top / size, 0, largest) if size > 0 else 0.0
        found.append(float(beta))
        d = ((beta + ell) * d + (1 - beta) * g) / (1 + ell)
        w = (1 - lr * decay) * w - lr * d
    for weight, expected in zip(weights, w, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-12)
    assert len({round(beta, 6) for beta in found} - {0.0, 0.8}) >= 2, found  # the formula was at work, not its limits


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_of_adamw(shape: tuple[int, ...]) -> None:
    decay, ell, (largest, b2), eps = 0.2, 0.3, (0.7, 0.99), 1e-8
    rates = [0.01, 0.02, 0.02, 0.005, 0.01, 0.01]
    start = np.random.default_rng(90).normal(size=shape)
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    options: dict[str, Any] = {"betas": (largest, b2), "proximity": ell, "eps": eps, "weight_decay": decay}
    optimizer = AdaptiveMemoryAdamW([weight], **options)
    w, d, v, product, found = start.copy(), np.zeros(shape), np.zeros(shape), 1.0, []
    for t, rate in enumerate(rates, start=1):
        g = SCALES[t - 1] * np.random.default_rng(t).normal(size=shape)
        weight.grad = torch.from_numpy(g)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        v = b2 * v + (1 - b2) * g**2
        p = (1 - largest * product) * (np.sqrt(v / (1 - b2**t)) + eps)
        beta = largest
        if t > 1:
            metric, difference = 1 / (p * (1 + ell * p)), d - g
            gap = (1 + decay * rate) * rates[t - 2] / rate * np.sum(g * (d / p + decay * w))
            top = gap - np.sum(metric * difference * (g + ell * p * d)) - decay * np.sum(w * difference)
            beta = float(np.clip(top / np.sum(metric * difference**2), 0, largest))
        found.append(beta)
        d = ((1 - beta) * g + (ell * p + beta) * d) / (1 + ell * p)
        w = (1 - rate * decay) * w - rate * d / p
        product *= beta
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-11)
    assert len({round(beta, 6) for beta in found} - {0.0, 0.7}) >= 1, found


def test_first_step_of_adamw_is_the_sign_of_the_gradient() -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.float64))
    weight.grad = random((4, 3), 0)
    AdaptiveMemoryAdamW([weight], lr=0.25, proximity=0.0, eps=1e-12).step()
    torch.testing.assert_close(weight.detach(), -0.25 * weight.grad.sign(), rtol=0, atol=1e-9)


def steps_to_converge(optimizer: torch.optim.Optimizer, weight: torch.nn.Parameter, curvature: torch.Tensor) -> int:
    for step in range(3000):
        optimizer.zero_grad()
        loss = 0.5 * (curvature * weight.square()).sum()
        if float(loss.detach()) < 1e-6:
            return step
        loss.backward()
        optimizer.step()
    return 3000


@pytest.mark.parametrize("lr", [0.5, 1.0, 1.5])
def test_ill_conditioned_quadratic_is_not_slower_than_with_fixed_momentum(lr: float) -> None:
    curvature = torch.logspace(-2, 0, 20, dtype=torch.float64)

    def start() -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.ones(20, dtype=torch.float64))

    adaptive, fixed = start(), start()
    # The same average of gradients, with the constant coefficient 0.9.
    rival = torch.optim.SGD([fixed], lr=lr, momentum=0.9, dampening=0.9)
    steps = steps_to_converge(AdaptiveMemorySGD([adaptive], lr=lr), adaptive, curvature)
    assert steps <= steps_to_converge(rival, fixed, curvature)
    assert steps < 3000


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (AdaptiveMemorySGD, {"momentum": 1.5}, "momentum is 1.5"),
        (AdaptiveMemorySGD, {"proximity": -0.1}, "proximity is -0.1"),
        (AdaptiveMemoryAdamW, {"betas": (0.9,)}, "betas is"),
    ],
)
def test_refuses(build: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build([torch.nn.Parameter(torch.ones(2))], **options)
