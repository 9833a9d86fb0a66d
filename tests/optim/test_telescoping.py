from __future__ import annotations

import math

import pytest
import torch

from collidium.optim import Muon, telescoping_sweep

WIDTHS = (64, 128, 256, 512)


def bowl(width: int, lr: float, weight_decay: float) -> float:
    """An optimum that drifts like one over the width, as muP promises."""
    drift = 0.5 + 8.0 / width
    return (math.log(lr / 0.02) - drift) ** 2 + (math.log(weight_decay / 0.1) + drift) ** 2


def test_grids_halve_and_follow_the_optimum() -> None:
    sweep = telescoping_sweep(bowl, WIDTHS, lr=(0.001, 1.0), weight_decay=(0.005, 5.0), num_points=9)
    ranges = []
    for width in WIDTHS:
        rates = sorted({trial.lr for trial in sweep.trials if trial.width == width})
        ranges.append(math.log(rates[-1] / rates[0]))
    assert [ranges[i] / ranges[i + 1] for i in range(3)] == pytest.approx([2.0, 2.0, 2.0])
    spacing = ranges[-1] / 2
    exact = 0.02 * math.exp(0.5 + 8.0 / 512), 0.1 * math.exp(-0.5 - 8.0 / 512)
    assert abs(math.log(sweep.chosen.lr / exact[0])) <= spacing
    assert abs(math.log(sweep.chosen.weight_decay / exact[1])) <= spacing
    assert sweep.chosen.width == 512


def test_every_width_costs_the_same_while_the_grids_shrink() -> None:
    sweep = telescoping_sweep(bowl, (64, 128, 256), lr=(0.001, 1.0), weight_decay=(0.005, 5.0), num_points=9)
    costs = [sum(trial.width**2 for trial in sweep.trials if trial.width == width) for width in (64, 128, 256)]
    assert [round(cost / 64**2) for cost in costs] == [81, 25 * 4, 9 * 16]
    assert max(costs) < 2 * min(costs)


def test_failed_trainings_never_win() -> None:
    def diverging(width: int, lr: float, weight_decay: float) -> float:
        return math.nan if lr > 0.1 else -lr

    sweep = telescoping_sweep(diverging, (8, 16), lr=(0.01, 1.0), weight_decay=(0.1, 0.1))
    assert sweep.chosen.lr <= 0.1
    assert all(trial.weight_decay == pytest.approx(0.1) for trial in sweep.trials)


def trained_loss(width: int, lr: float, weight_decay: float) -> float:
    """Final loss of a two-layer linear network under muP: hidden weights by Muon, the same targets at every width."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(32, 8, generator=generator)
    targets = inputs @ torch.randn(8, 4, generator=generator) / 8**0.5
    shapes = [(width, 8), (width, width), (4, width)]
    weights = [
        torch.nn.Parameter(torch.nn.init.orthogonal_(torch.empty(shape), (shape[0] / shape[1]) ** 0.5, generator))
        for shape in shapes
    ]
    options = {"shape_factor": "spectral_mup", "weight_decay": weight_decay, "nesterov": False}
    optimizer = Muon(weights, lr=lr, precision="float32", **options)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=8)
    loss = torch.zeros(())
    for _ in range(8):
        optimizer.zero_grad()
        hidden = inputs
        for weight in weights:
            hidden = hidden @ weight.T
        loss = (hidden - targets).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return float(loss.detach())


def test_optimum_of_muon_under_mup_stays_within_a_factor_of_two() -> None:
    rates = [0.0125 * 2**i for i in range(6)]
    best = [min(rates, key=lambda lr: trained_loss(width, lr, 0.0)) for width in (64, 256)]
    assert rates[0] < best[0] < rates[-1]
    assert 0.5 <= best[1] / best[0] <= 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (128, 64)}, "ascending widths are needed"),
        ({"widths": ()}, "ascending widths are needed"),
        ({"lr": (0.0, 1.0)}, "lr is"),
        ({"weight_decay": (1.0, 0.1)}, "weight_decay is"),
        ({"num_points": 1}, "num_points is 1"),
    ],
)
def test_refuses(options: dict[str, object], message: str) -> None:
    arguments = {"widths": (8, 16), "lr": (0.1, 1.0), "weight_decay": (0.1, 1.0), "num_points": 3, **options}
    widths = arguments.pop("widths")
    with pytest.raises(ValueError, match=message):
        telescoping_sweep(bowl, widths, **arguments)
