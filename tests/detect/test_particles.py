from __future__ import annotations

import numpy as np

from collidium.detect import Candidates, StableParticles


def candidates(event: list[int], energy: list[float]) -> Candidates:
    size = len(event)
    zero, none = np.zeros(size), np.zeros(size, dtype=np.int64)
    return Candidates(np.array(event), zero, zero, zero, np.array(energy), none, none, zero, zero, zero, zero)


def test_joining_orders_by_event_and_keeps_the_order_inside() -> None:
    joined = Candidates.by_event(candidates([0, 1, 2], [1.0, 2.0, 3.0]), candidates([0, 0, 2], [4.0, 5.0, 6.0]))
    assert joined.event.tolist() == [0, 0, 0, 1, 2, 2]
    assert joined.energy.tolist() == [1.0, 4.0, 5.0, 2.0, 3.0, 6.0]


def test_take_moves_all_columns_together() -> None:
    columns = [np.arange(4) + 10 * i for i in range(9)]
    chosen = StableParticles(*columns).take(np.array([3, 1]))
    assert [getattr(chosen, name).tolist() for name in ("event", "pid", "energy", "z")] == [
        [3, 1],
        [13, 11],
        [53, 51],
        [83, 81],
    ]


def test_pseudorapidity_against_the_polar_angle() -> None:
    theta = np.linspace(0.1, 3.0, 30)
    zero = np.zeros(30)
    particles = StableParticles(zero, zero, np.sin(theta), zero, np.cos(theta), zero + 1, zero, zero, zero)
    np.testing.assert_allclose(particles.eta, -np.log(np.tan(theta / 2)), rtol=1e-12)
