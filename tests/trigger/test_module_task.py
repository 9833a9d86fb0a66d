from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.detect import charge_shares
from collidium.trigger import ModuleTask, TaskSamples

TASK = ModuleTask(num_modules=300, num_measured=40)


@pytest.fixture(scope="module")
def made() -> TaskSamples:
    return TASK.samples(None)


def test_inputs_are_shares_in_ten_bits(made: TaskSamples) -> None:
    x, y = made.data.x["x"], made.data.y
    codes = x.astype(np.float64) * 1024
    assert np.array_equal(codes, codes.round())
    assert codes.max() <= 1023
    assert (y.sum(1) > 0).all()
    np.testing.assert_allclose(x, charge_shares(y), atol=1.01 / 1024)


def test_perfect_restoration_is_at_distance_zero(made: TaskSamples) -> None:
    found = TASK.figures(charge_shares(made.data.y), made.data.x, made.data.y)
    assert found == {"emd_mm": 0.0, "emd_error_mm": 0.0, "emd_modules": 40}


def test_input_rounding_alone_costs_little_and_a_flat_answer_much(made: TaskSamples) -> None:
    rounded, flat = (
        TASK.figures(shares, made.data.x, made.data.y)["emd_mm"]
        for shares in (made.data.x["x"].astype(np.float64), np.ones(made.data.y.shape))
    )
    assert 0 < rounded < 0.6
    assert flat > 10 * rounded


def test_references_have_as_many_bits_and_get_better_with_more(made: TaskSamples) -> None:
    found = {bits: TASK.references(made.data.y, num_bits=bits) for bits in (48, 80, 144)}
    for bits, figures in found.items():
        assert figures["output_bits"] == bits
        assert figures["threshold_mean_bits"] <= bits
    for name in ("threshold_emd_mm", "largest_emd_mm", "truncation_emd_mm"):
        assert found[48][name] > found[80][name] > found[144][name] > 0


def test_what_does_not_fit_into_the_bits_is_left_out(made: TaskSamples) -> None:
    assert "truncation_emd_mm" not in TASK.references(made.data.y, num_bits=47)
    assert "largest_emd_mm" not in TASK.references(made.data.y, num_bits=12)


@pytest.mark.parametrize(
    ("task", "source", "message"),
    [
        (TASK, Path("jets"), "jets: this recipe simulates its own data"),
        (ModuleTask(num_modules=0), None, "num_modules is 0"),
        (ModuleTask(num_measured=0), None, "num_measured is 0"),
    ],
)
def test_bad_input_is_one_line(task: ModuleTask, source: Path | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        task.samples(source)
