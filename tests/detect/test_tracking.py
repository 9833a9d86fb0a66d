from __future__ import annotations

import numpy as np
import pytest

from collidium.detect import (
    CHARGED_HADRON,
    ELECTRON,
    LONGITUDINAL,
    MUON,
    NEUTRAL_HADRON,
    TRANSVERSE,
    ImpactResolution,
    efficiency,
    impact_resolution,
    is_found,
    log_normal,
    relative_resolution,
)

EFFICIENCIES = [
    (CHARGED_HADRON, 0.5, 1.0, 0.70),
    (CHARGED_HADRON, 5.0, 1.5, 0.95),
    (CHARGED_HADRON, 0.5, -2.0, 0.60),
    (CHARGED_HADRON, 5.0, 2.5, 0.85),
    (ELECTRON, 0.5, 0.0, 0.73),
    (ELECTRON, 50.0, 0.0, 0.95),
    (ELECTRON, 150.0, 0.0, 0.99),
    (ELECTRON, 0.5, 2.0, 0.50),
    (ELECTRON, 50.0, -2.0, 0.83),
    (ELECTRON, 150.0, 2.0, 0.90),
    (MUON, 0.5, 0.0, 0.75),
    (MUON, 50.0, 0.0, 0.99),
    (MUON, 2000.0, 0.0, 0.99 * np.exp(0.5 - 5e-4 * 2000)),
    (MUON, 0.5, 2.0, 0.70),
    (MUON, 50.0, 2.0, 0.98),
    (MUON, 2000.0, 2.0, 0.98 * np.exp(0.5 - 5e-4 * 2000)),
    (CHARGED_HADRON, 0.1, 0.0, 0.0),
    (MUON, 50.0, 2.51, 0.0),
    (NEUTRAL_HADRON, 50.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("kind", "pt", "eta", "expected"), EFFICIENCIES)
def test_efficiency_table(kind: int, pt: float, eta: float, expected: float) -> None:
    assert efficiency(np.array([kind]), np.array([pt]), np.array([eta]))[0] == pytest.approx(expected)


@pytest.mark.parametrize("probability", [0.70, 0.95])
def test_found_fraction(probability: float) -> None:
    found = is_found(np.full(100_000, probability), np.random.default_rng(3)).mean()
    assert found == pytest.approx(probability, abs=5 * np.sqrt(probability * (1 - probability) / 100_000))


@pytest.mark.parametrize(
    ("kind", "eta", "a", "b"),
    [
        (CHARGED_HADRON, 0.5, 0.06, 1.3e-3),
        (CHARGED_HADRON, -1.0, 0.10, 1.7e-3),
        (CHARGED_HADRON, 2.0, 0.25, 3.1e-3),
        (ELECTRON, 0.2, 0.03, 1.3e-3),
        (ELECTRON, 1.5, 0.05, 1.7e-3),
        (ELECTRON, -2.0, 0.15, 3.1e-3),
        (MUON, 0.0, 0.01, 1.0e-4),
        (MUON, 1.0, 0.015, 1.5e-4),
        (MUON, 2.5, 0.025, 3.5e-4),
    ],
)
def test_resolution_table(kind: int, eta: float, a: float, b: float) -> None:
    pt = np.array([1.0, 30.0, 200.0])
    found = relative_resolution(np.full(3, kind), pt, np.full(3, eta))
    np.testing.assert_allclose(found, np.sqrt(a**2 + (b * pt) ** 2), rtol=1e-12)


def test_resolution_is_capped() -> None:
    assert relative_resolution(np.array([CHARGED_HADRON]), np.array([5000.0]), np.array([2.0]))[0] == 1.0


@pytest.mark.parametrize(("mean", "sigma"), [(1.0, 0.06), (1.0, 1.0), (40.0, 9.5), (0.3, 0.8)])
def test_log_normal_has_the_wanted_mean_and_spread(mean: float, sigma: float) -> None:
    draws = log_normal(np.full(400_000, mean), np.full(400_000, sigma), np.random.default_rng(5))
    assert (draws > 0).all()
    assert draws.mean() == pytest.approx(mean, abs=5 * sigma / np.sqrt(400_000))
    assert draws.std() == pytest.approx(sigma, rel=0.06)  # heavy tail: the spread converges slowly


def test_log_normal_of_nothing_is_nothing() -> None:
    assert log_normal(np.zeros(2), np.ones(2), np.random.default_rng(1)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("resolution", "at_1_gev", "at_10_gev"), [(TRANSVERSE, 0.090, 0.025), (LONGITUDINAL, 0.150, 0.045)]
)
def test_impact_resolution_meets_the_published_points(
    resolution: ImpactResolution, at_1_gev: float, at_10_gev: float
) -> None:
    found = impact_resolution(np.array([1.0, 10.0]), np.zeros(2), resolution)
    np.testing.assert_allclose(found, [at_1_gev, at_10_gev], rtol=2e-3)


def test_impact_resolution_grows_forward_and_reaches_its_plateau() -> None:
    pt = np.full(5, 2.0)
    assert (np.diff(impact_resolution(pt, np.linspace(0, 2.5, 5), LONGITUDINAL)) > 0).all()
    plateau = impact_resolution(np.array([1e6]), np.array([1.0]), TRANSVERSE)[0]
    assert plateau == pytest.approx(TRANSVERSE.plateau, rel=1e-6)
