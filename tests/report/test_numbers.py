from __future__ import annotations

import math

import pytest

from collidium.evaluate import Interval
from collidium.report import rounded, with_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.96512, 0.96400, 0.96624, "0.9651 ± 0.0011"),
        (1234.5, 1200.0, 1280.0, "1,234 +46 −34"),
        (50.0, 40.0, math.inf, "50 +∞ −10"),
        (math.inf, 334.0, math.inf, "above 334"),
        (math.nan, math.nan, math.nan, "not defined"),
        (0.5, math.nan, math.nan, "0.5"),
        (1.0, 1.0, 1.0, "1"),
    ],
)
def test_figures_are_written_to_the_digits_of_their_uncertainty(
    value: float, low: float, high: float, text: str
) -> None:
    assert with_interval(Interval(value=value, low=low, high=high)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (12345.6, "12,346"), (3e8, "3.000e+08"), (2e-5, "2.00e-05"), (-math.inf, "−∞")]
)
def test_figures_are_written_to_four_digits(value: float, text: str) -> None:
    assert rounded(value) == text
