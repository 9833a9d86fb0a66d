"""How a tensor is quantized."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar, get_args

from collidium.artifact import InputError, unknown
from collidium.firmware import Overflow, Rounding

IntegerBits = Literal["tracked", "trained", "fixed"]
WIDTH_LIMIT = 24.0
_Mode = TypeVar("_Mode", bound=StrEnum)


def _member(modes: type[_Mode], name: str, value: str) -> _Mode:
    """A mode by its name, as a configuration read from a file has it."""
    try:
        return modes(value)
    except ValueError:
        raise unknown(name, value, [str(mode) for mode in modes]) from None


@dataclass(frozen=True, kw_only=True)
class QuantizerConfig:
    """How a tensor is quantized.

    Attributes
    ----------
    overflow : Overflow
        What happens to values out of range in the deployed network.
    rounding : Rounding
        What happens to bits below the step.
    i, f : float
        Integer bits without the sign, and fractional bits, at the start.
    is_signed : bool
        Whether there is a sign bit at the start; calibration drops it where integer bits are tracked and no value is
        negative.
    integer_bits : {"tracked", "trained", "fixed"}
        ``tracked``: set from the data, so that nothing overflows in training; ``trained``: by the gradient through the
        limits of a saturating quantizer; ``fixed``: as given.
    is_trained : bool
        Whether ``f`` is trained.
    shared : tuple of int or None
        Axes (without the batch axis) along which all elements have the same width; None: as the layer has it, which is
        a width for each weight and one for each feature of the data.
    decay : float
        Bits by which tracked integer bits shrink in a step until the data stops them.
    f_min, f_max : float
        Limits of ``f``.

    Raises
    ------
    InputError
        If trained integer bits are wanted without saturation, or a number is out of range.
    """

    overflow: Overflow = Overflow.WRAP
    rounding: Rounding = Rounding.RND
    i: float = 2.0
    f: float = 6.0
    is_signed: bool = True
    integer_bits: IntegerBits = "tracked"
    is_trained: bool = True
    shared: tuple[int, ...] | None = None
    decay: float = 0.01
    f_min: float = -WIDTH_LIMIT
    f_max: float = WIDTH_LIMIT

    def __post_init__(self) -> None:
        object.__setattr__(self, "overflow", _member(Overflow, "overflow", self.overflow))
        object.__setattr__(self, "rounding", _member(Rounding, "rounding", self.rounding))
        if self.integer_bits not in get_args(IntegerBits):
            raise unknown("integer_bits", self.integer_bits, get_args(IntegerBits))
        if self.integer_bits == "trained" and self.overflow is Overflow.WRAP:
            raise InputError("integer_bits='trained': gradients need overflow SAT or SAT_SYM; WRAP has tracked ones")
        if not -WIDTH_LIMIT <= self.f_min <= self.f <= self.f_max <= WIDTH_LIMIT or abs(self.i) > WIDTH_LIMIT:
            raise InputError(
                f"widths i={self.i}, f={self.f}, f_min={self.f_min}, f_max={self.f_max}: at most "
                f"{WIDTH_LIMIT:.0f} in magnitude and f_min <= f <= f_max are needed"
            )
        if self.decay < 0:
            raise InputError(f"decay is {self.decay}, a number of bits >= 0 is needed")


DATA = QuantizerConfig()
WEIGHT = QuantizerConfig()
INPUT = QuantizerConfig(overflow=Overflow.SAT)
BIT = QuantizerConfig(i=1, f=0, is_signed=False, integer_bits="fixed", is_trained=False)
