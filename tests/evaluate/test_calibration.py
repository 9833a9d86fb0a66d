from __future__ import annotations

import math

import numpy as np
import pytest

from collidium.evaluate import ece, ece_floor, nll, reliability
from collidium.evaluate._calibration import equal_mass_bins


def drawn_from_itself(num_jets: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Perfectly calibrated predictions: the truth is drawn from the stated probabilities."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(3), num_jets)
    label = (generator.random(num_jets)[:, None] > np.cumsum(p, axis=1)).sum(axis=1)
    return p, np.minimum(label, 2)


def test_a_calibrated_model_has_the_error_of_fluctuations_alone() -> None:
    ratios = []
    for seed in range(40):
        p, label = drawn_from_itself(3000, seed)
        ratios.append(ece(p, label) / ece_floor(p, label))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)  # each ratio spreads by about 0.2


def test_the_error_of_a_calibrated_model_falls_as_one_over_root_n() -> None:
    assert ece_floor(*drawn_from_itself(40_000, 1)) == pytest.approx(
        ece_floor(*drawn_from_itself(10_000, 1)) / 2, rel=0.02
    )
    assert ece(*drawn_from_itself(100_000, 2)) < 0.01


def test_a_constant_overstatement_is_found_exactly() -> None:
    p = np.repeat([[0.9, 0.1]], 1000, axis=0)
    label = (np.arange(1000) % 10 >= 7).astype(int)  # 70 % right
    assert ece(p, label) == pytest.approx(0.2, abs=1e-12)


def test_order_and_ties_do_not_matter() -> None:
    generator = np.random.default_rng(0)
    p, label = drawn_from_itself(2000, 3)
    p = np.round(p, 1)
    order = generator.permutation(2000)
    assert ece(p, label) == pytest.approx(ece(p[order], label[order]), abs=1e-12)


def test_bins_hold_equal_weight_and_keep_equal_values_together() -> None:
    generator = np.random.default_rng(1)
    value = generator.random(3000)
    assert set(np.bincount(equal_mass_bins(value, np.ones(3000), 15))) == {200}
    weight = generator.uniform(0.5, 1.5, 3000)
    mass = np.bincount(equal_mass_bins(value, weight, 15), weights=weight)
    np.testing.assert_allclose(mass, weight.sum() / 15, atol=1.5)
    tied = np.round(value, 1)
    bins = equal_mass_bins(tied, np.ones(3000), 15)
    assert all(len(set(bins[tied == v])) == 1 for v in np.unique(tied))


def test_reliability_sums_to_the_sample() -> None:
    p, label = drawn_from_itself(500, 4)
    weight = np.random.default_rng(5).uniform(0.5, 2.0, 500)
    curve = reliability(p[:, 1], label == 1, weight)
    assert curve.count.sum() == 500
    assert curve.mass.sum() == pytest.approx(1.0)
    assert curve.mass @ curve.found == pytest.approx(np.average(label == 1, weights=weight))
    assert curve.mass @ curve.stated == pytest.approx(np.average(p[:, 1], weights=weight))


def test_likelihood_of_even_odds_is_ln_k_and_of_a_certain_error_is_finite() -> None:
    assert nll(np.full((10, 4), 0.25), np.arange(10) % 4) == pytest.approx(math.log(4))
    assert nll([[1.0, 0.0]], [1]) == pytest.approx(-math.log(np.finfo(float).tiny))
    assert nll([[0.5, 0.5], [0.1, 0.9]], [0, 0], [1.0, 0.0]) == pytest.approx(math.log(2))


def test_bins_of_negative_mass_count_with_their_sum() -> None:
    """Two bins: sums of weight times (found - stated) are 2 * 0.1 and -1 * 0.2, of a total weight of 1."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2]])
    assert ece(p, [0, 0, 0], [1.0, 1.0, -1.0], num_bins=2) == pytest.approx(0.2 + 0.2, abs=1e-12)
    assert math.isnan(ece(p[:2], [0, 0], [1.0, -1.0]))


def test_unequal_weights_count_as_fewer_jets() -> None:
    p, label = drawn_from_itself(20_000, 6)
    weight = np.where(np.arange(20_000) % 2 == 0, 1.0, 3.0)
    curve = reliability(p.max(axis=1), label == 0, weight)
    power = 2.0**2 / 5.0  # mean(w)^2 / mean(w^2)
    np.testing.assert_allclose(curve.effective, power * curve.count, rtol=0.05)
    assert ece_floor(p, label, weight) == pytest.approx(ece_floor(p, label) / math.sqrt(power), rel=0.02)
    np.testing.assert_allclose(reliability(p[:, 0], label == 0).effective, reliability(p[:, 0], label == 0).count)


def test_the_floor_of_a_weighted_sample_is_what_a_calibrated_model_shows() -> None:
    ratios = []
    for seed in range(40):
        p, label = drawn_from_itself(3000, 100 + seed)
        weight = np.random.default_rng(seed).exponential(1.0, 3000) - 0.1
        ratios.append(ece(p, label, weight) / ece_floor(p, label, weight))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)  # each ratio spreads by about 0.2
