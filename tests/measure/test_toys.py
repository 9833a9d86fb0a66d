from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from collidium.artifact import InputError
from collidium.measure import (
    AsymptoticTest,
    FitError,
    Generative,
    HistFactory,
    counting_experiment,
    fit,
    q0,
    tmu,
    toy_cls,
    toy_p_value,
    toy_values,
)

COUNTING = counting_experiment(signal=10.0, background=100.0, observed=105, background_error=5.0, lower=-9.0)


def first_count(likelihood: HistFactory) -> float:
    return float(likelihood.observed[0])


def test_toys_do_not_depend_on_the_number_of_workers() -> None:
    theta = COUNTING.parameters.init
    one = toy_values(COUNTING, theta, first_count, num_toys=120, seed=3)
    two = toy_values(COUNTING, theta, first_count, num_toys=120, seed=3, num_workers=2)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, toy_values(COUNTING, theta, first_count, num_toys=120, seed=4))


def test_interrupted_toys_go_on_where_they_stopped(tmp_path: Path) -> None:
    path, theta = tmp_path / "toys.npz", COUNTING.parameters.init
    calls = 0

    def counted(likelihood: HistFactory) -> float:
        nonlocal calls
        calls += 1
        if calls == 130:
            raise KeyboardInterrupt
        return first_count(likelihood)

    with pytest.raises(KeyboardInterrupt):
        toy_values(COUNTING, theta, counted, num_toys=200, seed=3, path=path)
    values = toy_values(COUNTING, theta, counted, num_toys=200, seed=3, path=path)
    np.testing.assert_array_equal(values, toy_values(COUNTING, theta, first_count, num_toys=200, seed=3))
    assert calls == 130 + 100
    with pytest.raises(InputError, match="holds toys of another seed"):
        toy_values(COUNTING, theta, counted, num_toys=200, seed=4, path=path)


def test_failed_toys_are_nan_and_count_as_extreme() -> None:
    def failing(likelihood: HistFactory) -> float:
        if first_count(likelihood) > 105:
            raise FitError("too many")
        return 0.0

    values = toy_values(COUNTING, COUNTING.parameters.init, failing, num_toys=40, seed=0)
    num_failed = int(np.isnan(values).sum())
    assert 0 < num_failed < 40
    assert toy_p_value(values, 1.0) == (num_failed + 1) / 41


@pytest.mark.parametrize(("num_toys", "num_workers"), [(0, 1), (1, 0)])
def test_numbers_are_positive(num_toys: int, num_workers: int) -> None:
    with pytest.raises(InputError, match=r"number of (toys|workers) is 0"):
        toy_values(COUNTING, COUNTING.parameters.init, first_count, num_toys=num_toys, seed=0, num_workers=num_workers)


def test_discovery_statistics_follow_half_a_chi_squared() -> None:
    theta = fit(COUNTING, fixed={"mu": 0.0}).theta
    values = toy_values(COUNTING, theta, partial(q0, poi="mu"), num_toys=400, seed=1)
    positive = values[values > 0.0]
    assert len(positive) == pytest.approx(200, abs=40)
    assert kstest(positive, chi2(1).cdf).pvalue > 0.01


def coverage(likelihood: Generative) -> float:
    return tmu(likelihood, "mu", 1.0)


@pytest.mark.slow
def test_intervals_cover_and_limits_do_not_exclude_too_much() -> None:
    theta = COUNTING.parameters.init
    values = toy_values(COUNTING, theta, coverage, num_toys=2000, seed=2)
    assert np.mean(values < 1.0) == pytest.approx(0.6827, abs=4 * np.sqrt(0.68 * 0.32 / 2000))
    assert np.mean(values < 3.841) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 2000))


@pytest.mark.slow
def test_toys_agree_with_the_asymptotic_formula() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=95, background_error=5.0)
    test = toy_cls(likelihood, "mu", 2.0, num_toys=400, seed=1)
    formula = AsymptoticTest(likelihood, "mu").cls(2.0)
    assert test.num_failed == 0
    assert test.q == pytest.approx(formula.q, abs=1e-9)
    assert test.clsb == pytest.approx(formula.clsb, abs=4 * np.sqrt(formula.clsb / 400))
    assert test.clb == pytest.approx(formula.clb, abs=0.1)
