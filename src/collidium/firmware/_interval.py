"""Exact intervals: what every wire can be, and the bits that this takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.firmware._fixed import EXACT_BITS, Codes, Formats

_BOUND = 1 << EXACT_BITS


@dataclass(frozen=True, eq=False)
class Interval:
    """Reachable values of the elements of a tensor: every code from ``minimum`` to ``maximum``, in steps of ``2**-f``.

    Attributes
    ----------
    minimum, maximum : ndarray of int64
        Smallest and largest code.
    f : ndarray of int64
        Fractional bits: the value is ``code * 2**-f``. It is 0 where the only value is 0.

    Raises
    ------
    InputError
        If a code can reach 2^53 in magnitude.

    Examples
    --------
    >>> x = Interval([-3, 0], [4, 1], [2, 0])
    >>> total = x.sum((0,))
    >>> int(total.minimum), int(total.maximum), int(total.f)
    (-3, 8, 2)
    """

    minimum: Codes
    maximum: Codes
    f: Codes

    def __init__(self, minimum: ArrayLike, maximum: ArrayLike, f: ArrayLike) -> None:
        low, high, exponent = np.broadcast_arrays(
            *(np.asarray(value, dtype=np.int64) for value in (minimum, maximum, f))
        )
        if low.size and (low.min() <= -_BOUND or high.max() >= _BOUND):
            raise InputError(f"exactness: a code can reach 2^{EXACT_BITS}; quantize before this point")
        assert (low <= high).all()
        object.__setattr__(self, "minimum", low)
        object.__setattr__(self, "maximum", high)
        object.__setattr__(self, "f", np.where((low == 0) & (high == 0), 0, exponent))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interval) and all(
            np.array_equal(mine, its)
            for mine, its in zip(
                (self.minimum, self.maximum, self.f), (other.minimum, other.maximum, other.f), strict=True
            )
        )

    def __getitem__(self, index: Any) -> Interval:
        return Interval(self.minimum[index], self.maximum[index], self.f[index])

    @classmethod
    def of_formats(cls, formats: Formats) -> Interval:
        """Everything that the formats can hold."""
        return cls(formats.code_min, formats.code_max, formats.f)

    @classmethod
    def concatenate(cls, parts: list[Interval]) -> Interval:
        """The elements of several tensors, flattened, one after the other."""
        return cls(
            np.concatenate([part.minimum.reshape(-1) for part in parts]),
            np.concatenate([part.maximum.reshape(-1) for part in parts]),
            np.concatenate([part.f.reshape(-1) for part in parts]),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.minimum.shape

    @property
    def is_zero(self) -> Any:
        """Whether 0 is the only value, element by element."""
        return (self.minimum == 0) & (self.maximum == 0)

    @property
    def max_code(self) -> int:
        """Largest magnitude of any code."""
        return int(max(-self.minimum.min(), self.maximum.max(), 0)) if self.minimum.size else 0

    def formats(self) -> Formats:
        """The narrowest formats that hold the interval; (0, 0, 0) where 0 is the only value."""
        k = (self.minimum < 0).astype(np.int64)
        bits = np.maximum(_bit_length(self.maximum), _bit_length(-self.minimum - 1))
        return Formats(k, np.where(self.is_zero, 0, bits - self.f), self.f)

    def broadcast_to(self, shape: tuple[int, ...]) -> Interval:
        """Repeat elements."""
        return Interval(*(np.broadcast_to(array, shape) for array in (self.minimum, self.maximum, self.f)))

    def reshape(self, *shape: int) -> Interval:
        """The same elements in another shape."""
        return Interval(self.minimum.reshape(shape), self.maximum.reshape(shape), self.f.reshape(shape))

    def at(self, f: Codes) -> Interval:
        """The same values with finer steps: codes shifted left to the fractional bits ``f``."""
        shift = np.where(self.is_zero, 0, f - self.f)
        assert (shift >= 0).all()
        _check(np.ldexp(np.maximum(-self.minimum, self.maximum).astype(np.float64), shift.astype(np.int32)))
        return Interval(np.left_shift(self.minimum, shift), np.left_shift(self.maximum, shift), f)

    def __neg__(self) -> Interval:
        return Interval(-self.maximum, -self.minimum, self.f)

    def __add__(self, other: Interval) -> Interval:
        f = common_f(self, other)
        mine, its = self.at(f), other.at(f)
        return Interval(mine.minimum + its.minimum, mine.maximum + its.maximum, f)

    def __mul__(self, other: Interval) -> Interval:
        _check(self._magnitude() * other._magnitude())
        corners = [a * b for a in (self.minimum, self.maximum) for b in (other.minimum, other.maximum)]
        return Interval(np.min(corners, axis=0), np.max(corners, axis=0), self.f + other.f)

    def sum(self, axis: tuple[int, ...]) -> Interval:
        """Sum over axes."""
        f = self.finest(axis)
        aligned = self.at(f)
        _check(aligned._magnitude().sum(axis=axis))
        return Interval(aligned.minimum.sum(axis=axis), aligned.maximum.sum(axis=axis), f.max(axis=axis) if axis else f)

    def highest(self, axis: tuple[int, ...]) -> Interval:
        """Maximum over axes."""
        f = self.finest(axis)
        aligned = self.at(f)
        return Interval(aligned.minimum.max(axis=axis), aligned.maximum.max(axis=axis), f.max(axis=axis) if axis else f)

    def finest(self, axis: tuple[int, ...]) -> Codes:
        """Fractional bits that all elements along the axes share, broadcast over them."""
        lowest = np.iinfo(np.int64).min
        f = np.where(self.is_zero, lowest, self.f).max(axis=axis, keepdims=True)
        return np.broadcast_to(np.where(f == lowest, 0, f), self.shape)

    def _magnitude(self) -> Any:
        return np.maximum(-self.minimum, self.maximum).astype(np.float64)


def common_f(x: Interval, y: Interval) -> Codes:
    """Fractional bits at which both can be added, element by element; a wire that is always 0 asks for none."""
    finest = np.maximum(x.f, y.f)
    return np.where(x.is_zero, y.f, np.where(y.is_zero, x.f, finest))


def _bit_length(values: Codes) -> Codes:
    """Bits of non-negative integers below 2^53; 0 for negative ones."""
    return np.frexp(np.maximum(values, 0).astype(np.float64))[1].astype(np.int64)


def _check(magnitude: Any) -> None:
    if np.size(magnitude) and np.max(magnitude) >= _BOUND:
        raise InputError(f"exactness: a code can reach 2^{EXACT_BITS}; quantize before this point")
