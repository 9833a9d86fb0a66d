"""The formulas against numbers worked out by hand and known limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from collidium.measure import (
    asymptotic_cls,
    counting_significance,
    discovery_p_value,
    expected_cls,
    significance,
)
from collidium.measure._asymptotics import excluding_root


def test_discovery_p_value_and_significance_are_inverse() -> None:
    z = np.array([0.5, 3.0, 5.0, 8.0])
    np.testing.assert_allclose(significance(discovery_p_value(z**2)), z, rtol=1e-12)


@pytest.mark.parametrize(("q", "q_asimov"), [(0.3, 1.2), (1.2, 0.3), (9.0, 4.0), (0.0, 2.0)])
def test_both_branches_of_the_tilde_statistic(q: float, q_asimov: float) -> None:
    s, A = math.sqrt(q), math.sqrt(q_asimov)
    if s <= A:
        with_signal, without = 1 - norm.cdf(s), 1 - norm.cdf(s - A)
    else:
        with_signal, without = 1 - norm.cdf((q + q_asimov) / (2 * A)), 1 - norm.cdf((q - q_asimov) / (2 * A))
    clsb, clb, cls = asymptotic_cls(q, q_asimov)
    assert (clsb, clb) == pytest.approx((with_signal, without), rel=1e-9)
    assert cls == pytest.approx(with_signal / without, rel=1e-9)


def test_branches_meet() -> None:
    np.testing.assert_allclose(asymptotic_cls(2.0 - 1e-12, 2.0), asymptotic_cls(2.0 + 1e-12, 2.0), rtol=1e-9)


def test_without_boundary_there_is_one_branch() -> None:
    assert asymptotic_cls(9.0, 4.0, has_boundary=False)[0] == pytest.approx(1 - norm.cdf(3.0))


def test_cls_stays_finite_far_out() -> None:
    clsb, clb, cls = asymptotic_cls(40_000.0, 1_000.0)
    assert clsb == 0.0
    assert clb == 0.0
    assert 0.0 <= cls < 1e-6


def test_expected_limits_are_where_expected_cls_has_the_level() -> None:
    for i, band in enumerate((-2.0, -1.0, 0.0, 1.0, 2.0)):
        assert expected_cls(excluding_root(band, 0.05) ** 2)[i] == pytest.approx(0.05, rel=1e-12)


def test_counting_significance_with_an_error() -> None:
    # s = 10, b = 100, error 10: by hand from equation 20 of the note
    s, b, v = 10.0, 100.0, 100.0
    term = (s + b) * math.log((s + b) * (b + v) / (b * b + (s + b) * v)) - b * b / v * math.log(
        1 + v * s / (b * (b + v))
    )
    assert float(counting_significance(s, b, 10.0)) == pytest.approx(math.sqrt(2 * term), rel=1e-12)


def test_a_small_background_error_changes_little() -> None:
    assert float(counting_significance(10.0, 100.0, 1e-4)) == pytest.approx(0.983992, abs=1e-6)
