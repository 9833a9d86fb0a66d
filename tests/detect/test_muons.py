from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.cloud import split_of
from collidium.detect import (
    BLOCK_SIZE,
    ChamberConfig,
    Muons,
    respond_strips,
    scattering_angle,
    simulate_muon_block,
    simulate_muons,
)

CONFIG = ChamberConfig()
QUIET = ChamberConfig(efficiency=1.0, crosstalk=0.0, delta_ray=0.0, noise=0.0)


@pytest.fixture(scope="module")
def muons() -> Muons:
    return simulate_muons(CONFIG, 2 * BLOCK_SIZE, seed=5)


def test_any_number_of_workers_gives_the_same_bytes(muons: Muons) -> None:
    again = simulate_muons(CONFIG, BLOCK_SIZE + 10, seed=5, workers=2)
    for field in dataclasses.fields(Muons):
        mine, theirs = getattr(again, field.name), getattr(muons, field.name)[: BLOCK_SIZE + 10]
        assert mine.tobytes() == theirs.tobytes()


def test_blocks_and_seeds_differ(muons: Muons) -> None:
    assert (simulate_muon_block(CONFIG, seed=5, block=1).angle == muons.angle[BLOCK_SIZE:]).all()
    other = simulate_muon_block(CONFIG, seed=6, block=0)
    assert not set(muons.angle[:BLOCK_SIZE]) & set(muons.angle[BLOCK_SIZE:])
    assert not set(other.angle) & set(muons.angle)
    assert not set(other.event_id) & set(muons.event_id)


def test_angles_are_around_the_nominal(muons: Muons) -> None:
    assert muons.angle.mean() == pytest.approx(229, abs=1)
    assert 15 < muons.angle.std() < 35


def test_events_are_shared_between_splits_as_everywhere(muons: Muons) -> None:
    assert len(set(muons.event_id)) == len(muons)
    assert np.bincount(split_of(muons.event_id)) / len(muons) == pytest.approx([0.7, 0.15, 0.15], abs=0.015)


def test_fast_muons_point_at_the_collision() -> None:
    straight = dataclasses.replace(CONFIG, bend=1e-9, absorber=0.0, gap_material=0.0, vertex_spread=0.0)
    muons = simulate_muon_block(straight, seed=1, block=0)
    pointing = np.arctan(muons.position / CONFIG.distance + CONFIG.nominal_slope)
    np.testing.assert_allclose(muons.angle, 1000 * pointing, atol=1e-6)


def test_bending_is_that_of_the_field() -> None:
    """Angle minus the pointing angle of the start is bend / pT; seen from the chambers it is less by the lever."""
    clean = dataclasses.replace(CONFIG, absorber=0.0, gap_material=0.0, vertex_spread=0.0)
    muons = simulate_muon_block(clean, seed=1, block=0)
    pointing = 1000 * np.arctan(muons.position / CONFIG.distance + CONFIG.nominal_slope)
    slope = np.polyfit(muons.curvature, muons.angle - pointing, 1)[0]
    assert slope == pytest.approx(CONFIG.bend * (1 - CONFIG.bend_distance / CONFIG.distance), rel=0.01)


def test_scattering_has_the_width_of_the_formula() -> None:
    clean = dataclasses.replace(CONFIG, gap_material=0.0, vertex_spread=0.0, bend=0.0, bend_distance=0.0)
    muons = simulate_muon_block(clean, seed=1, block=0)
    pointing = np.arctan(muons.position / CONFIG.distance + CONFIG.nominal_slope)
    momentum = 1 / np.abs(muons.curvature) / np.sin(pointing)
    pull = (muons.angle - 1000 * pointing) / scattering_angle(momentum, CONFIG.absorber)
    assert pull.std() == pytest.approx(1, abs=0.03)


def test_exactly_the_crossed_channel_fires_in_a_perfect_chamber() -> None:
    generator = np.random.default_rng(1)
    crossing = generator.uniform(-300, 300, (500, 7))
    hits = respond_strips(QUIET, crossing, generator)
    assert (hits.sum(2) == 1).all()
    channel = hits.argmax(2)
    for gap in range(7):
        distance = crossing[:, gap] - QUIET.channel_centre(gap, channel[:, gap].astype(float))
        assert np.abs(distance).max() <= QUIET.pitch[gap] / 2 + 1e-9


def _rate(config: ChamberConfig, count: int = 40_000) -> np.ndarray:
    """Hits of muons in the middle of the chambers, (N, gaps, channels)."""
    generator = np.random.default_rng(2)
    return respond_strips(config, generator.uniform(-50, 50, (count // 7, 7)), generator)


def test_efficiency() -> None:
    hits = _rate(dataclasses.replace(QUIET, efficiency=0.9))
    assert hits.any(2).mean() == pytest.approx(0.9, abs=5 * np.sqrt(0.09 / 40_000))


def test_noise() -> None:
    hits = _rate(dataclasses.replace(QUIET, efficiency=0.0, noise=2e-3))
    assert hits.mean() == pytest.approx(2e-3, abs=5 * np.sqrt(2e-3 / hits.size))


def test_crosstalk_fires_the_nearer_neighbour() -> None:
    config = dataclasses.replace(QUIET, crosstalk=0.25)
    generator = np.random.default_rng(3)
    crossing = generator.uniform(-50, 50, (5000, 7))
    hits = respond_strips(config, crossing, generator)
    size = hits.sum(2)
    assert (size == 2).mean() == pytest.approx(0.25, abs=5 * np.sqrt(0.1875 / 35_000))
    for gap in range(7):
        rows = np.flatnonzero(size[:, gap] == 2)
        middle = config.channel_centre(gap, hits[rows, gap].argmax(1) + 0.5)
        assert np.abs(crossing[rows, gap] - middle).max() <= config.pitch[gap] / 2 + 1e-9


def test_delta_rays_have_the_mean_reach() -> None:
    size = _rate(dataclasses.replace(QUIET, delta_ray=0.3, delta_reach=2.5)).sum(2)
    assert (size > 1).mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 40_000))
    assert (size - 1)[size > 1].mean() == pytest.approx(2.5, abs=0.1)


def test_the_edge_of_a_chamber_is_no_hit() -> None:
    everything = dataclasses.replace(QUIET, crosstalk=1.0, delta_ray=1.0, delta_reach=40.0)
    edge = np.array([[everything.channel_centre(gap, np.array([0.0]))[0] - 1 for gap in range(7)]])
    hits = respond_strips(everything, np.repeat(edge, 200, axis=0), np.random.default_rng(1))
    assert hits[:, :, 0].all()
