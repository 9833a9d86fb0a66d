from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import (
    COEFFICIENTS,
    LipschitzAdamW,
    LipschitzMuon,
    exact_polar,
    newton_schulz,
    soft_cap,
    soft_cap_strengths,
    spectral_hammer,
    spectral_normalize,
    spectral_weight_decay,
)
from collidium.optim._spectral_cap import direction_bound, top_singular

Array = np.ndarray[Any, np.dtype[np.float64]]
BOUNDING = ("soft_cap", "hard_cap", "spectral_normalize")


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("shape", [(9, 30), (30, 9), (20, 20), (1, 7), (7, 1), (1, 1)])
def test_top_singular_value_and_vectors(shape: tuple[int, int]) -> None:
    matrix = random(shape, 0)
    left, values, right = torch.linalg.svd(matrix)
    top = top_singular(matrix)
    assert float(top.value) == pytest.approx(float(values[0]), rel=1e-9)
    torch.testing.assert_close(top.left @ top.right.mT, left[:, :1] @ right[:1], rtol=0, atol=1e-6)
    assert not top_singular(torch.zeros(3, 4)).value.any()


def test_top_singular_value_with_equal_leading_values() -> None:
    clustered = exact_polar(random((40, 60), 0)) * (1 - 1e-3 * torch.rand(60, dtype=torch.float64))
    exact = float(torch.linalg.svdvals(clustered)[0])
    assert exact * (1 - 1e-3) <= float(top_singular(clustered).value) <= exact * (1 + 1e-12)


def test_maps_change_only_what_they_say() -> None:
    left, values, right = torch.linalg.svd(random((6, 9), 1), full_matrices=False)

    def with_values(new: torch.Tensor) -> torch.Tensor:
        return (left * new) @ right

    matrix, first = with_values(values), torch.zeros(6, dtype=torch.float64)
    first[0] = 1.0
    limit = float(values[0]) / 2
    for result, expected in (
        (spectral_hammer(matrix, limit), torch.where(first > 0, limit, values)),
        (spectral_weight_decay(matrix, 0.3), values * (1 - 0.3 * first)),
        (spectral_normalize(matrix, limit), values / 2),
    ):
        torch.testing.assert_close(result, with_values(expected), rtol=0, atol=1e-8)
    assert torch.equal(spectral_normalize(matrix, 2 * float(values[0])), matrix)


@pytest.mark.parametrize("worst", [1.0001, 1.05, 1.3, 2.0, 10.0])
def test_soft_cap_is_monotone_and_meets_the_limit(worst: float) -> None:
    values = torch.linspace(0.0, worst, 2001, dtype=torch.float64)
    capped = values.clone().view(-1, 1, 1)
    for strength in soft_cap_strengths(1.0, worst):
        capped = soft_cap(capped, strength)
    capped = capped.view(-1)
    assert bool((capped.diff() >= -1e-15).all())
    assert float(capped[-1]) == pytest.approx(1.0, abs=1e-9)
    small = values < 0.05
    torch.testing.assert_close(capped[small], values[small], rtol=0.02, atol=0)


def test_strength_solves_the_published_polynomial() -> None:
    limit, k = 0.7, 0.8
    (a,) = soft_cap_strengths(limit, k)
    assert -(k**9) * a**4 + 3 * k**7 * a**3 - 3 * k**5 * a**2 + (k - limit) == pytest.approx(0.0, abs=1e-12)
    assert soft_cap_strengths(1.0, 0.9) == []


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_directions_stay_below_their_bound(name: str) -> None:
    values = torch.cat([torch.logspace(-5, 0, 30, dtype=torch.float64), random((30,), 0).abs()])
    direction = newton_schulz(torch.diag(values), name, dtype=torch.float64)
    largest = float(torch.linalg.matrix_norm(direction, 2))
    assert largest <= direction_bound(name, None) * (1 + 1e-3)
    assert largest > 0.8 * direction_bound(name, None)


@pytest.mark.parametrize(
    ("cap", "direction"),
    [
        ("soft_cap", "exact"),
        ("soft_cap", "jordan"),
        ("soft_cap", "polar_express_5"),
        ("hard_cap", "jordan"),
        ("spectral_normalize", "jordan"),
    ],
)
def test_norm_stays_below_the_bound_in_the_worst_case(cap: Any, direction: str) -> None:
    # The gradient pushes along the weight itself, at full rank, with a large rate.
    weights = [torch.nn.Parameter(3.0 * random(shape, 0, torch.float32)) for shape in ((8, 20), (20, 8))]
    optimizer = LipschitzMuon(weights, lr=0.2, cap=cap, max_norm=0.8, direction=direction)
    for step in range(500):
        for weight in weights:
            weight.grad = -weight.detach() - (0.1 * random(tuple(weight.shape), step, torch.float32))
        optimizer.step()
        for weight in weights:
            rows, columns = weight.shape
            norm = float(torch.linalg.matrix_norm(weight.detach(), 2)) * (columns / rows) ** 0.5
            assert norm <= 0.8 * (1 + 1e-3)
            assert norm > 0.5 * 0.8


def test_a_lowered_bound_is_enforced_at_once() -> None:
    weight = torch.nn.Parameter(random((6, 6), 0))
    optimizer = LipschitzMuon([weight], lr=0.01, max_norm=2.0)
    for max_norm in (2.0, 0.5):
        optimizer.param_groups[0]["max_norm"] = max_norm
        weight.grad = random((6, 6), 1)
        optimizer.step()
        assert float(torch.linalg.matrix_norm(weight.detach(), 2)) == pytest.approx(max_norm, rel=0.02)


def numpy_values(x: Array, function: Any) -> Array:
    parts = []
    for part in x.reshape(-1, *x.shape[-2:]):
        left, values, right = np.linalg.svd(part, full_matrices=False)
        parts.append((left * function(values)) @ right)
    return np.stack(parts).reshape(x.shape)


def numpy_cap(cap: str, w: Array, limit: float, worst: float, amount: float, is_first: bool) -> Array:
    if cap == "hard_cap" or (cap == "soft_cap" and is_first):
        return numpy_values(w, lambda s: np.minimum(s, limit))
    if cap == "soft_cap":
        k = worst
        roots = np.roots([-(k**9), 3 * k**7, -3 * k**5, 0.0, k - limit])
        a = min(root.real for root in roots if abs(root.imag) < 1e-9 and root.real >= 0)
        w = numpy_values(w, lambda s: s - a * s**3)
        return w + a * np.einsum("...ij,...kj,...kl->...il", w, w, w)
    if cap == "spectral_normalize":
        return numpy_values(w, lambda s: s / max(1.0, s[0] / limit))
    if cap == "spectral_hammer":
        return numpy_values(w, lambda s: np.concatenate([[limit], s[1:]]))
    return numpy_values(w, lambda s: np.concatenate([[s[0] * (1 - amount)], s[1:]]))


@pytest.mark.parametrize("shape", [(24, 9), (9, 24), (3, 6, 10)])
@pytest.mark.parametrize("cap", [*BOUNDING, "spectral_hammer", "spectral_weight_decay"])
def test_golden_trajectory_in_numpy(shape: tuple[int, ...], cap: Any) -> None:
    lr, decay, mu, max_norm, spectral_decay = 0.1, 0.3, 0.8, 1.3, 0.6
    gradients = [np.random.default_rng(step).normal(size=shape) for step in range(6)]
    weight = torch.nn.Parameter(torch.from_numpy(gradients[5].copy()))
    group = {"params": [weight], "view": "stack"}
    options: dict[str, Any] = {"cap": cap, "max_norm": max_norm, "spectral_decay": spectral_decay}
    options |= {"momentum": mu, "weight_decay": decay, "direction": "exact"}
    optimizer = LipschitzMuon([group], lr=lr, **options)
    w, momentum = gradients[5].copy(), np.zeros(shape)
    factor = (shape[-2] / shape[-1]) ** 0.5
    limit = max_norm * factor
    for step, g in enumerate(gradients[:5]):
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        momentum = mu * momentum + (1 - mu) * g
        direction = numpy_values((1 - mu) * g + mu * momentum, np.ones_like)
        w = (1 - lr * decay) * w - lr * factor * direction
        w = numpy_cap(cap, w, limit, limit * (1 - lr * decay) + lr * factor, lr * spectral_decay, step == 0)
    # 1024 power iterations leave an error where the two largest singular values are close.
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-9 if cap in BOUNDING[:2] else 1e-6)


def test_adamw_with_a_hammer_is_adamw_then_the_hammer() -> None:
    ours, theirs = (torch.nn.Parameter(random((6, 9), 0)) for _ in range(2))
    pair = (LipschitzAdamW([ours], lr=0.05), torch.optim.AdamW([theirs], lr=0.05, weight_decay=0.0))
    for step in range(4):
        for weight, optimizer in zip((ours, theirs), pair, strict=True):
            weight.grad = random((6, 9), step + 1)
            optimizer.step()
        theirs.data.copy_(spectral_hammer(theirs.detach(), (6 / 9) ** 0.5))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (LipschitzMuon, {"cap": "softcap"}, "unknown cap 'softcap'; did you mean soft_cap"),
        (LipschitzMuon, {"max_norm": 0.0}, "max_norm is 0"),
        (LipschitzMuon, {"spectral_decay": -1.0}, "spectral_decay is -1"),
        (LipschitzAdamW, {"cap": "soft_cap"}, "a cap that needs no bound of the update"),
    ],
)
def test_refuses(build: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build([torch.nn.Parameter(torch.ones(2, 2))], **options)
