from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import AdEMAMix, Lion, MatrixOptimizer, Signum
from collidium.optim._ademamix import warmed_mixing, warmed_slow_decay

Array = np.ndarray[Any, np.dtype[np.float64]]
SHAPES = [(9, 4), (4, 9), (3, 5, 6), (7,), ()]
LR, DECAY, STEPS = 0.03, 0.2, 5


def gradient(shape: tuple[int, ...], step: int) -> Array:
    return np.asarray(np.random.default_rng(step).normal(size=shape))


def run(build: Callable[[list[torch.nn.Parameter]], MatrixOptimizer], shape: tuple[int, ...]) -> Array:
    weight = torch.nn.Parameter(torch.from_numpy(gradient(shape, 99)))
    optimizer = build([weight])
    for step in range(1, STEPS + 1):
        weight.grad = torch.from_numpy(gradient(shape, step))
        optimizer.step()
    return weight.detach().numpy()


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_of_signum(shape: tuple[int, ...]) -> None:
    w, m = gradient(shape, 99), np.zeros(shape)
    for t in range(1, STEPS + 1):
        m = 0.8 * m + 0.2 * gradient(shape, t)
        w = (1 - LR * DECAY) * w - LR * np.sign(m)
    result = run(lambda params: Signum(params, lr=LR, momentum=0.8, weight_decay=DECAY), shape)
    np.testing.assert_allclose(result, w, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_of_lion(shape: tuple[int, ...]) -> None:
    w, m, (b1, b2) = gradient(shape, 99), np.zeros(shape), (0.7, 0.95)
    for t in range(1, STEPS + 1):
        g = gradient(shape, t)
        w = (1 - LR * DECAY) * w - LR * np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
    result = run(lambda params: Lion(params, lr=LR, betas=(b1, b2), weight_decay=DECAY), shape)
    np.testing.assert_allclose(result, w, rtol=0, atol=1e-14)


@pytest.mark.parametrize("warmup", [0, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_of_ademamix(shape: tuple[int, ...], warmup: int) -> None:
    w, fast, slow, second = gradient(shape, 99), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    b1, b2, b3, alpha, eps = 0.8, 0.95, 0.99, 3.0, 1e-8
    for t in range(1, STEPS + 1):
        g, x = gradient(shape, t), t / warmup if warmup else 1.0
        # The inverse of ln(decay) is interpolated: the half-life grows linearly.
        b3_now = math.exp(1 / ((1 - x) / math.log(b1) + x / math.log(b3)))
        fast, slow = b1 * fast + (1 - b1) * g, b3_now * slow + (1 - b3_now) * g
        second = b2 * second + (1 - b2) * g**2
        step = (fast / (1 - b1**t) + x * alpha * slow) / (np.sqrt(second / (1 - b2**t)) + eps)
        w = (1 - LR * DECAY) * w - LR * step
    options: dict[str, Any] = {"betas": (b1, b2, b3), "alpha": alpha, "warmup": warmup, "weight_decay": DECAY}
    result = run(lambda params: AdEMAMix(params, lr=LR, **options), shape)
    np.testing.assert_allclose(result, w, rtol=0, atol=1e-12)


def test_ademamix_without_slow_average_is_adamw() -> None:
    ours = run(lambda p: AdEMAMix(p, lr=LR, alpha=0.0, weight_decay=DECAY), (4, 6))
    weight = torch.nn.Parameter(torch.from_numpy(gradient((4, 6), 99)))
    theirs = torch.optim.AdamW([weight], lr=LR, weight_decay=DECAY)
    for step in range(1, STEPS + 1):
        weight.grad = torch.from_numpy(gradient((4, 6), step))
        theirs.step()
    np.testing.assert_allclose(ours, weight.detach().numpy(), rtol=0, atol=1e-12)


def test_half_life_of_the_slow_average_grows_linearly_to_its_value() -> None:
    half_lives = [math.log(0.5) / math.log(warmed_slow_decay(t, 0.9999, 0.9, 100)) for t in range(101)]
    np.testing.assert_allclose(np.diff(half_lives), np.full(100, half_lives[-1] - half_lives[0]) / 100, rtol=1e-6)
    assert warmed_slow_decay(500, 0.9999, 0.9, 100) == 0.9999
    assert [warmed_mixing(t, 6.0, 3) for t in (1, 3, 9)] == pytest.approx([2.0, 6.0, 6.0])


@pytest.mark.parametrize("build", [Signum, Lion])
def test_signs_do_not_see_the_scale_of_the_gradient(build: Any) -> None:
    def moved(scale: float) -> torch.Tensor:
        weight = torch.nn.Parameter(torch.zeros(5, 4))
        optimizer = build([weight], lr=0.25)
        for step in range(3):
            weight.grad = scale * torch.from_numpy(gradient((5, 4), step)).float()
            optimizer.step()
        return weight.detach()

    assert torch.equal(moved(1.0), moved(2.0**20))
    assert set(moved(1.0).abs().div(0.25).round().unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (Signum, {"momentum": 1.0}, "momentum is 1"),
        (Lion, {"betas": (0.9, 0.99, 0.9)}, "betas is"),
        (AdEMAMix, {"betas": (0.9, 0.99)}, "betas is"),
        (AdEMAMix, {"warmup": -1}, "warmup is -1"),
        (AdEMAMix, {"alpha": -1.0}, "alpha is -1"),
        (Lion, {"weight_decay": -1.0}, "weight_decay is -1"),
    ],
)
def test_refuses(build: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build([torch.nn.Parameter(torch.ones(2))], **options)
