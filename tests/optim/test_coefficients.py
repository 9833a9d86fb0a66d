from __future__ import annotations

import pytest
import torch

from collidium.optim._coefficients import COEFFICIENTS, schedule

# Image of [low, 1] under the schedules in exact arithmetic, and the slope at zero (published analysis of the sets).
BANDS = [
    ("jordan", 5, (0.471, 1.202), (0.682, 1.134), 485),
    ("speedrun", 5, (0.475, 1.145), (0.978, 1.032), 493),
    ("polar_express", 5, (0.846, 1.124), (0.870, 1.124), 976),
    ("polar_express", 8, (1.000, 1.000), (1.000, 1.000), 6363),
    ("cans", 5, (0.884, 1.120), (0.884, 1.120), 1049),
    ("deepseek_v4", 10, (1.000, 1.001), (1.000, 1.001), 79263),
    ("cubic5", 5, (0.119, 1.300), (0.774, 1.300), 119),
    ("taylor", 10, (0.499, 1.000), (1.000, 1.000), 537),
]


def image(values: torch.Tensor, name: str, steps: int | None) -> torch.Tensor:
    for a, b, c in schedule(name, steps):
        values = a * values + b * values**3 + c * values**5
    return values


@pytest.mark.parametrize(("name", "steps", "band_low", "band_high", "slope"), BANDS)
def test_bands_and_slopes_are_the_published_ones(
    name: str, steps: int, band_low: tuple[float, float], band_high: tuple[float, float], slope: float
) -> None:
    for low, band in ((1e-3, band_low), (7e-3, band_high)):
        values = image(torch.logspace(torch.log10(torch.tensor(low)), 0, 20001, dtype=torch.float64), name, steps)
        assert values.min().item() == pytest.approx(band[0], abs=1.5e-3)
        assert values.max().item() == pytest.approx(band[1], abs=1.5e-3)
    product = torch.tensor([a for a, _, _ in schedule(name, steps)], dtype=torch.float64).prod().item()
    assert product == pytest.approx(slope, rel=4e-3)


def test_five_step_optimum_keeps_its_band_after_the_safety_factor() -> None:
    chosen = COEFFICIENTS["polar_express_5"]
    inputs = torch.logspace(-3, 0, 20001, dtype=torch.float64) * chosen.safety
    values = image(inputs[inputs <= 1.0] / chosen.safety, "polar_express_5", None)
    assert values.min().item() == pytest.approx(0.859, abs=1.5e-3)
    assert values.max().item() == pytest.approx(1.141, abs=1.5e-3)


def test_continuation_repeats_the_last_triple_or_cycles() -> None:
    assert schedule("polar_express", 10)[-3:] == ((1.875, -1.25, 0.375),) * 3
    assert schedule("speedrun", 6)[5] == schedule("speedrun", 1)[0]
    assert schedule("deepseek_v4", 11)[-1] == (2.0, -1.5, 0.5)


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [
        ("jordon", None, "unknown coefficient set 'jordon'; did you mean jordan"),
        ("cubic5", 6, "fixed to at most 5"),
        ("jordan", 0, "steps is 0"),
    ],
)
def test_refuses(name: str, steps: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schedule(name, steps)
