from __future__ import annotations

import numpy as np
import pytest

from collidium.report import agreement, common_edges, shape


def clouds(num_jets: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Particles that share a jet's own offset: strongly correlated inside a jet."""
    generator = np.random.default_rng(seed)
    owner = np.repeat(np.arange(num_jets), generator.integers(5, 30, num_jets))
    value = generator.normal(size=num_jets)[owner] + 0.3 * generator.normal(size=len(owner)) + shift
    return value, owner


def compare(seed: int, shift: float = 0.0):
    (a, owner_a), (b, owner_b) = clouds(400, 2 * seed), clouds(300, 2 * seed + 1, shift)
    edges = np.linspace(-3, 3, 13)
    return agreement(shape(a, owner_a, np.ones(400), edges), shape(b, owner_b, np.ones(300), edges))


def test_p_values_of_one_distribution_are_uniform_although_particles_are_correlated() -> None:
    p = np.array([compare(seed).p_value for seed in range(200)])
    assert p.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 200))
    assert (p < 0.1).mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 200))


def test_a_shift_is_found() -> None:
    assert compare(0, shift=0.6).p_value < 1e-4


def test_for_one_particle_a_jet_the_covariance_is_multinomial() -> None:
    value = np.random.default_rng(0).integers(0, 4, 1000).astype(float)
    found = shape(value, np.arange(1000), np.ones(1000), common_edges(value, value))
    f = np.bincount(value.astype(int)) / 1000
    np.testing.assert_allclose(found.fraction, f)
    np.testing.assert_allclose(found.covariance, (np.diag(f) - np.outer(f, f)) / 1000, atol=1e-15)


def test_degrees_of_freedom_are_bins_less_one_and_none_for_a_constant() -> None:
    generator = np.random.default_rng(1)
    a, b = (generator.integers(0, 5, 500).astype(float) for _ in range(2))
    edges = common_edges(a, b)
    shapes = [shape(v, np.arange(500), np.ones(500), edges) for v in (a, b)]
    found = agreement(*shapes)
    assert found.ndf == 4
    assert found.chi2 == pytest.approx(pearson(a, b), rel=0.05)  # pooled variance there, separate variances here
    constant = shape(np.zeros(50), np.arange(50), np.ones(50), np.array([-0.5, 0.5]))
    assert agreement(constant, constant).ndf == 0
    assert np.isnan(agreement(constant, constant).p_value)


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Chi-squared of homogeneity of two equally large samples."""
    m, n = np.bincount(a.astype(int)), np.bincount(b.astype(int))
    return float((((m - n) ** 2) / (m + n)).sum())


def test_values_outside_the_edges_are_counted_in_the_end_bins() -> None:
    found = shape(np.array([-9.0, 0.5, 9.0, 9.0]), np.arange(4), np.ones(4), np.array([0.0, 1.0, 2.0]))
    assert found.fraction.tolist() == [0.5, 0.5]


def test_edges_give_whole_numbers_a_bin_each_and_survive_a_constant() -> None:
    assert common_edges(np.array([-1.0, 1.0]), np.array([0.0])).tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert len(common_edges(np.arange(100.0), np.arange(100.0))) == 31
    assert (np.diff(common_edges(np.full(3, 0.3), np.full(3, 0.3))) > 0).all()


def test_the_p_value_is_that_of_the_chi_squared_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = compare(3)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.chi2, found.ndf), rel=1e-10)
