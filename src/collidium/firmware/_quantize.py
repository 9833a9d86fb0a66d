"""Exact quantization of codes and of real numbers: round, then overflow."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError
from collidium.firmware._fixed import Codes, Formats, Overflow, Rounding

Bools: TypeAlias = NDArray[np.bool_]

_WIDEST_SHIFT = 62


def quantize(codes: ArrayLike, f_in: ArrayLike, formats: Formats, rounding: Rounding, overflow: Overflow) -> Codes:
    """Quantize values ``codes * 2**-f_in``.

    Parameters
    ----------
    codes : array of int, (..., *shape)
        Integers below 2^62 in magnitude.
    f_in : array of int, shape
        Their fractional bits.
    formats : Formats, shape
        The formats to reach.
    rounding, overflow : Rounding, Overflow
        The modes.

    Returns
    -------
    ndarray of int64, (..., *shape)
        Codes in ``formats``.

    Examples
    --------
    >>> quantize([5, -5, 300], 1, Formats([1] * 3, [3] * 3, [0] * 3), Rounding.RND, Overflow.SAT)
    array([ 3, -2,  7])
    """
    codes = np.asarray(codes, dtype=np.int64)
    drop = np.asarray(f_in, dtype=np.int64) - formats.f
    rounded = _round_shift(codes, np.clip(drop, 0, _WIDEST_SHIFT), rounding)
    grow = np.clip(-drop, 0, _WIDEST_SHIFT + 1)
    if not grow.any():
        return _overflow(rounded, formats, overflow)
    if overflow is Overflow.WRAP:
        return _overflow(np.left_shift(rounded, grow), formats, overflow)
    low, high = _limits(formats, overflow)
    fits_high, fits_low = rounded <= np.right_shift(high, grow), -rounded <= np.right_shift(-low, grow)
    return np.where(fits_high, np.where(fits_low, np.left_shift(rounded, grow), low), high)


def quantize_real(x: ArrayLike, formats: Formats, rounding: Rounding, overflow: Overflow) -> Codes:
    """Quantize real numbers.

    Parameters
    ----------
    x : array of float64, (..., *shape)
        Values; infinities only where they saturate.
    formats : Formats, shape
        The formats to reach.
    rounding, overflow : Rounding, Overflow
        The modes.

    Returns
    -------
    ndarray of int64, (..., *shape)
        Codes in ``formats``.

    Raises
    ------
    InputError
        If a value is NaN, or infinite where it would wrap.

    Examples
    --------
    >>> quantize_real([0.26, -9.0], Formats([1, 1], [2, 2], [2, 2]), Rounding.TRN, Overflow.WRAP)
    array([ 1, -4])
    """
    values = np.asarray(x, dtype=np.float64)
    if np.isnan(values).any():
        raise InputError("quantize: a value is NaN, numbers are needed")
    scaled = np.ldexp(values, formats.f.astype(np.int32))
    if overflow is Overflow.WRAP and not np.isfinite(scaled).all():
        raise InputError("quantize: a value is infinite, which cannot wrap; use SAT or SAT_SYM")
    magnitude = np.abs(scaled)
    with np.errstate(invalid="ignore"):
        whole = np.floor(magnitude)
        rest = np.where(np.isfinite(magnitude), magnitude - whole, 0.0)
    away = _rounds_away(
        rounding,
        is_negative=scaled < 0,
        is_inexact=rest > 0,
        above_half=rest > 0.5,
        is_half=rest == 0.5,
        is_odd=np.fmod(np.where(np.isfinite(whole), whole, 0.0), 2.0) == 1.0,
    )
    nearest = np.copysign(whole + away, scaled)
    if overflow is Overflow.WRAP:
        return _overflow(np.fmod(nearest, 2.0**62).astype(np.int64), formats, overflow)
    low, high = _limits(formats, overflow)
    return np.asarray(np.clip(nearest, low, high), dtype=np.int64)


def _round_shift(codes: Codes, drop: Codes, rounding: Rounding) -> Codes:
    """Divide by 2^drop and round."""
    if not drop.any():
        return codes
    if rounding is Rounding.TRN:
        return np.asarray(np.right_shift(codes, drop), dtype=np.int64)
    half = np.right_shift(np.left_shift(np.int64(1), drop), 1)
    if rounding is Rounding.RND:
        return np.asarray(np.right_shift(codes + half, drop), dtype=np.int64)
    magnitude = np.abs(codes)
    whole = np.right_shift(magnitude, drop)
    rest = magnitude - np.left_shift(whole, drop)
    away = _rounds_away(
        rounding,
        is_negative=codes < 0,
        is_inexact=rest > 0,
        above_half=rest > half,
        is_half=(rest == half) & (drop > 0),
        is_odd=(whole & 1) == 1,
    )
    return np.where(codes < 0, -(whole + away), whole + away)


def _rounds_away(
    rounding: Rounding, *, is_negative: Bools, is_inexact: Bools, above_half: Bools, is_half: Bools, is_odd: Bools
) -> Bools:
    """Whether the magnitude goes up instead of down."""
    match rounding:
        case Rounding.TRN:
            return is_inexact & is_negative
        case Rounding.TRN_ZERO:
            return np.zeros_like(is_inexact)
        case Rounding.RND:
            return above_half | (is_half & ~is_negative)
        case Rounding.RND_ZERO:
            return above_half
        case Rounding.RND_MIN_INF:
            return above_half | (is_half & is_negative)
        case Rounding.RND_INF:
            return above_half | is_half
        case Rounding.RND_CONV:
            return above_half | (is_half & is_odd)


def _limits(formats: Formats, overflow: Overflow) -> tuple[Codes, Codes]:
    high = formats.code_max
    low = formats.code_min if overflow is not Overflow.SAT_SYM else -high * formats.k
    return low, high


def _overflow(codes: Codes, formats: Formats, overflow: Overflow) -> Codes:
    if overflow is not Overflow.WRAP:
        low, high = _limits(formats, overflow)
        return np.asarray(np.clip(codes, low, high), dtype=np.int64)
    mask = np.left_shift(np.int64(1), formats.width) - 1
    return np.asarray(((codes - formats.code_min) & mask) + formats.code_min, dtype=np.int64)
