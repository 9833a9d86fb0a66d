"""What every node of the integer model can do, and the nodes that move or requantize codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.firmware._fixed import EXACT_BITS, Codes, Formats, Overflow, Rounding
from collidium.firmware._interval import Interval
from collidium.firmware._quantize import quantize


@dataclass(frozen=True, eq=False)
class Node(ABC):
    """A named operation on tensors of fixed-point codes.

    Attributes
    ----------
    name : str
        Unique in its model, a Verilog identifier.
    """

    name: str

    @property
    @abstractmethod
    def sources(self) -> tuple[str, ...]:
        """Names of the nodes that it reads."""

    @abstractmethod
    def infer(self, *inputs: Interval) -> Interval:
        """The exact interval of its output from those of its inputs (no batch axis)."""

    @abstractmethod
    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Compute (N, *shape) codes from the (N, ...) codes of its inputs."""


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Codes from outside, in ``formats``; who quantizes them is said in the interface."""

    formats: Formats

    @property
    def sources(self) -> tuple[str, ...]:
        return ()

    def infer(self, *inputs: Interval) -> Interval:
        """Everything that the formats hold."""
        return Interval.of_formats(self.formats)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Check that the codes given from outside are in range."""
        (given,) = codes
        outside = (given < self.formats.code_min) | (given > self.formats.code_max)
        if outside.any():
            place = tuple(int(i) for i in np.argwhere(outside)[0])
            raise InputError(
                f"input {self.name}: code {int(given[place])} at {place} is outside "
                f"[{self.formats.code_min[place[1:]]}, {self.formats.code_max[place[1:]]}]"
            )
        return given


@dataclass(frozen=True, eq=False)
class Constant(Node):
    """The same ``codes * 2**-f`` for every sample."""

    codes: Codes
    f: int

    def __init__(self, name: str, codes: ArrayLike, f: int) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "codes", np.asarray(codes, dtype=np.int64))
        object.__setattr__(self, "f", int(f))

    @property
    def sources(self) -> tuple[str, ...]:
        return ()

    def infer(self, *inputs: Interval) -> Interval:
        """A single value."""
        return Interval(self.codes, self.codes, self.f)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """A batch of one, which broadcasts."""
        return self.codes[None]


@dataclass(frozen=True, eq=False)
class Quantize(Node):
    """Round, then overflow, to ``formats`` (broadcast to the shape of ``x``); the output has ``f`` of the formats."""

    x: str
    formats: Formats
    rounding: Rounding
    overflow: Overflow

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x,)

    def infer(self, *inputs: Interval) -> Interval:
        """Both ends are quantized, except where a wrap can happen."""
        (x,) = inputs
        formats = self._formats(x)
        if self.overflow is not Overflow.WRAP:
            low, high = (quantize(end, x.f, formats, self.rounding, self.overflow) for end in (x.minimum, x.maximum))
            return Interval(low, high, formats.f)
        wide = Formats(np.ones_like(formats.f), EXACT_BITS - 1 - formats.f, formats.f)
        low, high = (quantize(end, x.f, wide, self.rounding, Overflow.SAT) for end in (x.minimum, x.maximum))
        fits = (low >= formats.code_min) & (high <= formats.code_max)
        return Interval(np.where(fits, low, formats.code_min), np.where(fits, high, formats.code_max), formats.f)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact requantization."""
        return quantize(codes[0], inputs[0].f, self._formats(inputs[0]), self.rounding, self.overflow)

    def _formats(self, x: Interval) -> Formats:
        if self.formats.shape == x.shape:
            return self.formats
        return Formats(*(np.broadcast_to(array, x.shape) for array in (self.formats.k, self.formats.i, self.formats.f)))


@dataclass(frozen=True, eq=False)
class Select(Node):
    """Elements of other nodes in another order: ``concat(x_1.flat, x_2.flat, ..., [0])[index]``.

    Gathers, transposes, broadcasts, concatenations, patches and padding are all of this form; -1 is the constant 0.
    """

    xs: tuple[str, ...]
    index: Codes

    def __init__(self, name: str, xs: str | Sequence[str], index: ArrayLike) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "xs", (xs,) if isinstance(xs, str) else tuple(xs))
        object.__setattr__(self, "index", np.asarray(index, dtype=np.int64))

    @property
    def sources(self) -> tuple[str, ...]:
        return self.xs

    def infer(self, *inputs: Interval) -> Interval:
        """Intervals of the chosen elements."""
        zero = Interval([0], [0], [0])
        pool = Interval.concatenate([*inputs, zero])
        if self.index.size and not -1 <= self.index.min() <= self.index.max() < pool.shape[0] - 1:
            raise InputError(f"indices must be in [-1, {pool.shape[0] - 2}]")
        return pool[self.index]

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Gather."""
        num = max(part.shape[0] for part in codes)
        flat = [np.broadcast_to(part, (num, *part.shape[1:])).reshape(num, -1) for part in codes]
        return np.concatenate([*flat, np.zeros((num, 1), np.int64)], axis=1)[:, self.index]


@dataclass(frozen=True, eq=False)
class Shift(Node):
    """Times ``2**by`` (one integer or one for each element): the codes stay, the fractional bits change."""

    x: str
    by: Codes

    def __init__(self, name: str, x: str, by: ArrayLike) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "by", np.asarray(by, dtype=np.int64))

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x,)

    def infer(self, *inputs: Interval) -> Interval:
        """Same codes."""
        (x,) = inputs
        return Interval(x.minimum, x.maximum, x.f - self.by)

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Nothing to do."""
        return codes[0]
