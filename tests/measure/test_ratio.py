"""Test statistics of a counting experiment, s = 10, b = 100, known in closed form."""

from __future__ import annotations

import math

import pytest

from collidium.measure import counting_experiment, counting_significance, profile, q0, qmu, qmu_tilde, tmu


def closed(n: float, mu: float, reference: float) -> float:
    """-2 ln L(mu) / L(reference)."""
    nu, best = 100.0 + 10.0 * mu, 100.0 + 10.0 * reference
    return 2.0 * (nu - best - n * math.log(nu / best))


def test_discovery_of_an_excess() -> None:
    assert q0(counting_experiment(signal=10.0, background=100.0, observed=105), "mu") == pytest.approx(
        0.2459345, abs=1e-7
    )


def test_a_deficit_is_no_discovery() -> None:
    assert q0(counting_experiment(signal=10.0, background=100.0, observed=95, lower=-5.0), "mu") == 0.0


def test_median_discovery_is_the_asimov_significance() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=110, background_error=10.0)
    asimov = likelihood.asimov(likelihood.parameters.init)
    expected = float(counting_significance(10.0, 100.0, 10.0))
    assert math.sqrt(q0(asimov, "mu")) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mu", [0.6, 2.0, 5.0])
def test_upper_limit_statistics_of_an_excess(mu: float) -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=105)
    assert qmu(likelihood, "mu", mu) == pytest.approx(closed(105, mu, 0.5), abs=1e-9)
    assert qmu_tilde(likelihood, "mu", mu) == pytest.approx(closed(105, mu, 0.5), abs=1e-9)


def test_values_below_the_best_fit_are_not_excluded() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=105)
    assert qmu(likelihood, "mu", 0.3) == qmu_tilde(likelihood, "mu", 0.3) == 0.0
    assert tmu(likelihood, "mu", 0.3) == pytest.approx(closed(105, 0.3, 0.5), abs=1e-9)


def test_a_negative_best_fit_is_compared_with_no_signal_by_the_tilde_statistic() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=95, lower=-5.0)
    assert qmu(likelihood, "mu", 2.0) == pytest.approx(closed(95, 2.0, -0.5), abs=1e-9)
    assert qmu_tilde(likelihood, "mu", 2.0) == pytest.approx(closed(95, 2.0, 0.0), abs=1e-9)


def test_the_bound_at_zero_makes_both_statistics_the_tilde_one() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=95)
    assert qmu(likelihood, "mu", 2.0) == pytest.approx(closed(95, 2.0, 0.0), abs=1e-9)


def test_the_profiled_background_solves_its_quadratic() -> None:
    # at mu = 0: d/dg [b g - n ln(b g) + m g - m ln g] = 0 with m = (b / e)^2
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=130, background_error=10.0)
    assert profile(likelihood, "mu", 0.0)["background[0]"] == pytest.approx((130 + 100) / (100 + 100), abs=1e-8)
