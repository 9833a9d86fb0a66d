from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.detect import angle_resolution


def test_a_gaussian_has_one_width() -> None:
    r = np.random.default_rng(1).normal(0, 2.0, 200_000)
    found = angle_resolution(r + 229, np.full(len(r), 229.0))
    assert found.core == pytest.approx(2.0, rel=0.01)
    assert found.half_width == pytest.approx(2.0, rel=0.01)
    assert found.rms == found.core
    assert found.outside == 0
    assert found.bias == pytest.approx(0, abs=0.03)


def test_core_and_tail_are_told_apart_and_a_bias_counts() -> None:
    found = angle_resolution(np.array([3.0, 3.0, 3.0, 40.0]), np.zeros(4))
    assert (found.core, found.outside, found.bias) == (3.0, 0.25, 3.0)
    assert found.rms == pytest.approx(np.sqrt((27 + 1600) / 4))


def test_nothing_in_the_core_is_not_a_number() -> None:
    found = angle_resolution(np.array([50.0]), np.zeros(1))
    assert np.isnan(found.core)
    assert found.outside == 1


@pytest.mark.parametrize("shape", [(0,), (2, 2)])
def test_senseless_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        angle_resolution(np.zeros(shape), np.zeros(shape))
