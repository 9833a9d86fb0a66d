from __future__ import annotations

import math

import numpy as np
import pytest

from collidium.measure import HistFactory, counting_experiment, fit, saturated_goodness


def test_a_free_rate_fits_one_bin_perfectly() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=130)
    goodness = saturated_goodness(likelihood, fit(likelihood))
    assert goodness.q == pytest.approx(0.0, abs=1e-9)
    assert goodness.num_degrees == 0
    assert math.isnan(goodness.p_value)


def test_a_held_rate_has_its_deviance() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=130)
    goodness = saturated_goodness(likelihood, fit(likelihood, fixed={"mu": 0.0}))
    assert goodness.q == pytest.approx(2 * (100 - 130 + 130 * math.log(1.3)), rel=1e-12)
    assert goodness.num_degrees == 1
    assert goodness.p_value == pytest.approx(math.erfc(math.sqrt(goodness.q / 2)), rel=1e-9)


def test_it_is_the_ratio_to_the_model_that_expects_the_data(likelihood: HistFactory) -> None:
    result = fit(likelihood)
    nominal = likelihood.parameters.init
    own = likelihood.asimov(nominal)
    assert saturated_goodness(own, fit(own)).q == pytest.approx(0.0, abs=1e-8)
    goodness = saturated_goodness(likelihood, result)
    # 5 bins less mu and two shapefactors
    assert goodness.num_degrees == 2
    assert 0.0 < goodness.q < 10.0


def test_p_values_are_uniform() -> None:
    likelihood = counting_experiment(signal=100.0, background=400.0, observed=400, background_error=20.0)
    theta = np.array([0.0, 1.0])
    values = []
    for seed in range(300):
        toy = likelihood.toy(theta, np.random.default_rng(seed))
        values.append(saturated_goodness(toy, fit(toy, fixed={"mu": 0.0})).p_value)
    assert np.mean(values) == pytest.approx(0.5, abs=0.07)
    assert np.mean(np.array(values) < 0.1) == pytest.approx(0.1, abs=0.07)
