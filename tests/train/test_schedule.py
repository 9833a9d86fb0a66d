"""Schedules at points where their value is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from collidium.artifact import InputError
from collidium.train import SCHEDULES, schedule_factor


def values(name, num_steps=100, warmup=0.1, decay=0.3):
    return [schedule_factor(name, step, num_steps=num_steps, warmup=warmup, decay=decay) for step in range(num_steps)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_rises_through_the_warmup_to_one_and_never_above(name):
    factors = values(name)
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert factors[10] == 1.0
    assert min(factors) > 0
    assert max(factors) == 1.0
    assert all(a >= b for a, b in pairwise(factors[10:]))


@pytest.mark.parametrize("name", SCHEDULES)
def test_without_warmup_starts_at_one_and_a_single_step_is_a_full_one(name):
    assert values(name, warmup=0.0)[0] == 1.0
    assert values(name, num_steps=1, warmup=0.0) == [1.0]


def test_linear_warmup_values():
    assert values("constant")[:10] == pytest.approx([(step + 1) / 11 for step in range(10)], rel=1e-15)
    assert values("constant")[10:] == [1.0] * 90


def test_cosine_values():
    expected = [0.5 + 0.5 * math.cos(math.pi * k / 90) for k in range(90)]
    assert values("cosine")[10:] == pytest.approx(expected, rel=1e-14)


def test_linear_values():
    assert values("linear")[10:] == pytest.approx([1 - k / 90 for k in range(90)], rel=1e-14)


def test_stable_decay_is_flat_until_its_last_part_of_all_steps():
    factors = values("stable-decay")
    assert factors[10:71] == [1.0] * 61
    assert factors[71:] == pytest.approx([(100 - step) / 30 for step in range(71, 100)], rel=1e-12)


def test_flat_exponential_falls_to_one_percent_by_a_constant_ratio():
    factors = values("flat-exponential")
    assert factors[10:71] == [1.0] * 61
    ratios = [b / a for a, b in pairwise(factors[70:])]
    assert ratios == pytest.approx([0.01 ** (1 / 30)] * 29, rel=1e-12)


def test_one_cycle_ends_are_those_of_the_usual_codes():
    factors = values("one-cycle", num_steps=1000, warmup=0.3)
    assert factors[0] == pytest.approx(1 / 25, rel=1e-3)
    assert factors[-1] == pytest.approx(4e-6 + (1 - 4e-6) * math.sin(math.pi / 1400) ** 2, rel=1e-9)
    assert factors[650] == pytest.approx((1 + 4e-6) / 2, rel=1e-12)


def test_decay_longer_than_what_the_warmup_leaves_begins_at_once():
    assert values("stable-decay", warmup=0.5, decay=0.9)[50:52] == [1.0, 0.98]


def test_unknown_name_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean cosine"):
        values("cosin")
