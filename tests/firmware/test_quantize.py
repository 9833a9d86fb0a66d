from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.firmware import Format, Formats, Overflow, Rounding, quantize, quantize_real


def rounded(y: Fraction, mode: Rounding) -> int:
    """The ap_types rules in rational arithmetic, one by one."""
    low = math.floor(y)
    if mode is Rounding.TRN:
        return low
    if mode is Rounding.TRN_ZERO:
        return math.trunc(y)
    rest = y - low
    if rest != Fraction(1, 2):
        return low + (rest > Fraction(1, 2))
    choices = {
        Rounding.RND: low + 1,
        Rounding.RND_MIN_INF: low,
        Rounding.RND_ZERO: low if y > 0 else low + 1,
        Rounding.RND_INF: low + 1 if y > 0 else low,
        Rounding.RND_CONV: low + low % 2,
    }
    return choices[mode]


def reference(y: Fraction, form: Format, rounding: Rounding, overflow: Overflow) -> int:
    if form.k + form.i + form.f <= 0:
        return 0
    n = rounded(y * Fraction(2) ** form.f, rounding)
    top = 2 ** (form.i + form.f)
    if overflow is Overflow.WRAP:
        return (n + form.k * top) % 2 ** (form.k + form.i + form.f) - form.k * top
    low = -form.k * top if overflow is Overflow.SAT else -form.k * (top - 1)
    return min(max(n, low), top - 1)


formats = st.tuples(st.integers(0, 1), st.integers(-6, 8), st.integers(-6, 8)).map(lambda kif: Format(*kif))
modes = st.tuples(st.sampled_from(Rounding), st.sampled_from(Overflow))


@settings(max_examples=150, deadline=None)
@given(
    codes=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20),
    f=st.integers(-10, 60),
    form=formats,
    mode=modes,
)
def test_codes_follow_the_definition(codes: list[int], f: int, form: Format, mode: tuple[Rounding, Overflow]) -> None:
    result = quantize(codes, f, Formats.full((len(codes),), form), *mode)
    assert result.tolist() == [reference(Fraction(code) / Fraction(2) ** f, form, *mode) for code in codes]


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-64, 64).map(lambda n: n / 16), min_size=1),
    form=formats,
    mode=modes,
)
def test_real_numbers_follow_the_definition(values: list[float], form: Format, mode: tuple[Rounding, Overflow]) -> None:
    result = quantize_real(values, Formats.full((len(values),), form), *mode)
    assert result.tolist() == [reference(Fraction(value), form, *mode) for value in values]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_every_small_code_and_its_real_value(rounding: Rounding, overflow: Overflow) -> None:
    codes = np.arange(-64, 64)
    for form in (Format(1, 1, 1), Format(0, 2, -1), Format(1, 0, 0), Format(0, 1, 3), Format(1, 4, 4)):
        result = quantize(codes, 3, Formats.full(codes.shape, form), rounding, overflow)
        expected = [reference(Fraction(int(code), 8), form, rounding, overflow) for code in codes]
        assert result.tolist() == expected
        assert quantize_real(codes / 8, Formats.full(codes.shape, form), rounding, overflow).tolist() == expected


def test_below_half_is_not_half() -> None:
    below = np.nextafter(0.5, 0.0)
    forms = Formats.full((2,), Format(1, 3, 0))
    assert quantize_real([below, -below], forms, Rounding.RND, Overflow.SAT).tolist() == [0, 0]
    assert quantize_real([below, -below], forms, Rounding.RND_MIN_INF, Overflow.SAT).tolist() == [0, 0]


def test_refuses_nan_and_wrapping_infinity() -> None:
    form = Formats([1], [2], [2])
    with pytest.raises(InputError, match="NaN"):
        quantize_real([math.nan], form, Rounding.RND, Overflow.SAT)
    with pytest.raises(InputError, match="infinite"):
        quantize_real([math.inf], form, Rounding.RND, Overflow.WRAP)
    assert quantize_real([-math.inf], form, Rounding.RND, Overflow.SAT).tolist() == [-16]
