from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collidium.measure import smooth_353qh


@given(st.floats(-5.0, 5.0), st.floats(-2.0, 2.0), st.integers(3, 20))
def test_a_line_stays(offset: float, slope: float, num_bins: int) -> None:
    line = offset + slope * np.arange(num_bins)
    np.testing.assert_allclose(smooth_353qh(line), line, atol=1e-10)


@pytest.mark.parametrize("num_bins", [0, 1, 2])
def test_two_bins_are_left(num_bins: int) -> None:
    values = np.arange(num_bins, dtype=np.float64) ** 2
    assert smooth_353qh(values).tolist() == values.tolist()


def test_single_spikes_vanish() -> None:
    line = 10.0 - 0.3 * np.arange(15)
    spiked = line.copy()
    spiked[[4, 9]] += [3.0, -2.0]
    np.testing.assert_allclose(smooth_353qh(spiked), line, atol=0.35)


def test_noise_shrinks_and_a_broad_peak_stays() -> None:
    x = np.linspace(-3.0, 3.0, 40)
    peak = 1.0 + 0.2 * np.exp(-0.5 * x**2)
    noisy = peak + np.random.default_rng(0).normal(0.0, 0.03, len(x))
    smoothed = smooth_353qh(noisy)
    assert np.std(smoothed - peak) < 0.8 * np.std(noisy - peak)
    assert np.abs(smoothed[18:22] - peak[18:22]).max() < 0.05


def test_mirrored_contents_are_smoothed_alike() -> None:
    values = np.random.default_rng(1).normal(10.0, 1.0, 12)
    np.testing.assert_allclose(smooth_353qh(values[::-1]), smooth_353qh(values)[::-1], atol=1e-12)
