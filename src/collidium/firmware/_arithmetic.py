"""Elementwise arithmetic, reductions, products of data with data, tables and masks of the integer model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.firmware._fixed import Codes
from collidium.firmware._interval import Interval, common_f
from collidium.firmware._node import Node


@dataclass(frozen=True, eq=False)
class Unary(Node):
    """A node that reads ``x``."""

    x: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False)
class Binary(Node):
    """A node that reads ``x`` and ``y``."""

    x: str
    y: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x, self.y)


class Negate(Unary):
    """``-x``."""

    def infer(self, *inputs: Interval) -> Interval:
        """Mirrored."""
        return -inputs[0]

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact."""
        return -codes[0]


class Relu(Unary):
    """``max(x, 0)``."""

    def infer(self, *inputs: Interval) -> Interval:
        """Cut at 0."""
        (x,) = inputs
        return Interval(np.maximum(x.minimum, 0), np.maximum(x.maximum, 0), x.f)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact."""
        return np.maximum(codes[0], 0)


class Add(Binary):
    """``x + y`` with broadcasting; the finer of both steps, element by element."""

    def infer(self, *inputs: Interval) -> Interval:
        """Ends add."""
        x, y = broadcast(*inputs)
        return x + y

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Align, add."""
        x, y = broadcast(*inputs)
        f = common_f(x, y)
        return _aligned(codes[0], inputs[0], f, output.shape) + _aligned(codes[1], inputs[1], f, output.shape)


class Multiply(Binary):
    """``x * y`` with broadcasting, in full precision."""

    def infer(self, *inputs: Interval) -> Interval:
        """Corner products."""
        x, y = broadcast(*inputs)
        return x * y

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact."""
        return expand(codes[0], len(output.shape)) * expand(codes[1], len(output.shape))


@dataclass(frozen=True, eq=False)
class Reduction(Unary):
    """A node that removes axes (counted without the batch axis)."""

    axis: tuple[int, ...]

    def __init__(self, name: str, x: str, axis: int | Sequence[int]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "axis", (axis,) if isinstance(axis, int) else tuple(int(a) for a in axis))

    def axes(self, x: Interval) -> tuple[int, ...]:
        """The axes as non-negative numbers."""
        ndim = len(x.shape)
        if not self.axis or not all(-ndim <= a < ndim for a in self.axis):
            raise InputError(f"axis {self.axis} is not among those of shape {x.shape}")
        return tuple(sorted({a % ndim for a in self.axis}))

    def _batch_axes(self, x: Interval) -> tuple[int, ...]:
        return tuple(a + 1 for a in self.axes(x))


class Sum(Reduction):
    """Sum over axes."""

    def infer(self, *inputs: Interval) -> Interval:
        """Ends add."""
        return inputs[0].sum(self.axes(inputs[0]))

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Align, add."""
        (x,) = inputs
        return np.asarray(_aligned(codes[0], x, x.finest(self.axes(x)), x.shape).sum(axis=self._batch_axes(x)))


class Maximum(Reduction):
    """Largest value over axes."""

    def infer(self, *inputs: Interval) -> Interval:
        """Largest of each end."""
        return inputs[0].highest(self.axes(inputs[0]))

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Align, compare."""
        (x,) = inputs
        return np.asarray(_aligned(codes[0], x, x.finest(self.axes(x)), x.shape).max(axis=self._batch_axes(x)))


@dataclass(frozen=True, eq=False)
class Mask(Node):
    """``x`` where the one-bit ``valid`` (broadcast) is 1, else 0."""

    x: str
    valid: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x, self.valid)

    def infer(self, *inputs: Interval) -> Interval:
        """Hull with 0."""
        x, valid = broadcast(*inputs)
        if x.shape != inputs[0].shape or (valid.minimum < 0).any() or (valid.maximum > 1).any() or valid.f.any():
            raise InputError("the mask must be of one unsigned bit and broadcast to the shape of what it masks")
        return Interval(np.minimum(x.minimum, 0), np.maximum(x.maximum, 0), x.f)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact."""
        return codes[0] * expand(codes[1], len(output.shape))


@dataclass(frozen=True, eq=False)
class Contract(Node):
    """Einstein sum of two data tensors, e.g. ``"ih,jh->ij"``; the batch axis is not written."""

    x: str
    y: str
    subscripts: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x, self.y)

    def letters(self, *inputs: Interval) -> tuple[str, str, str]:
        """Letters of the axes of x, y and the output."""
        left, _, out = self.subscripts.replace(" ", "").partition("->")
        a, _, b = left.partition(",")
        sizes: dict[str, int] = {}
        for axes, interval in zip((a, b), inputs, strict=True):
            matches = len(axes) == len(interval.shape) and len(set(axes)) == len(axes)
            if not matches or any(
                sizes.setdefault(letter, n) != n for letter, n in zip(axes, interval.shape, strict=True)
            ):
                raise InputError(f"subscripts {self.subscripts!r} do not fit shapes {[i.shape for i in inputs]}")
        if len(set(out)) != len(out) or not set(out) <= sizes.keys() or not "".join(sizes).islower():
            raise InputError(f"subscripts {self.subscripts!r} are not of the form 'ij,jk->ik'")
        return a, b, out

    def terms(self, *inputs: Interval) -> tuple[Interval, Interval, tuple[int, ...]]:
        """Both inputs broadcast over output axes, then contracted axes; and which axes are contracted."""
        a, b, out = self.letters(*inputs)
        every = out + "".join(letter for letter in dict.fromkeys(a + b) if letter not in out)
        x, y = (_spread(interval, axes, every) for axes, interval in zip((a, b), inputs, strict=True))
        x, y = broadcast(x, y)
        return x, y, tuple(range(len(out), len(every)))

    def infer(self, *inputs: Interval) -> Interval:
        """Corner products, summed."""
        x, y, contracted = self.terms(*inputs)
        product = x * y
        return product.sum(contracted) if contracted else product

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact: both at their finest step, then down to the step of the output."""
        a, b, out = self.letters(*inputs)
        x, y = (interval.finest(tuple(range(len(interval.shape)))) for interval in inputs)
        total = np.einsum(
            f"Z{a},Z{b}->Z{out}",
            _aligned(codes[0], inputs[0], x, inputs[0].shape),
            _aligned(codes[1], inputs[1], y, inputs[1].shape),
        )
        drop = (x.flat[0] if x.size else 0) + (y.flat[0] if y.size else 0) - output.f
        return np.where(output.is_zero, 0, np.right_shift(total, np.where(output.is_zero, 0, drop)))


def broadcast(x: Interval, y: Interval) -> tuple[Interval, Interval]:
    """Two intervals in their common shape."""
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise InputError(f"shapes {x.shape} and {y.shape} do not broadcast") from None
    return x.broadcast_to(shape), y.broadcast_to(shape)


def expand(codes: Codes, ndim: int) -> Codes:
    """Axes of one after the batch axis, up to ``ndim`` axes without it."""
    return codes.reshape(codes.shape[0], *(1,) * (ndim + 1 - codes.ndim), *codes.shape[1:])


def _aligned(codes: Codes, interval: Interval, f: Codes, shape: tuple[int, ...]) -> Codes:
    """Codes (N, ...) at the fractional bits ``f`` of the broadcast shape."""
    wide = interval.broadcast_to(shape)
    shift = np.where(wide.is_zero, 0, f - wide.f)
    spread = expand(codes, len(shape))
    return np.asarray(np.left_shift(spread, shift) if shift.any() else np.broadcast_to(spread, (len(codes), *shape)))


def _spread(interval: Interval, axes: str, every: str) -> Interval:
    """Axes in the order of ``every``, with ones where there is none."""
    order = [axes.index(letter) for letter in every if letter in axes]
    shape = [interval.shape[axes.index(letter)] if letter in axes else 1 for letter in every]
    return Interval(
        *(np.transpose(array, order).reshape(shape) for array in (interval.minimum, interval.maximum, interval.f))
    )


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A function of one code: ``values[code - low] * 2**-f``, ascending by input value.

    Attributes
    ----------
    low : int
        The smallest input code.
    values : ndarray of int64, (n,)
        One output code for each input code from ``low`` on.
    f : int
        Fractional bits of the output.
    """

    low: int
    values: Codes
    f: int

    def __init__(self, low: int, values: ArrayLike, f: int) -> None:
        object.__setattr__(self, "low", int(low))
        object.__setattr__(self, "values", np.asarray(values, dtype=np.int64))
        object.__setattr__(self, "f", int(f))


@dataclass(frozen=True, eq=False)
class Table(Unary):
    """A function of one scalar for each element: ``tables[which]`` of the element's code (at its own ``f``)."""

    which: Codes
    tables: tuple[LookupTable, ...]

    def __init__(self, name: str, x: str, which: ArrayLike, tables: Sequence[LookupTable]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "which", np.asarray(which, dtype=np.int64))
        object.__setattr__(self, "tables", tuple(tables))

    def infer(self, *inputs: Interval) -> Interval:
        """Range of the reachable entries."""
        (x,) = inputs
        if self.which.shape != x.shape or not np.isin(self.which, np.arange(len(self.tables))).all():
            raise InputError(f"which: one index of {len(self.tables)} tables for each element of {x.shape} is needed")
        low, high, f = (np.zeros(x.shape, np.int64) for _ in range(3))
        for place in np.ndindex(*x.shape):
            table = self.tables[self.which[place]]
            start, stop = x.minimum[place] - table.low, x.maximum[place] - table.low + 1
            if start < 0 or stop > len(table.values):
                raise InputError(
                    f"table {self.which[place]} covers [{table.low}, {table.low + len(table.values) - 1}], "
                    f"element {place} reaches [{x.minimum[place]}, {x.maximum[place]}]"
                )
            reachable = table.values[start:stop]
            low[place], high[place], f[place] = reachable.min(), reachable.max(), table.f
        return Interval(low, high, f)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Look up in all tables laid end to end."""
        starts = np.cumsum([0, *(len(table.values) for table in self.tables)])[:-1]
        origin = starts - np.array([table.low for table in self.tables], dtype=np.int64)
        values: Codes = np.concatenate([table.values for table in self.tables])
        return np.asarray(values[codes[0] + origin[self.which]])
