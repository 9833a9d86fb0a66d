from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.evaluate import rejection_at, roc_curve


def brute_force(score: np.ndarray, truth: np.ndarray, weight: np.ndarray, wanted: float) -> tuple[float, int]:
    """Background efficiency and passing background jets, by trying every threshold from the tightest."""
    before = (0.0, 0.0)
    for threshold in sorted(set(score), reverse=True):
        passing = score >= threshold
        point = tuple(weight[passing & side].sum() / weight[side].sum() for side in (truth, ~truth))
        if point[0] >= wanted - 1e-14:
            fraction = (wanted - before[0]) / (point[0] - before[0])
            return before[1] + fraction * (point[1] - before[1]), int((passing & ~truth).sum())
        before = point
    raise AssertionError("the loosest threshold keeps everything")


@given(st.data())
def test_rejection_is_that_of_the_brute_force_threshold(data: st.DataObject) -> None:
    N = data.draw(st.integers(2, 40))
    score = np.array(data.draw(st.lists(st.integers(0, 12), min_size=N, max_size=N)), dtype=float)
    truth = np.array([True, False, *data.draw(st.lists(st.booleans(), min_size=N - 2, max_size=N - 2))])
    weight = np.array(data.draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=N, max_size=N)))
    wanted = data.draw(st.floats(0.01, 1.0))
    [point] = rejection_at(score, truth, [wanted], weight=weight)
    efficiency, num_background = brute_force(score, truth, weight, wanted)
    assert point.num_background == num_background
    if efficiency == 0.0:
        assert math.isinf(point.value)
    else:
        assert 1.0 / point.value == pytest.approx(efficiency, rel=1e-9, abs=1e-12)


def test_a_working_point_on_a_roc_point_takes_the_tightest_threshold_that_reaches_it() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    truth = np.array([True, False, False, True, False])
    [half] = rejection_at(score, truth, [0.5])
    assert (half.num_background, half.threshold) == (0, 0.9)
    assert math.isinf(half.value)
    [three_quarters] = rejection_at(score, truth, [0.75])  # halfway between (1/2, 2/3) and (1, 2/3)
    assert three_quarters.value == pytest.approx(1.5)


def test_gaussian_rejection_has_the_closed_form() -> None:
    generator = np.random.default_rng(3)
    N = 400_000
    truth = np.arange(N) % 2 == 1
    [point] = rejection_at(generator.normal(2.0 * truth), truth, [0.5])
    expected = 0.5 * math.erfc(2.0 / math.sqrt(2.0))  # the median of the signal cuts the background at 2 sigma
    sigma = math.sqrt(expected / (N / 2) + (0.054 * 1.2533 / math.sqrt(N / 2)) ** 2)  # background count, cut position
    assert 1.0 / point.value == pytest.approx(expected, abs=4 * sigma)


def test_order_and_monotone_maps_of_the_score_change_nothing() -> None:
    generator = np.random.default_rng(4)
    truth = generator.random(500) < 0.4
    score = np.round(generator.normal(truth), 2)
    shuffled = generator.permutation(500)
    points = rejection_at(score, truth, [0.3, 0.5, 0.9])
    again = rejection_at(np.exp(score[shuffled]), truth[shuffled], [0.3, 0.5, 0.9])
    assert [p.value for p in points] == [p.value for p in again]


def test_roc_runs_from_zero_to_one_and_never_turns() -> None:
    generator = np.random.default_rng(6)
    truth = generator.random(300) < 0.5
    roc = roc_curve(np.round(generator.normal(truth), 1), truth, generator.uniform(0.5, 1.5, 300))
    for axis in (roc.signal_efficiency, roc.background_efficiency):
        assert axis[0] == 0.0
        assert axis[-1] == pytest.approx(1.0)
        assert (np.diff(axis) >= 0.0).all()
    assert (np.diff(roc.threshold) < 0.0).all()
    assert np.isinf(roc.threshold[0])


def test_negative_weights_keep_the_first_threshold_that_reaches_the_working_point() -> None:
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    truth = np.array([True, True, True, False, True, False])
    weight = np.array([3.0, -1.0, 1.0, 1.0, 1.0, 1.0])  # signal sums: 3, 2, 3, 3, 4 of 4
    roc = roc_curve(score, truth, weight)
    assert roc.signal_efficiency.tolist() == [0.0, 0.75, 0.75, 0.75, 0.75, 1.0, 1.0]
    [point] = rejection_at(score, truth, [0.75], weight=weight)
    assert point.threshold == 5.0


@pytest.mark.parametrize("wanted", [0.0, -0.1, 1.0001, float("nan")])
def test_working_points_outside_are_refused(wanted: float) -> None:
    with pytest.raises(InputError, match="signal efficiency"):
        rejection_at([0.1, 0.9], [False, True], [wanted])


def test_a_curve_of_no_jets_is_refused() -> None:
    with pytest.raises(InputError, match="scores: none given"):
        roc_curve([], [])
