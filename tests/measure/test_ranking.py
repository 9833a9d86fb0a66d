from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, breakdown, counting_experiment, fit, ranking


def test_the_impact_of_a_background_is_its_error_over_the_signal() -> None:
    # mu = (n - b gamma) / s: a shift of gamma by e / b moves mu by -e / s, exactly
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=130, background_error=8.0)
    (impact,) = ranking(likelihood, "mu")
    assert impact.up == pytest.approx(-0.8, abs=1e-6)
    assert impact.down == pytest.approx(0.8, abs=1e-6)
    assert impact.linear == pytest.approx(-0.8, abs=1e-6)
    assert impact.prefit_up == pytest.approx(-0.8, abs=1e-6)
    assert impact.constraint == pytest.approx(1.0, abs=1e-6)
    assert impact.pull == pytest.approx(0.0, abs=1e-6)


def test_ranks_are_by_the_larger_shift_and_agree_with_the_covariance(likelihood: HistFactory) -> None:
    best = fit(likelihood)
    impacts = ranking(likelihood, "mu", best=best)
    sizes = [impact.size for impact in impacts]
    assert sizes == sorted(sizes, reverse=True)
    names = {impact.name for impact in impacts}
    assert names == set(likelihood.parameters.names) - {"mu", "norm_tt", "fake_rate[2]", "stat_cr[1]"}
    for impact in impacts:
        assert impact.linear == pytest.approx((impact.up - impact.down) / 2, rel=0.15, abs=0.02)


def test_impacts_are_shifts_of_refitted_signal_strengths(likelihood: HistFactory) -> None:
    best = fit(likelihood)
    (impact,) = ranking(likelihood, "mu", names=["jes"], best=best)
    position = likelihood.parameters.index("jes")
    shifted = fit(likelihood, fixed={"jes": best.theta[position] + best.errors[position]})
    assert impact.up == pytest.approx(shifted["mu"] - best["mu"], abs=1e-5)
    assert np.isfinite(impact.prefit_down)


def test_held_parameters_have_no_impact(likelihood: HistFactory) -> None:
    with pytest.raises(InputError, match="'norm_tt' is held"):
        ranking(likelihood, "mu", names=["norm_tt"])


def test_parts_of_the_error_add_up_where_they_are_independent() -> None:
    # mu = (n - b gamma) / s: n gives sqrt(n) / s, the sideband e / s
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=100, background_error=8.0)
    found = breakdown(likelihood, "mu", {"sideband": ["background[0]"], "none": []})
    assert found["sideband"] == pytest.approx(0.8, abs=1e-6)
    assert found["statistics"] == pytest.approx(1.0, abs=1e-6)
    assert found["total"] == pytest.approx(np.hypot(0.8, 1.0), abs=1e-6)
    assert found["none"] == 0.0


def test_a_group_may_not_hold_what_is_measured(likelihood: HistFactory) -> None:
    with pytest.raises(InputError, match="a group holds the parameter of interest 'mu'"):
        breakdown(likelihood, "mu", {"all": ["mu", "jes"]})
    with pytest.raises(InputError, match="unknown parameter 'jess'"):
        breakdown(likelihood, "mu", {"all": ["jess"]})
