"""AdaGO, NAMO and NAMO-D: Muon's direction with step sizes from norms."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import NAMO, NAMOD, AdaGO, Muon


def noise(seed: int, shape: tuple[int, int] = (8, 20)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(optimizer: torch.optim.Optimizer, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    (weight,) = optimizer.param_groups[0]["params"]
    taken = []
    for gradient in gradients:
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        optimizer.step()
        taken.append(before - weight.detach())
    return taken


def parameter(shape: tuple[int, int] = (8, 20)) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))


def spectral_norm(matrix: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix, 2))


def test_adago_steps_fall_as_the_root_of_time_down_to_the_floor() -> None:
    # Regression: dividing by the accumulator instead of its root gives 1/t.
    optimizer = AdaGO([parameter()], lr=0.5, floor=0.25, direction="exact")
    sizes = [spectral_norm(step) for step in steps(optimizer, [noise(0)] * 20)]
    expected = [max(0.125, 0.5 / (t + 1) ** 0.5) for t in range(20)]
    assert sizes == pytest.approx(expected, rel=1e-6)


def test_adago_keeps_the_direction_of_muon_and_one_number() -> None:
    weight = parameter()
    optimizer = AdaGO([weight], lr=0.1, direction="exact")
    series = [noise(seed) for seed in range(4)]
    reference = Muon([parameter()], lr=0.1, direction="exact", nesterov=False, shape_factor="none")
    for ours, theirs in zip(steps(optimizer, series), steps(reference, series), strict=True):
        ours, theirs = ours / ours.norm(), theirs / theirs.norm()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    assert optimizer.state[weight]["accumulator"].numel() == 1


def test_adago_caps_large_gradients() -> None:
    weight = parameter()
    optimizer = AdaGO([weight], gradient_cap=2.0)
    steps(optimizer, [noise(0) * 1e6, noise(1) * 1e6])
    assert float(optimizer.state[weight]["accumulator"]) == pytest.approx(8.0, rel=1e-6)


@pytest.mark.parametrize("member", [NAMO, NAMOD])
def test_namo_takes_full_steps_without_noise_and_small_ones_in_noise(member: Any) -> None:
    def last_ratio(series: list[torch.Tensor]) -> float:
        optimizer = member(
            [parameter()], lr=0.1, nesterov=False, shape_factor="none", direction="exact", weight_decay=0.0
        )
        return spectral_norm(steps(optimizer, series)[-1]) / 0.1

    assert last_ratio([noise(0)] * 30) == pytest.approx(1.0, rel=1e-6)
    # A running mean of noise has sqrt((1 - mu) / (1 + mu)) = 0.16 of its norm.
    assert last_ratio([noise(seed) for seed in range(200)]) < 0.3


def test_namo_keeps_the_ratios_of_singular_values() -> None:
    series = [noise(seed) for seed in range(3)]
    options: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.0, "direction": "jordan"}
    ours = steps(NAMO([parameter()], **options), series)[-1]
    theirs = steps(Muon([parameter()], **options), series)[-1]
    values, reference = torch.linalg.svdvals(ours), torch.linalg.svdvals(theirs)
    torch.testing.assert_close(values / values[0], reference / reference[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("closeness", [0.3, 0.75, 1.0])
def test_namo_d_bounds_the_condition_number(closeness: float) -> None:
    columns = torch.logspace(-3, 0, 8, dtype=torch.float64)
    series = [noise(seed, (20, 8)) * (columns * (1 + seed % 2)) for seed in range(5)]
    optimizer = NAMOD([parameter((20, 8))], lr=0.01, weight_decay=0.0, closeness=closeness, direction="exact")
    values = torch.linalg.svdvals(steps(optimizer, series)[-1])
    assert float(values[0] / values[-1]) <= closeness**-2 * (1 + 1e-6)


def test_steps_and_decay_are_capped() -> None:
    weight = torch.nn.Parameter(torch.ones(8, 20, dtype=torch.float64))
    (step,) = steps(NAMO([weight], lr=1e6, weight_decay=0.25, direction="exact"), [noise(0)])
    assert spectral_norm(step - 0.25) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize(
    ("member", "options", "message"),
    [
        (AdaGO, {"gradient_cap": 0.0}, "gradient_cap is 0"),
        (AdaGO, {"floor": -1.0}, "floor is -1"),
        (NAMO, {"beta2": 1.0}, "beta2 is 1"),
        (NAMO, {"norm_eps": 0.0}, "norm_eps is 0"),
        (NAMOD, {"closeness": 0.0}, "closeness is 0"),
    ],
)
def test_refuses(member: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        member([parameter()], **options)
