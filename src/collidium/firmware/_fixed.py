"""Fixed-point formats: how many bits a wire has and what its integer means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError

Codes: TypeAlias = NDArray[np.int64]

EXACT_BITS = 53
"""Codes stay below 2^53 in magnitude, so that float64 holds each of them."""


class Rounding(StrEnum):
    """What happens to bits below the step; the names are those of ``ap_types``."""

    TRN = "TRN"  # toward -infinity
    TRN_ZERO = "TRN_ZERO"  # toward zero
    RND = "RND"  # nearest, ties toward +infinity
    RND_ZERO = "RND_ZERO"  # nearest, ties toward zero
    RND_MIN_INF = "RND_MIN_INF"  # nearest, ties toward -infinity
    RND_INF = "RND_INF"  # nearest, ties away from zero
    RND_CONV = "RND_CONV"  # nearest, ties to even


class Overflow(StrEnum):
    """What happens to values outside the range."""

    WRAP = "WRAP"
    SAT = "SAT"
    SAT_SYM = "SAT_SYM"  # to [-maximum, maximum]


@dataclass(frozen=True)
class Format:
    """Fixed-point format of one wire: the value is ``code * 2**-f``.

    Attributes
    ----------
    k : int
        1 with a sign bit, else 0.
    i : int
        Integer bits without the sign; may be negative.
    f : int
        Fractional bits; may be negative.

    Examples
    --------
    >>> Format(1, 2, 3).minimum, Format(1, 2, 3).maximum, Format(1, 2, 3).step, Format(1, 2, 3).width
    (-4.0, 3.875, 0.125, 6)
    """

    k: int
    i: int
    f: int

    def __post_init__(self) -> None:
        _check_formats(np.array(self.k), np.array(self.i), np.array(self.f))

    @property
    def width(self) -> int:
        """Number of bits; 0 where the wire does not exist and the value is 0."""
        return max(self.k + self.i + self.f, 0)

    @property
    def code_min(self) -> int:
        """Smallest integer."""
        return -self.k * (1 << (self.i + self.f)) if self.width > 0 else 0

    @property
    def code_max(self) -> int:
        """Largest integer."""
        return (1 << (self.i + self.f)) - 1 if self.width > 0 else 0

    @property
    def step(self) -> float:
        """Value of one code."""
        return 2.0**-self.f

    @property
    def minimum(self) -> float:
        """Smallest value."""
        return self.code_min * self.step

    @property
    def maximum(self) -> float:
        """Largest value."""
        return self.code_max * self.step

    @classmethod
    def from_ap_fixed(cls, width: int, integer: int, *, is_signed: bool = True) -> Format:
        """Read ``ap_fixed<width, integer>``, ``ap_ufixed`` or ``ac_fixed<width, integer, signed>``.

        There the sign counts as an integer bit.

        Examples
        --------
        >>> Format.from_ap_fixed(8, 3)
        Format(k=1, i=2, f=5)
        """
        return cls(int(is_signed), integer - int(is_signed), width - integer)

    def to_ap_fixed(self) -> tuple[int, int, bool]:
        """Width, integer bits with the sign, and whether signed, as ``ap_fixed`` and ``ac_fixed`` count them."""
        return self.k + self.i + self.f, self.k + self.i, bool(self.k)

    @classmethod
    def from_quantized_bits(cls, bits: int, integer: int, *, keep_negative: bool = True) -> Format:
        """Read QKeras' ``quantized_bits(bits, integer, keep_negative)``: ``bits`` has the sign, ``integer`` has not.

        Examples
        --------
        >>> Format.from_quantized_bits(8, 2)
        Format(k=1, i=2, f=5)
        """
        return cls(int(keep_negative), integer, bits - integer - int(keep_negative))

    def to_quantized_bits(self) -> tuple[int, int, bool]:
        """Bits with the sign, integer bits without, and whether signed, as QKeras counts them."""
        return self.k + self.i + self.f, self.i, bool(self.k)


@dataclass(frozen=True, eq=False)
class Formats:
    """Formats of the elements of a tensor, three integer arrays of one shape.

    Attributes
    ----------
    k, i, f : ndarray of int
        As in :class:`Format`; scalars broadcast.

    Raises
    ------
    InputError
        If the shapes differ, ``k`` is neither 0 nor 1, or a width is above 53 bits.

    Examples
    --------
    >>> formats = Formats([1, 0], [2, 2], [3, -2])
    >>> formats.width
    array([6, 0])
    >>> formats.code_min, formats.code_max
    (array([-32,   0]), array([31,  0]))
    """

    k: Codes
    i: Codes
    f: Codes

    def __init__(self, k: ArrayLike, i: ArrayLike, f: ArrayLike) -> None:
        arrays = np.broadcast_arrays(*(_integers(name, value) for name, value in (("k", k), ("i", i), ("f", f))))
        for name, array in zip(("k", "i", "f"), arrays, strict=True):
            object.__setattr__(self, name, array)
        _check_formats(self.k, self.i, self.f)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formats) and all(
            np.array_equal(mine, its) for mine, its in zip(self._arrays(), other._arrays(), strict=True)
        )

    def __getitem__(self, index: Any) -> Format:
        k, i, f = (int(array[index]) for array in self._arrays())
        return Format(k, i, f)

    def _arrays(self) -> tuple[Codes, Codes, Codes]:
        return self.k, self.i, self.f

    @classmethod
    def full(cls, shape: Sequence[int], form: Format) -> Formats:
        """One format for every element."""
        return cls(*(np.full(tuple(shape), value) for value in (form.k, form.i, form.f)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.k.shape

    @property
    def width(self) -> Codes:
        """Bits of each element; 0 where the wire does not exist."""
        return np.asarray(np.maximum(self.k + self.i + self.f, 0), dtype=np.int64)

    @property
    def code_min(self) -> Codes:
        """Smallest integer of each element."""
        return np.where(self.width > 0, -self.k * self._modulus, 0).astype(np.int64)

    @property
    def code_max(self) -> Codes:
        """Largest integer of each element."""
        return np.where(self.width > 0, self._modulus - 1, 0).astype(np.int64)

    @property
    def _modulus(self) -> Codes:
        return np.asarray(np.left_shift(np.int64(1), np.maximum(self.i + self.f, 0)), dtype=np.int64)


def _integers(name: str, value: ArrayLike) -> Codes:
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer) and array.size:
        raise InputError(f"format {name}: must be integers, got {array.dtype}")
    return array.astype(np.int64)


def _check_formats(k: Codes, i: Codes, f: Codes) -> None:
    if k.size and not np.isin(k, (0, 1)).all():
        raise InputError(f"format k: must be 0 or 1, got {int(k.flat[int(np.argmin(np.isin(k, (0, 1))))])}")
    width = k + i + f
    if width.size and width.max() > EXACT_BITS:
        raise InputError(f"format width: {int(width.max())} bits, at most {EXACT_BITS} are exact")
    if f.size and max(abs(f.min()), abs(f.max())) > 1000:
        raise InputError(f"format f: must be within +-1000, got {int(f.flat[int(np.argmax(np.abs(f)))])}")
