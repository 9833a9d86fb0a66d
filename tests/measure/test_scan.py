from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from collidium.artifact import InputError
from collidium.measure import HistFactory, contour, counting_experiment, fit, minos, profile_scan, tmu


def counting_ratio(n: float, mu: float) -> float:
    """-2 ln of the ratio for s = 10, b = 100."""
    nu = 100.0 + 10.0 * mu
    return 2.0 * (nu - n - n * math.log(nu / n))


def test_scans_are_ratios_to_the_best_fit(likelihood: HistFactory) -> None:
    best = fit(likelihood)
    scan = profile_scan(likelihood, "mu", [0.0, 1.0, best["mu"], 2.5], best=best)
    assert scan.q[2] == pytest.approx(0.0, abs=1e-8)
    for value, q in zip(scan.values, scan.q, strict=True):
        assert q == pytest.approx(tmu(likelihood, "mu", value, best=best), abs=1e-7)
    np.testing.assert_array_equal(scan.theta[:, likelihood.parameters.index("mu")], scan.values)


def test_minos_ends_solve_the_closed_form() -> None:
    interval = minos(counting_experiment(signal=10.0, background=100.0, observed=140), "mu")
    low = brentq(lambda mu: counting_ratio(140, mu) - 1.0, 0.0, 4.0)
    high = brentq(lambda mu: counting_ratio(140, mu) - 1.0, 4.0, 9.0)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)
    assert not interval.is_low_bound
    assert not interval.is_high_bound
    assert interval.high - 4.0 > 4.0 - interval.low


def test_minos_stops_at_bounds() -> None:
    interval = minos(counting_experiment(signal=10.0, background=100.0, observed=95), "mu", level=3.841458820694124)
    assert interval.low == 0.0
    assert interval.is_low_bound
    assert 2 * (10 * interval.high - 95 * math.log(1 + interval.high / 10)) == pytest.approx(
        3.841458820694124, abs=1e-6
    )


def test_minos_of_a_nuisance_parameter_is_its_curvature_where_that_is_constant(likelihood: HistFactory) -> None:
    best = fit(likelihood)
    interval = minos(likelihood, "lumi", best=best)
    error = best.errors[likelihood.parameters.index("lumi")]
    assert interval.high - interval.low == pytest.approx(2 * error, rel=0.02)


def test_held_parameters_have_no_interval(likelihood: HistFactory) -> None:
    with pytest.raises(InputError, match="'norm_tt' is held"):
        minos(likelihood, "norm_tt")
    with pytest.raises(InputError, match="level is 0"):
        minos(likelihood, "mu", level=0.0)


def test_contours_have_their_level_and_touch_the_projected_interval() -> None:
    likelihood = counting_experiment(signal=100.0, background=100.0, observed=200, background_error=10.0)
    best = fit(likelihood)
    points = contour(likelihood, ("mu", "background[0]"), level=1.0, num_points=64, best=best)
    for mu, background in points[::8]:
        held = fit(likelihood, fixed={"mu": mu, "background[0]": background})
        assert held.twice_nll - best.twice_nll == pytest.approx(1.0, abs=1e-4)
    interval = minos(likelihood, "mu", best=best)
    assert points[:, 0].max() == pytest.approx(interval.high, abs=2e-3)
    assert points[:, 0].min() == pytest.approx(interval.low, abs=2e-3)
