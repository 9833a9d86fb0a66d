from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from collidium.detect import (
    ChamberConfig,
    angle_resolution,
    find_clusters,
    fit_lines,
    simulate_muon_block,
    strip_resolution,
)

CONFIG = ChamberConfig()
IDEAL = ChamberConfig(
    efficiency=1.0, crosstalk=0.0, delta_ray=0.0, noise=0.0, absorber=0.0, gap_material=0.0, vertex_spread=0.0
)


def _brute_force(config: ChamberConfig, hits: np.ndarray, unused_gap: float) -> tuple[float, float, int]:
    """Cost, angle and number of gaps of one event by trying every choice with NumPy's least squares."""
    clusters = find_clusters(config, hits[None])
    options = [
        [None, *range(first, first + count)] for first, count in zip(clusters.first[0], clusters.count[0], strict=True)
    ]
    best = (np.inf, config.nominal_angle, 0)
    for choice in itertools.product(*options):
        used = [(gap, row) for gap, row in enumerate(choice) if row is not None]
        z = np.array([config.z[gap] for gap, _ in used])
        if len(used) < 2 or z.max() - z.min() < 500:
            continue
        rows = [row for _, row in used]
        u, sigma = clusters.centre[rows], clusters.sigma[rows]
        design = np.stack([np.ones(len(z)), z], 1) / sigma[:, None]
        line = np.linalg.lstsq(design, u / sigma, rcond=None)[0]
        cost = float(((design @ line - u / sigma) ** 2).sum()) + unused_gap * (config.num_gaps - len(used))
        if cost < best[0] - 1e-9:
            best = (cost, 1000 * float(np.arctan(line[1] + config.nominal_slope)), len(used))
    return best


@pytest.mark.parametrize("unused_gap", [4.0, 9.0])
def test_the_best_choice_is_that_of_brute_force(unused_gap: float) -> None:
    noisy = dataclasses.replace(CONFIG, noise=0.012, efficiency=0.85)
    hits = simulate_muon_block(noisy, seed=3, block=0).hits[:25]
    fit = fit_lines(noisy, hits, unused_gap=unused_gap)
    for event in range(len(hits)):
        cost, angle, num_gaps = _brute_force(noisy, hits[event], unused_gap)
        assert fit.chi2[event] + unused_gap * (7 - fit.num_gaps[event]) == pytest.approx(cost, abs=1e-8)
        assert fit.angle[event] == pytest.approx(angle, abs=1e-8)
        assert fit.num_gaps[event] == num_gaps


def test_ideal_chambers_reach_the_closed_form() -> None:
    muons = simulate_muon_block(IDEAL, seed=1, block=0)
    fit = fit_lines(IDEAL, muons.hits)
    assert (fit.num_gaps == 7).all()
    angles = muons.angle[:500]
    expected = np.sqrt(np.mean([strip_resolution(IDEAL, angle) ** 2 for angle in angles]))
    found = angle_resolution(fit.angle, muons.angle)
    assert found.core == pytest.approx(expected, rel=0.03)  # 10,000 muons: 1 %, and 500 angles
    assert found.core == found.rms
    assert abs(found.bias) < 5 * found.rms / np.sqrt(len(muons))


def test_a_line_through_strip_centres_is_found_exactly() -> None:
    slope, start = 0.03, 12.0
    centres = start + slope * np.array(CONFIG.z)
    hits = np.zeros((1, 7, 50), dtype=bool)
    shifted = dataclasses.replace(CONFIG, stagger=tuple((centres / np.array(CONFIG.pitch) - 0.5).tolist()))
    hits[0, :, 25] = True
    fit = fit_lines(shifted, hits)
    assert fit.angle[0] == pytest.approx(1000 * np.arctan(slope + CONFIG.nominal_slope), abs=1e-9)
    assert fit.position[0] == pytest.approx(start + 18 * 0.5 - 9, abs=1e-9)
    assert fit.chi2[0] == pytest.approx(0, abs=1e-9)


def test_a_far_hit_is_left_out() -> None:
    hits = simulate_muon_block(IDEAL, seed=2, block=0).hits[:200].copy()
    clean = fit_lines(IDEAL, hits)
    channel = hits[:, 3].argmax(1)
    hits[np.arange(200), 3] = False
    hits[np.arange(200), 3, (channel + 20) % 50] = True
    dirty = fit_lines(IDEAL, hits)
    assert (dirty.num_gaps == 6).all()
    assert np.abs(dirty.angle - clean.angle).max() < 10


def test_without_a_line_the_angle_is_the_nominal() -> None:
    hits = np.zeros((3, 7, 50), dtype=bool)
    hits[1, :3, 25] = True
    hits[2, 0, 25] = hits[2, 6, 25] = True
    fit = fit_lines(CONFIG, hits)
    assert fit.num_gaps.tolist() == [0, 0, 2]
    assert fit.angle[:2].tolist() == [CONFIG.nominal_angle] * 2
    assert len(fit_lines(CONFIG, hits[:0]).angle) == 0


def test_the_real_chambers_measure_to_a_few_milliradian() -> None:
    muons = simulate_muon_block(CONFIG, seed=1, block=0)
    found = angle_resolution(fit_lines(CONFIG, muons.hits).angle, muons.angle)
    assert strip_resolution(CONFIG, 229.0) < found.half_width < found.core < 4.0
    assert found.outside < 0.005
