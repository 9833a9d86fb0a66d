from __future__ import annotations

import numpy as np
import pytest

from collidium.collide import PtQuotas


def fill(num_jets: int, *, power: float) -> np.ndarray:
    """Accepted pT from a proposal falling as a power."""
    generator = np.random.default_rng(3)
    quotas = PtQuotas(500.0, 650.0, num_jets, generator=generator)
    taken = []
    while not quotas.is_full:
        quotas.next_batch(50)
        pt = 480.0 * generator.random(80) ** (-1 / (power - 1))
        taken.append(pt[quotas.accept(pt)])
    return np.concatenate(taken)


@pytest.mark.parametrize("num_jets", [1, 7, 149, 1000, 2003])
def test_exactly_the_wanted_jets_are_taken(num_jets: int) -> None:
    pt = fill(num_jets, power=3.0)
    assert len(pt) == num_jets
    assert pt.min() >= 500.0
    assert pt.max() < 650.0


def test_a_steep_proposal_becomes_flat() -> None:
    pt = fill(1500, power=5.0)
    counts = np.histogram(pt, bins=5, range=(500, 650))[0]
    assert counts.tolist() == [300] * 5


def test_jets_are_taken_in_order() -> None:
    quotas = PtQuotas(500.0, 650.0, 3, generator=np.random.default_rng(1))
    assert quotas.accept(np.array([510.0, 499.9, 640.0, 650.0, 505.0, 506.0])).tolist() == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    assert quotas.is_full


def test_batches_shrink_towards_the_end_and_stay_in_range() -> None:
    quotas = PtQuotas(500.0, 600.0, 200, generator=np.random.default_rng(1))
    first = quotas.next_batch(0)
    assert quotas.accept(np.linspace(500, 600, 197, endpoint=False)).sum() == 197
    assert first == 100
    assert quotas.next_batch(200) == 10
