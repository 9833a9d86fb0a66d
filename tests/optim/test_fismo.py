from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import FISMO, Muon

SHAPE = (6, 10)


def random(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def train(optimizer: torch.optim.Optimizer, steps: int) -> torch.Tensor:
    (weight,) = optimizer.param_groups[0]["params"]
    before = weight.detach().clone()
    for seed in range(steps):
        before = weight.detach().clone()
        weight.grad = random(SHAPE, seed) * torch.logspace(-1, 0, SHAPE[1], dtype=torch.float64)
        optimizer.step()
    return before - weight.detach()


def test_frozen_factors_make_it_muon() -> None:
    weights = [torch.nn.Parameter(random(SHAPE)) for _ in range(2)]
    options: dict[str, Any] = {"lr": 0.1, "direction": "exact", "nesterov": False, "shape_factor": "none"}
    train(FISMO(weights[:1], factor_decay=1.0, **options), 4)
    train(Muon(weights[1:], **options), 4)
    torch.testing.assert_close(*weights, rtol=0, atol=1e-12)


def test_factors_keep_their_traces_and_the_step_its_norm() -> None:
    weight = torch.nn.Parameter(random(SHAPE))
    optimizer = FISMO([weight], lr=0.1, direction="exact", refresh_every=1)
    for steps in (1, 3):
        step = train(optimizer, steps)
        state = optimizer.state[weight]
        for side, size in (("left", 6), ("right", 10)):
            assert float(state[f"{side}_0"].trace()) == pytest.approx(size)
            assert torch.equal(state[f"{side}_0"], state[f"{side}_0"].mT)
        left, right = (torch.linalg.inv(state[f"{side}_inverse_root_0"]) for side in ("left", "right"))
        assert float(torch.linalg.matrix_norm(left @ step @ right, 2)) == pytest.approx(0.1)


def test_a_change_of_coordinates_changes_the_loss_decrease_less_than_for_muon() -> None:
    # The loss is linear, <G, W>; coordinates A turn G into A G and a step D into A^T D in the old ones.
    scale = torch.diag(torch.logspace(-0.5, 0.5, SHAPE[0], dtype=torch.float64))

    def decrease(member: Any, transform: torch.Tensor, **options: Any) -> float:
        weight = torch.nn.Parameter(torch.zeros(SHAPE, dtype=torch.float64))
        optimizer = member([weight], lr=1.0, direction="exact", shape_factor="none", **options)
        for seed in range(60):
            before = weight.detach().clone()
            weight.grad = transform @ random(SHAPE, seed)
            optimizer.step()
        return float((weight.grad * (before - weight.detach())).sum())

    ratios = {
        member: decrease(member, scale, **options) / decrease(member, torch.eye(6, dtype=torch.float64), **options)
        for member, options in ((FISMO, {"refresh_every": 1, "factor_decay": 0.9}), (Muon, {"nesterov": False}))
    }
    assert abs(ratios[FISMO] - 1.0) < abs(ratios[Muon] - 1.0)


def test_roots_are_refreshed_now_and_then() -> None:
    weight = torch.nn.Parameter(random(SHAPE))
    optimizer = FISMO([weight], refresh_every=3)
    roots = []
    for _ in range(4):
        train(optimizer, 1)
        roots.append(optimizer.state[weight]["left_inverse_root_0"].clone())
    assert torch.equal(roots[0], roots[1])
    assert torch.equal(roots[0], roots[2])
    assert not torch.equal(roots[0], roots[3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor_decay": 1.1}, "factor_decay is 1.1"),
        ({"damping": 0.0}, "damping is 0"),
        ({"refresh_every": 0}, "refresh_every is 0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FISMO([torch.nn.Parameter(torch.ones(2, 2))], **options)
