from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.detect import ChamberConfig, strip_resolution

CONFIG = ChamberConfig()


def test_channels_are_projective_and_cover_about_a_metre() -> None:
    widths = CONFIG.num_channels * np.array(CONFIG.pitch)
    assert widths.tolist() == [900, 900, 900, 950, 950, 1000, 1000]
    opening = np.array(CONFIG.pitch) / (CONFIG.distance + np.array(CONFIG.z))
    np.testing.assert_allclose(opening, opening[0], rtol=0.01)


def test_channel_centres_are_a_pitch_apart_and_staggered() -> None:
    for gap in range(CONFIG.num_gaps):
        centre = CONFIG.channel_centre(gap, np.arange(50.0))
        np.testing.assert_allclose(np.diff(centre), CONFIG.pitch[gap])
        assert centre.mean() == pytest.approx(CONFIG.stagger[gap] * CONFIG.pitch[gap])


def test_two_gaps_have_the_resolution_of_two_strips() -> None:
    pair = ChamberConfig(z=(0.0, 1500.0), pitch=(18.0, 20.0), stagger=(0.0, 0.0))
    slope = np.hypot(18, 20) / np.sqrt(12) / 1500
    cosine = np.cos(0.229) ** 2
    assert strip_resolution(pair, 229.0) == pytest.approx(1000 * slope * cosine)


def test_n_gaps_staggered_by_one_nth_act_as_strips_of_one_nth() -> None:
    """Two tight stations at the nominal angle: a triplet is a strip of a third, a doublet one of a half."""
    tight = ChamberConfig(
        z=(0.0, 1e-3, 2e-3, 1500.0, 1500.001),
        pitch=(18.0, 18.0, 18.0, 20.0, 20.0),
        stagger=(0.0, 1 / 3, 2 / 3, 0.0, 1 / 2),
    )
    slope = np.hypot(18 / 3, 20 / 2) / np.sqrt(12) / 1500
    assert strip_resolution(tight, 229.0) == pytest.approx(1000 * slope * np.cos(0.229) ** 2, rel=1e-4)


def test_staggering_improves_the_resolution() -> None:
    aligned = dataclasses.replace(CONFIG, stagger=(0.0,) * 7)
    angles = np.linspace(190, 270, 17)
    staggered_mean, aligned_mean = (
        np.sqrt(np.mean([strip_resolution(config, angle) ** 2 for angle in angles])) for config in (CONFIG, aligned)
    )
    assert staggered_mean < 0.75 * aligned_mean
    assert 2.0 < strip_resolution(CONFIG, 229.0) < 2.3


@pytest.mark.parametrize(
    "change",
    [
        {"z": (0.0, 1.0)},
        {"z": (0.0, 50.0, 40.0, 750.0, 800.0, 1450.0, 1500.0)},
        {"pitch": (0.0,) * 7},
        {"efficiency": 1.1},
        {"noise": -0.1},
        {"num_channels": 0},
        {"min_pt": 0.0},
        {"delta_reach": 0.5},
    ],
)
def test_impossible_chambers_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        dataclasses.replace(CONFIG, **change)  # type: ignore[arg-type]
