"""The moving average against its closed form."""

from __future__ import annotations

import pytest
import torch

from collidium.train import average_decay, update_average


def test_closed_form_over_many_steps():
    generator = torch.Generator().manual_seed(0)
    path = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    average = {"w": path[0].clone()}
    for step, value in enumerate(path[1:]):
        update_average(average, {"w": value}, step=step, decay=0.8)
    decays = [average_decay(step, 0.8) for step in range(39)]
    expected = path[0] * torch.tensor(decays, dtype=torch.float64).prod()
    for step in range(39):
        later = torch.tensor(decays[step + 1 :], dtype=torch.float64).prod()
        expected = expected + path[step + 1] * (1 - decays[step]) * later
    torch.testing.assert_close(average["w"], expected, rtol=1e-13, atol=0)


def test_decay_grows_to_its_final_value():
    decays = [average_decay(step, 0.99) for step in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99


def test_constant_weights_stay_and_counters_are_copied():
    average = {"w": torch.full((3,), 2.0), "count": torch.tensor(0)}
    for step in range(20):
        update_average(average, {"w": torch.full((3,), 2.0), "count": torch.tensor(step)}, step=step, decay=0.9)
    assert average["w"].tolist() == [2.0] * 3
    assert average["count"].item() == 19
