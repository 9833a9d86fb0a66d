from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from collidium.artifact import InputError
from collidium.measure import count_upcrossings, discovery_p_value, global_p_value


def test_upcrossings_are_rises_through_the_level() -> None:
    assert count_upcrossings([1.0, 1.0, 0.2, 0.9, 0.2, 0.9], 0.5) == 2
    assert count_upcrossings([0.2, 0.2], 0.5) == 0


def test_without_upcrossings_the_local_value_is_the_global_one() -> None:
    assert global_p_value(9.0, 0.0, 0.5) == pytest.approx(float(discovery_p_value(9.0)))


def test_the_bound_holds_for_a_smooth_process() -> None:
    # a stationary Gaussian process: fraction of scans above the level u against the bound from upcrossings at u0
    generator = np.random.default_rng(0)
    kernel = np.exp(-0.5 * (np.arange(-40, 41) / 10.0) ** 2)
    kernel /= np.sqrt(np.sum(kernel**2))
    z = lfilter(kernel, [1.0], generator.normal(size=(1500, 581)), axis=1)[:, 81:]
    q = np.where(z > 0.0, z**2, 0.0)
    mean = np.mean([count_upcrossings(row, 0.5) for row in q])
    for u in (6.0, 9.0):
        found = np.mean(q.max(axis=1) > u)
        assert global_p_value(u, mean, 0.5) == pytest.approx(found, abs=4 * np.sqrt(found / 1500) + 0.2 * found)


def test_the_largest_value_lies_above_the_level() -> None:
    with pytest.raises(InputError, match=r"largest q0 is 0.3"):
        global_p_value(0.3, 1.0, 0.5)
