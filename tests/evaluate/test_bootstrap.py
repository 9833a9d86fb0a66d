from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.evaluate import Ranking, bootstrap, interval, rejection_interval


def mean_of(value: np.ndarray):
    return lambda weight: np.array([weight @ value / weight.sum()])


def test_spread_of_the_mean_is_its_standard_error() -> None:
    value = np.random.default_rng(0).normal(size=2000)
    replicas = bootstrap(mean_of(value), np.zeros(2000), num_replicas=1500)
    assert replicas.std() == pytest.approx(value.std() / math.sqrt(2000), rel=0.08)  # 4 sigma of 1500 replicas
    assert replicas.mean() == pytest.approx(value.mean(), abs=4 * value.std() / math.sqrt(2000 * 1500))


def test_each_class_keeps_its_size() -> None:
    stratum = np.random.default_rng(1).integers(0, 3, 200)
    sizes = bootstrap(lambda w: np.bincount(stratum, weights=w), stratum, num_replicas=20)
    assert (sizes == np.bincount(stratum)).all()


def test_replicas_depend_on_seed_and_number_alone() -> None:
    value = np.arange(50.0)
    many = bootstrap(mean_of(value), np.zeros(50), num_replicas=8, seed=3)
    few = bootstrap(mean_of(value), np.zeros(50), num_replicas=5, seed=3)
    other = bootstrap(mean_of(value), np.zeros(50), num_replicas=8, seed=4)
    np.testing.assert_array_equal(many[:5], few)
    assert (many != other).any()


def test_weights_multiply_the_counts() -> None:
    weight = np.array([2.0, -1.0, 0.5])
    replicas = bootstrap(lambda w: w, np.arange(3), weight=weight, num_replicas=4)
    np.testing.assert_array_equal(replicas, np.tile(weight, (4, 1)))  # one jet a class: always drawn once


def test_interval_of_the_area_covers_the_truth_as_often_as_it_says() -> None:
    separation, covered, trials = 1.0, 0, 150
    truth = np.arange(200) % 2 == 1
    expected = 0.5 * (1.0 + math.erf(separation / 2.0))
    for trial in range(trials):
        score = np.random.default_rng([7, trial]).normal(separation * truth)
        ranking = Ranking.of(score, truth)
        replicas = bootstrap(lambda w, r=ranking: np.array([r.area(w)]), truth, num_replicas=150, seed=trial)
        span = interval(ranking.area(np.ones(200)), replicas[:, 0], level=0.9)
        covered += span.low <= expected <= span.high
    assert covered / trials == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / trials))


def test_a_rejection_without_passing_background_has_the_exact_lower_end() -> None:
    span = rejection_interval(math.inf, np.zeros(10), 500, level=0.9)
    assert (1.0 - 1.0 / span.low) ** 500 == pytest.approx(0.05)  # zero of 500 pass with probability (1 - level) / 2
    assert math.isinf(span.high)


def test_undefined_replicas_are_left_out() -> None:
    assert interval(1.0, [np.nan, 1.0, 3.0], level=1.0).high == 3.0
    assert math.isnan(interval(np.nan, [np.nan]).low)
    assert math.isinf(rejection_interval(10.0, [0.0, 0.0, 0.1], 50, level=1.0).high)


def test_no_replicas_is_an_input_error() -> None:
    with pytest.raises(InputError, match="replicas is 0"):
        bootstrap(mean_of(np.ones(3)), np.zeros(3), num_replicas=0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError])
def test_the_progress_is_ended_whatever_happens(error: type[BaseException], recorder: Any) -> None:
    def fails(weight: np.ndarray) -> np.ndarray:
        raise error

    with pytest.raises(error):
        bootstrap(fails, np.zeros(3), progress=recorder)
    assert (len(recorder.begun), recorder.num_ends) == (1, 1)
