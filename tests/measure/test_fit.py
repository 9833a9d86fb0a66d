from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from collidium.measure import FitError, HistFactory, Workspace, counting_experiment, fit


def test_on_off_problem_has_its_closed_form() -> None:
    # n = 30 with b known from m = b^2 / e^2 events: mu s + b gamma = n, gamma = 1, var(mu) = (n + e^2) / s^2
    likelihood = counting_experiment(signal=5.0, background=20.0, observed=30, background_error=4.0)
    result = fit(likelihood)
    assert result["mu"] == pytest.approx(2.0, abs=1e-8)
    assert result["background[0]"] == pytest.approx(1.0, abs=1e-8)
    assert result.errors[0] == pytest.approx(math.sqrt(30.0 + 16.0) / 5.0, rel=1e-6)
    assert result.correlation[0, 1] == pytest.approx(-4.0 / math.sqrt(46.0), rel=1e-6)


def test_a_constrained_parameter_is_pulled_by_half_of_the_tension() -> None:
    # a Gaussian shift of the rate with the width of its auxiliary measurement: both pull alike
    n, b = 1_000_400.0, 1_000_000.0
    document: dict[str, Any] = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "b",
                        "data": [b],
                        "modifiers": [
                            {
                                "name": "a",
                                "type": "histosys",
                                "data": {"lo_data": [b - 1000.0], "hi_data": [b + 1000.0]},
                            }
                        ],
                    }
                ],
            }
        ],
        "observations": [{"name": "c", "data": [n]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    result = fit(HistFactory.of(Workspace.parse(document)))
    assert result.pulls[0] == pytest.approx(0.2, rel=1e-3)
    assert result.errors[0] == pytest.approx(math.sqrt(0.5), rel=1e-3)


def test_parameters_on_a_bound_have_no_error() -> None:
    result = fit(counting_experiment(signal=10.0, background=100.0, observed=90, background_error=5.0))
    assert result["mu"] == 0.0
    assert result.at_bound.tolist() == [True, False]
    assert math.isnan(result.errors[0])
    assert result.errors[1] > 0.0


def test_held_parameters_have_zero_error(likelihood: HistFactory) -> None:
    result = fit(likelihood, fixed={"mu": 1.0})
    index = likelihood.parameters.index("mu")
    assert result["mu"] == 1.0
    assert result.errors[index] == 0.0
    assert not result.covariance[index].any()


def test_a_start_elsewhere_ends_in_the_same_minimum(likelihood: HistFactory) -> None:
    reference = fit(likelihood)
    start = np.clip(likelihood.parameters.init + 0.5, likelihood.parameters.lower, likelihood.parameters.upper)
    other = fit(likelihood, start=start)
    np.testing.assert_allclose(other.theta, reference.theta, atol=1e-5)


def test_covariance_of_degenerate_parameters_is_an_error_that_names_them(every_modifier: dict[str, Any]) -> None:
    # a second free factor on the signal: only the product is measured
    every_modifier["channels"][0]["samples"][0]["modifiers"].append({"name": "k", "type": "normfactor", "data": None})
    likelihood = HistFactory.of(Workspace.parse(every_modifier))
    with pytest.raises(FitError, match=r"singular along|not positive definite along (k, mu|mu, k)"):
        _ = fit(likelihood).covariance


@pytest.mark.parametrize("fixed", [{"jes": 0.7}, {"jes": -1.1, "mu": 0.4}, {"stat_sr[0]": 1.1}, {"mu": 0.0}])
def test_a_fit_near_another_ends_where_it_would_alone(likelihood: HistFactory, fixed: dict[str, float]) -> None:
    best = fit(likelihood)
    alone, near = fit(likelihood, fixed=fixed), fit(likelihood, fixed=fixed, near=best)
    assert near.twice_nll == pytest.approx(alone.twice_nll, abs=1e-7)
    np.testing.assert_allclose(near.theta, alone.theta, atol=2e-4)
    # and back: what was held is free again
    again = fit(likelihood, near=near)
    assert again.twice_nll == pytest.approx(best.twice_nll, abs=1e-7)
    np.testing.assert_allclose(again.theta, best.theta, atol=2e-4)


def test_a_fit_near_another_stays_in_its_bounds(every_modifier: dict[str, Any]) -> None:
    settings = every_modifier["measurements"][0]["config"]["parameters"]
    # the best strength lies inside, that without the shift of the energy scale does not
    settings.append({"name": "mu", "bounds": [[0.0, 1.6]]})
    likelihood = HistFactory.of(Workspace.parse(every_modifier))
    best = fit(likelihood)
    ends = []
    for value in (-2.0, 2.0):
        alone, near = fit(likelihood, fixed={"jes": value}), fit(likelihood, fixed={"jes": value}, near=best)
        np.testing.assert_allclose(near.theta, alone.theta, atol=2e-4)
        ends.append(near["mu"])
    assert max(ends) == 1.6
    assert best["mu"] < 1.6
