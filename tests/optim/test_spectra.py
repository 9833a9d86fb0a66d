from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import (
    OPTIMIZERS,
    SpectraAdamW,
    SpectraMuon,
    hard_spectral_clip,
    soft_spectral_clip,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
SHAPES = [(24, 9), (9, 24), (3, 6, 10)]


def with_spectrum(shape: tuple[int, int], values: torch.Tensor, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=generator, dtype=values.dtype), full_matrices=False)
    return (left * values) @ right


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (16, 16)])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0, 40.0, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_soft_clip_maps_singular_values(shape: tuple[int, int], ratio: float, dtype: torch.dtype) -> None:
    # 1000 is beyond the ten passes of the public code.
    threshold = 3.0
    values = torch.logspace(-3, 0, min(shape), dtype=dtype) * ratio * threshold
    matrix = with_spectrum(shape, values)
    clipped = soft_spectral_clip(matrix, threshold)
    expected = values / torch.sqrt(1 + (values / threshold) ** 2)
    result = torch.linalg.svdvals(clipped).flip(0)
    # At 1000 the inverse root is taken of a matrix of condition 10^6, beyond what float32 resolves to 1e-3.
    tolerance = 1e-9 if dtype == torch.float64 else 1e-2 if ratio > 100 else 1e-3
    torch.testing.assert_close(result, expected.sort().values, rtol=tolerance, atol=tolerance * 1e-2)
    assert result[-1] <= threshold * (1 + 1e-4)
    if ratio <= 40.0:
        torch.testing.assert_close(clipped, with_spectrum(shape, expected), rtol=0, atol=1e-3)


def test_soft_clip_is_the_identity_for_a_large_threshold_and_keeps_small_values() -> None:
    matrix = with_spectrum((6, 9), torch.linspace(0.1, 1.0, 6, dtype=torch.float64))
    torch.testing.assert_close(soft_spectral_clip(matrix, 1e6), matrix, rtol=0, atol=1e-10)
    changed = torch.linalg.svdvals(matrix) - torch.linalg.svdvals(soft_spectral_clip(matrix, 10.0))
    values = torch.linalg.svdvals(matrix)
    assert bool((changed <= values**3 / (2 * 100.0) + 1e-12).all())
    assert bool((changed > 0).all())


@pytest.mark.parametrize("clip", [soft_spectral_clip, hard_spectral_clip])
def test_vectors_are_clipped_without_a_jump(clip: Any) -> None:
    # Regression: the public code returns vectors of norm up to c unchanged and jumps to c / sqrt(2) beyond.
    direction = torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
    threshold = 2.0
    norms = torch.linspace(0.01, 6.0, 600, dtype=torch.float64)
    clipped = torch.stack([clip(norm * direction, threshold).norm() for norm in norms])
    assert bool((clipped.diff() >= -1e-12).all())
    assert clipped.diff().max() <= norms.diff().max() * (1 + 1e-9)
    exact = norms / torch.sqrt(1 + (norms / threshold) ** 2) if clip is soft_spectral_clip else norms.clamp(max=2.0)
    torch.testing.assert_close(clipped, exact, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(12, 20), (20, 12)])
def test_hard_clip_is_the_minimum_and_leaves_small_matrices_bitwise(shape: tuple[int, int]) -> None:
    values = torch.cat([torch.zeros(1), torch.logspace(-4, 1, min(shape) - 1)])
    matrix = with_spectrum(shape, values)
    torch.testing.assert_close(hard_spectral_clip(matrix, 0.5), with_spectrum(shape, values.clamp(max=0.5)))
    assert torch.equal(hard_spectral_clip(matrix, 10.1), matrix)


def test_stacks_are_clipped_per_matrix() -> None:
    stack = torch.stack([with_spectrum((4, 7), torch.full((4,), value)) for value in (0.1, 50.0)])
    for clip in (soft_spectral_clip, hard_spectral_clip):
        apart = torch.stack([clip(matrix, 2.0) for matrix in stack])
        torch.testing.assert_close(clip(stack, 2.0), apart, rtol=0, atol=1e-6)


def numpy_map(x: Array, function: Any) -> Array:
    parts = []
    for part in x.reshape(-1, *x.shape[-2:]):
        left, values, right = np.linalg.svd(part, full_matrices=False)
        parts.append((left * function(values)) @ right)
    return np.stack(parts).reshape(x.shape)


def soft(threshold: float) -> Any:
    return lambda values: values / np.sqrt(1 + (values / threshold) ** 2)


def numpy_update(name: str, g: Array, state: dict[str, Any], t: int) -> Array:
    """Update of the wrapped rule, before the clip."""
    if name == "spectra_signum":
        state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
        return np.asarray(np.sign(state["m"]))
    if name == "spectra_muon":
        state["m"] = 0.95 * state.get("m", 0.0) + 0.05 * g
        mixed = 0.05 * g + 0.95 * state["m"]
        return 0.2 * max(g.shape[-2:]) ** 0.5 * numpy_map(mixed, np.ones_like)
    b1 = 0.8 if name == "spectra_adamw" else 0.9
    state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
    state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g**2
    numerator = state["m"] / (1 - b1**t)
    if name == "spectra_ademamix":
        state["slow"] = 0.9999 * state.get("slow", 0.0) + 0.0001 * g
        numerator = numerator + 5.0 * state["slow"]
    return np.asarray(numerator / (np.sqrt(state["v"] / (1 - 0.999**t)) + 1e-8))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pre_clip", [None, 0.7])
@pytest.mark.parametrize("name", ["spectra_adamw", "spectra_signum", "spectra_ademamix", "spectra_muon"])
def test_golden_trajectory_in_numpy(name: str, shape: tuple[int, ...], pre_clip: float | None) -> None:
    lr, decay, clip, scale = 0.02, 0.3, 1.5, 0.8
    gradients = [np.random.default_rng(step).normal(size=shape) for step in range(6)]
    weight = torch.nn.Parameter(torch.from_numpy(gradients[5].copy()))
    options: dict[str, Any] = {"clip": clip, "scale": scale, "pre_clip": pre_clip, "weight_decay": decay}
    if name == "spectra_muon":
        options["direction"] = "exact"
    optimizer = OPTIMIZERS[name].build([{"params": [weight], "view": "stack"}], lr=lr, **options)
    w, state = gradients[5].copy(), {}
    for t, g in enumerate(gradients[:5], start=1):
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        g = g if pre_clip is None else numpy_map(g, soft(pre_clip))
        w = (1 - lr * decay) * w - scale * lr * numpy_map(numpy_update(name, g, state, t), soft(clip))
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-9)


@pytest.mark.parametrize("clip_map", ["soft", "hard"])
@pytest.mark.parametrize("name", ["spectra_adamw", "spectra_signum", "spectra_ademamix", "spectra_muon"])
def test_every_step_is_bounded_per_slice_and_per_block(name: str, clip_map: str) -> None:
    stack, fused = torch.nn.Parameter(torch.zeros(3, 30, 20)), torch.nn.Parameter(torch.zeros(40, 20))
    groups = [{"params": [stack], "view": "stack"}, {"params": [fused], "split_sizes": (30, 10)}]
    optimizer = OPTIMIZERS[name].build(groups, lr=1.0, clip=0.5, clip_map=clip_map, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        before = [*stack.detach().clone(), *fused.detach().clone().split((30, 10))]
        for weight in (stack, fused):
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
        after = [*stack.detach(), *fused.detach().split((30, 10))]
        norms = [float(torch.linalg.matrix_norm(b - a, 2)) for a, b in zip(before, after, strict=True)]
        assert max(norms) <= 0.5 * (1 + 1e-5)
        assert min(norms) > 0.2


def test_weights_stay_below_the_bound_of_decay() -> None:
    weight = torch.nn.Parameter(torch.zeros(20, 30))
    optimizer = SpectraAdamW([weight], lr=0.1, clip=2.0, weight_decay=0.5)
    gradient = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    for _ in range(200):
        weight.grad = gradient
        optimizer.step()
    norm = float(torch.linalg.matrix_norm(weight.detach(), 2))
    assert norm <= 2.0 / 0.5 * (1 + 1e-5)
    assert norm > 0.9 * 2.0 / math.sqrt(1 + (2.0 / 20) ** 2) / 0.5


def test_huge_threshold_is_the_wrapped_rule() -> None:
    ours, theirs = (torch.nn.Parameter(torch.ones(5, 7, dtype=torch.float64)) for _ in range(2))
    pair = (
        SpectraAdamW([ours], lr=0.01, clip=1e9, weight_decay=0.2),
        torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.999), weight_decay=0.2),
    )
    for step in range(4):
        for weight, optimizer in zip((ours, theirs), pair, strict=True):
            weight.grad = torch.randn(5, 7, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": 0.0}, "clip is 0"),
        ({"pre_clip": -1.0}, "pre_clip is -1"),
        ({"scale": 0.0}, "scale is 0"),
        ({"clip_map": "sofd"}, "unknown clip_map 'sofd'; did you mean soft"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpectraMuon([torch.nn.Parameter(torch.ones(2, 2))], **options)
