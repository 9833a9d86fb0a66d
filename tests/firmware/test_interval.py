from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.firmware import Formats, Interval

ends = st.tuples(st.integers(-12, 12), st.integers(-12, 12)).map(sorted)
wires = st.tuples(ends, st.integers(-2, 3))


def values(wire: tuple[list[int], int]) -> list[float]:
    (low, high), f = wire
    return [code * 2.0**-f for code in range(low, high + 1)]


def interval(*given: tuple[list[int], int]) -> Interval:
    return Interval([wire[0][0] for wire in given], [wire[0][1] for wire in given], [wire[1] for wire in given])


def assert_exact(result: Interval, reached: set[float]) -> None:
    """The ends are reached, and every value is a multiple of the step."""
    step = 2.0 ** -float(result.f)
    assert (float(result.minimum) * step, float(result.maximum) * step) == (min(reached), max(reached))
    assert all((value / step).is_integer() for value in reached)


@settings(max_examples=60, deadline=None)
@given(x=wires, y=wires)
def test_sums_products_and_maxima(x: tuple[list[int], int], y: tuple[list[int], int]) -> None:
    pairs = list(itertools.product(values(x), values(y)))
    a, b, both = interval(x)[0], interval(y)[0], interval(x, y)
    assert_exact(a + b, {p + q for p, q in pairs})
    assert_exact(a * b, {p * q for p, q in pairs})
    assert_exact(both.sum((0,)), {p + q for p, q in pairs})
    assert_exact(both.highest((0,)), {max(p, q) for p, q in pairs})
    assert_exact(-a, {-p for p in values(x)})


@settings(max_examples=60, deadline=None)
@given(x=wires)
def test_formats_are_the_narrowest(x: tuple[list[int], int]) -> None:
    (low, high), _ = x
    form = interval(x).formats()[0]
    if low == high == 0:
        assert form.width == 0
        return
    assert form.code_min <= low
    assert high <= form.code_max
    assert form.k == (low < 0)
    narrower = Formats([form.k], [form.i - 1], [form.f])
    assert low < narrower.code_min[0] or narrower.code_max[0] < high


def test_a_wire_that_is_always_zero_asks_for_no_bits() -> None:
    x = Interval([0, 3], [0, 5], [40, -2])
    assert x.f.tolist() == [0, -2]
    assert int(x.sum((0,)).f) == -2


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_refuses_what_float64_would_round(number: int) -> None:
    with pytest.raises(InputError, match=r"a code can reach 2\^53"):
        Interval(min(number, 0), max(number, 0), 0)


def test_refuses_products_and_sums_beyond_the_bound() -> None:
    x = Interval(np.full(4, -(2**52)), np.full(4, 2**52), 0)
    for make in (lambda: x * x, lambda: x.sum((0,)), lambda: x + x.at(np.full(4, 1))):
        with pytest.raises(InputError, match="exactness"):
            make()
