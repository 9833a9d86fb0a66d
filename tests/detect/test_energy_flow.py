from __future__ import annotations

import numpy as np
import pytest

from collidium.detect import ECAL, HCAL, Towers, energy_flow


def towers(energy: list[float], sigma: list[float]) -> Towers:
    index = np.arange(len(energy))
    return Towers(np.zeros_like(index), index, np.array(energy), np.array(sigma), index)


def test_an_excess_is_a_neutral_candidate_and_leaves_the_tracks() -> None:
    flow = energy_flow(HCAL, towers([100.0], [5.0]), np.array([0, 0]), np.array([30.0, 20.0]), np.array([0.05, 0.05]))
    assert flow.excess.tolist() == [50.0]
    assert flow.scale.tolist() == [1.0, 1.0]


def test_an_insignificant_excess_rescales_the_tracks_to_the_weighted_mean() -> None:
    energy, sigma, tracks, resolution = 60.0, 8.0, np.array([40.0, 15.0]), np.array([0.1, 0.2])
    flow = energy_flow(HCAL, towers([energy], [sigma]), np.array([0, 0]), tracks, resolution)
    variance = ((resolution * tracks) ** 2).sum()
    best = (tracks.sum() / variance + energy / sigma**2) / (1 / variance + 1 / sigma**2)
    assert flow.excess.tolist() == [0.0]
    np.testing.assert_allclose((flow.scale * tracks).sum(), best)
    assert flow.scale[0] == flow.scale[1]


def test_a_deficit_pulls_the_tracks_down() -> None:
    flow = energy_flow(HCAL, towers([20.0], [4.0]), np.array([0]), np.array([50.0]), np.array([0.2]))
    assert flow.excess[0] == 0.0
    assert 20 / 50 < flow.scale[0] < 1


@pytest.mark.parametrize(("excess", "is_neutral"), [(0.9, False), (1.1, True)])
def test_threshold_on_the_excess(excess: float, is_neutral: bool) -> None:
    flow = energy_flow(HCAL, towers([excess], [0.01]), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    assert (flow.excess[0] > 0) == is_neutral


@pytest.mark.parametrize(("excess", "is_neutral"), [(9.0, False), (11.0, True)])
def test_significance_counts_both_errors(excess: float, is_neutral: bool) -> None:
    # sqrt(3^2 + 4^2) = 5 GeV and two standard deviations in the ECAL: 10 GeV.
    flow = energy_flow(ECAL, towers([40.0 + excess], [3.0]), np.array([0]), np.array([40.0]), np.array([0.1]))
    assert (flow.excess[0] > 0) == is_neutral


def test_towers_do_not_touch_each_other() -> None:
    flow = energy_flow(
        HCAL,
        towers([100.0, 30.0, 0.0], [1.0, 1.0, 1.0]),
        np.array([0, 1, 2]),
        np.array([20.0, 30.0, 5.0]),
        np.array([0.01, 0.01, 1e-9]),
    )
    assert flow.excess.tolist() == [80.0, 0.0, 0.0]
    np.testing.assert_allclose(flow.scale, [1.0, 1.0, 1.0], atol=1e-9)
