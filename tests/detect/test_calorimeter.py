from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.detect import ECAL, HCAL, Calorimeter, ecal_resolution, hcal_resolution, measure_towers

GENERATOR = 7


@pytest.mark.parametrize("calorimeter", [ECAL, HCAL], ids=lambda c: c.name)
def test_every_tower_holds_the_points_drawn_inside_it(calorimeter: Calorimeter) -> None:
    cells = np.arange(int(calorimeter.first_cell[-1]))
    eta, phi = calorimeter.point_inside(cells, np.random.default_rng(GENERATOR))
    assert np.array_equal(calorimeter.cell(eta, phi), cells)
    assert np.abs(phi).max() <= np.pi


@pytest.mark.parametrize("calorimeter", [ECAL, HCAL], ids=lambda c: c.name)
def test_towers_cover_five_units_without_gap_and_no_more(calorimeter: Calorimeter) -> None:
    edges = calorimeter.edges
    assert (np.diff(edges) > 0).all()
    np.testing.assert_allclose(edges, -edges[::-1])
    cell = calorimeter.cell(np.array([-5.1, -5.0, 4.999, 5.0]), np.array([0.0, -np.pi, np.pi, 0.0]))
    assert (cell >= 0).tolist() == [False, True, True, False]
    assert cell[1] == 0


def test_granularity() -> None:
    degrees = np.deg2rad(1.0)
    assert np.diff(ECAL.edges[150:200]) == pytest.approx(np.full(49, 0.0174))
    assert len(set(ECAL.cell(np.zeros(360) + 0.001, -np.pi + degrees * (np.arange(360) + 0.5)))) == 360
    for eta, count in [(1.0, 72), (1.65, 72), (1.66, 36), (4.3, 36), (4.4, 18), (4.9, 18)]:
        phi = np.linspace(-np.pi, np.pi, 3600, endpoint=False)
        assert len(set(HCAL.cell(np.full(3600, eta), phi))) == count, eta


@pytest.mark.parametrize("eta", [0.0, 1.0, 1.5, 2.0, 2.4, 2.6, 4.0])
def test_ecal_resolution_formula(eta: float) -> None:
    energy = 37.0
    root = ((0.008 * energy) ** 2 + 0.11**2 * energy + 0.40**2) ** 0.5
    if eta <= 1.5:
        expected = (1 + 0.64 * eta**2) * root
    elif eta <= 2.5:
        expected = (2.16 + 5.6 * (eta - 2) ** 2) * root
    else:
        expected = ((0.107 * energy) ** 2 + 2.08**2 * energy) ** 0.5
    assert ecal_resolution(np.array([energy]), np.array([-eta]))[0] == pytest.approx(expected)


@pytest.mark.parametrize(("eta", "constant", "stochastic"), [(1.0, 0.05, 1.5), (3.0, 0.05, 1.5), (3.1, 0.13, 2.7)])
def test_hcal_resolution_formula(eta: float, constant: float, stochastic: float) -> None:
    expected = ((constant * 37.0) ** 2 + stochastic**2 * 37.0) ** 0.5
    assert hcal_resolution(np.array([37.0]), np.array([eta]))[0] == pytest.approx(expected)


def test_towers_sum_their_deposits_event_by_event() -> None:
    perfect = dataclasses.replace(ECAL, resolution=lambda energy, eta: 0 * energy, min_energy=0.0, min_significance=0.0)
    generator = np.random.default_rng(2)
    event, cell = generator.integers(0, 4, 500), generator.integers(0, 30, 500)
    deposit = generator.exponential(3.0, 500)
    towers = measure_towers(perfect, event, cell, deposit, generator=generator)
    expected: dict[tuple[int, int], float] = {}
    for key, energy in zip(zip(event.tolist(), cell.tolist(), strict=True), deposit.tolist(), strict=True):
        expected[key] = expected.get(key, 0.0) + energy
    found = dict(zip(zip(towers.event.tolist(), towers.cell.tolist(), strict=True), towers.energy, strict=True))
    assert found == pytest.approx(expected)
    assert np.array_equal(towers.event[towers.of_deposit], event)
    assert (np.diff(towers.event) >= 0).all()


@pytest.mark.parametrize(("calorimeter", "energy"), [(ECAL, 60.0), (HCAL, 200.0)])
def test_mean_and_spread_of_a_tower(calorimeter: Calorimeter, energy: float) -> None:
    size = 60_000
    central = int(calorimeter.cell(np.array([0.01]), np.array([0.01]))[0])
    towers = measure_towers(
        calorimeter, np.arange(size), np.full(size, central), np.full(size, energy), generator=np.random.default_rng(4)
    )
    ring = calorimeter.ring_of(np.array([central]))
    center = (calorimeter.edges[ring] + calorimeter.edges[ring + 1]) / 2
    sigma = float(calorimeter.resolution(np.array([energy]), center)[0])
    assert towers.energy.mean() == pytest.approx(energy, abs=5 * sigma / np.sqrt(size))
    assert towers.energy.std() == pytest.approx(sigma, rel=0.02)


def test_thresholds_silence_faint_towers() -> None:
    size = 20_000
    towers = measure_towers(
        ECAL, np.arange(size), np.full(size, 30_000), np.full(size, 1.0), generator=np.random.default_rng(4)
    )
    seen = towers.energy[towers.energy > 0]
    sigma = towers.sigma[towers.energy > 0]
    assert 0 < len(seen) < size
    assert (seen >= 0.5).all()
    assert (seen >= 2 * sigma).all()
