from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import Lanton, Muon
from collidium.optim._noise_rate import dual_norms, relative_rates

Array = np.ndarray[Any, np.dtype[np.float64]]


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rates_after(noise: float, steps: int, **options: Any) -> tuple[float, float]:
    """Length of the last step of a quiet and of a noisier layer, per unit of the learning rate."""
    weights = [torch.nn.Parameter(torch.zeros(8, 12)) for _ in range(2)]
    optimizer = Lanton(weights, lr=1.0, direction="exact", **options)
    lengths = (0.0, 0.0)
    for step in range(steps):
        before = [weight.detach().clone() for weight in weights]
        for index, (weight, scale) in enumerate(zip(weights, (0.1, noise), strict=True)):
            weight.grad = random((8, 12), 0) + scale * random((8, 12), 2 * step + index + 1)
        optimizer.step()
        steps_taken = [weight.detach() - old for weight, old in zip(weights, before, strict=True)]
        lengths = (
            float(torch.linalg.matrix_norm(steps_taken[0], 2)),
            float(torch.linalg.matrix_norm(steps_taken[1], 2)),
        )
    return lengths


@pytest.mark.parametrize("noise_norm", ["nuclear", "frobenius"])
def test_ten_times_the_noise_halves_the_rate_at_least(noise_norm: str) -> None:
    quiet, noisy = rates_after(1.0, 10, noise_norm=noise_norm)
    assert quiet == pytest.approx(1.0, rel=1e-5)  # the quiet layer keeps its rate
    assert noisy / quiet < 0.5
    assert noisy / quiet > 0.1**0.5 * 0.8  # and 1/sqrt(10) is the limit


def test_noise_far_below_its_scale_does_not_count() -> None:
    quiet, noisy = rates_after(1.0, 10, noise_scale=1e4)
    assert noisy / quiet == pytest.approx(1.0, abs=1e-3)


def test_deterministic_gradients_step_like_muon() -> None:
    ours, theirs = ([torch.nn.Parameter(torch.zeros(5, 7)) for _ in range(2)] for _ in range(2))
    pair = (Lanton(ours, lr=0.1), Muon(theirs, lr=0.1))
    for _ in range(4):
        for weights, optimizer in zip((ours, theirs), pair, strict=True):
            for index, weight in enumerate(weights):
                weight.grad = 10.0**index * random((5, 7), index)
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (3, 5, 8)])
def test_dual_norm_is_the_scaled_nuclear_norm_and_frobenius_bounds_it(shape: tuple[int, ...]) -> None:
    matrix = random(shape, 0)
    expected = torch.linalg.svdvals(matrix).sum(dim=-1)[..., None, None] * (shape[-2] / shape[-1]) ** 0.5
    (exact,), (fast,), (bound,) = (
        dual_norms([matrix], "nuclear", exact=True),
        dual_norms([matrix], "nuclear"),
        dual_norms([matrix], "frobenius"),
    )
    torch.testing.assert_close(exact, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(fast.float(), expected, rtol=1e-2, atol=0)
    assert bool((bound >= expected).all())
    gram = torch.eye(4)
    torch.testing.assert_close(*dual_norms([gram], "frobenius"), torch.tensor([[4.0]]))


def test_relative_rates_lie_between_zero_and_one_at_the_quietest() -> None:
    rates = relative_rates([torch.tensor([[3.0], [0.5]]), torch.tensor([[100.0]])], 0.7)
    assert float(rates[0][1]) == 1.0
    assert 0.0 < float(rates[1]) < float(rates[0][0]) < 1.0


def numpy_svd_map(x: Array) -> tuple[Array, Array]:
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return left @ right, values.sum(axis=-1)


@pytest.mark.parametrize("shape", [(24, 9), (9, 24), (3, 6, 10)])
def test_golden_trajectory_in_numpy(shape: tuple[int, ...]) -> None:
    lr, decay, mu, b2, scale = 0.05, 0.3, 0.8, 0.7, 2.0
    draw = [np.random.default_rng(seed).normal(size=(2, *shape)) for seed in range(6)]
    weights = [torch.nn.Parameter(torch.from_numpy(part.copy())) for part in draw[5]]
    options: dict[str, Any] = {"noise_decay": b2, "noise_scale": scale, "direction": "exact", "shape_factor": "none"}
    group = {"params": weights, "view": "stack"}
    optimizer = Lanton([group], lr=lr, weight_decay=decay, momentum=mu, **options)
    w, m = draw[5].copy(), np.zeros((2, *shape))
    noise, previous = np.zeros((2, *shape[:-2])), draw[0]
    for step in range(5):
        g = draw[step] * np.array([1.0, 3.0]).reshape(2, *[1] * len(shape))
        for weight, gradient in zip(weights, g, strict=True):
            weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        if step > 0:
            dual = (shape[-2] / shape[-1]) ** 0.5 * numpy_svd_map(g - previous)[1]
            noise = b2 * noise + (1 - b2) * dual**2
        previous = g
        trust = scale / np.sqrt(scale**2 + noise)
        rates = np.sqrt(trust / trust.max())
        m = mu * m + (1 - mu) * g
        direction = numpy_svd_map((1 - mu) * g + mu * m)[0]
        w = (1 - lr * decay) * w - lr * rates[..., None, None] * direction
    for weight, expected in zip(weights, w, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-9)


def test_blocks_of_a_split_weight_have_rates_of_their_own() -> None:
    fused = torch.nn.Parameter(torch.zeros(12, 6))
    blocks = [torch.nn.Parameter(torch.zeros(rows, 6)) for rows in (8, 4)]
    one = Lanton([{"params": [fused], "split_sizes": (8, 4)}], lr=0.1)
    many = Lanton(blocks, lr=0.1)
    for step in range(4):
        fused.grad = random((12, 6), step) * torch.cat([torch.ones(8, 1), 5 * torch.ones(4, 1)])
        for block, part in zip(blocks, fused.grad.split((8, 4)), strict=True):
            block.grad = part.clone()
        one.step()
        many.step()
    torch.testing.assert_close(fused.detach(), torch.cat([block.detach() for block in blocks]), rtol=0, atol=1e-6)
    assert one.state[fused]["noise"].shape == (2, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_decay": 1.0}, "noise_decay is 1"),
        ({"noise_scale": 0.0}, "noise_scale is 0"),
        ({"noise_norm": "nuclar"}, "unknown noise_norm 'nuclar'; did you mean nuclear"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lanton([torch.nn.Parameter(torch.ones(2, 2))], **options)
