"""A model of the delay of an operation on a part with six-input lookup tables."""

from __future__ import annotations

from collections.abc import Sequence

from collidium.firmware._program import Op, Opcode

LEVEL_NS = 0.42
"""One lookup table and the net behind it, UltraScale+ of speed grade -2."""
CARRY_NS = 0.012
"""One more bit of a carry chain."""
OVERHEAD_NS = 0.35
"""Clock to output, set-up and uncertainty of a register-to-register path."""


def is_concatenation(op: Op, args: Sequence[Op]) -> bool:
    """Whether the operands of a sum share no bit, so that it is wiring."""
    if op.code is not Opcode.ADD or op.data[2] < 0:
        return False
    s, t, _ = op.data
    lower, upper, shift = (args[0], args[1], t) if s == 0 else (args[1], args[0], s)
    return lower.low >= 0 and lower.high.bit_length() <= shift and upper.width > 0


def adder_bits(op: Op, args: Sequence[Op]) -> int:
    """Bits that a sum computes; lower ones pass through."""
    if is_concatenation(op, args):
        return 0
    s, t, sign = op.data
    passed = t if t > 0 else (s if sign > 0 else 0)
    return max(op.width - passed, 1)


def delay_ns(op: Op, args: Sequence[Op]) -> float:
    """Delay of an operation in ns: a model, not a measurement."""
    match op.code:
        case Opcode.ADD:
            bits = adder_bits(op, args)
            return LEVEL_NS + CARRY_NS * bits if bits else 0.0
        case Opcode.MUX:
            return LEVEL_NS
        case Opcode.CLIP:
            return LEVEL_NS * 2
        case Opcode.TABLE:
            return LEVEL_NS * max(args[0].width - 5, 1)
        case _:
            return 0.0
