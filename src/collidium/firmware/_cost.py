"""What an operation costs on a part with six-input lookup tables: cells predicted, and a model of its delay."""

from __future__ import annotations

from collections.abc import Sequence

from collidium.firmware._program import Op, Opcode, ProgramTable, bits_of

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
        case Opcode.MULTIPLY:
            smaller = min(arg.width for arg in args)
            return (LEVEL_NS + CARRY_NS * op.width) * max((smaller - 1).bit_length(), 1)
        case Opcode.MUX:
            return LEVEL_NS
        case Opcode.CLIP:
            return LEVEL_NS * 2
        case Opcode.TABLE:
            return LEVEL_NS * max(args[0].width - 5, 1)
        case _:
            return 0.0


def lut_cells(op: Op, args: Sequence[Op], table: ProgramTable | None = None) -> int:
    """Lookup-table cells that Yosys makes of an operation for UltraScale+ (its ``xcup`` family), predicted.

    A bit of a carry chain takes a cell where both operands have a bit that changes; a bit met with a constant, or with
    the same pair as the bit below (both signs continued), takes none.

    Parameters
    ----------
    op : Op
        The operation.
    args : sequence of Op
        The operations that it reads.
    table : ProgramTable, optional
        What it looks up in.

    Returns
    -------
    int
        Cells.
    """
    match op.code:
        case Opcode.ADD:
            return 0 if is_concatenation(op, args) else _adder_cells(op, args)
        case Opcode.MULTIPLY:
            return _product_cells(args)
        case Opcode.MUX:
            return _mux_cells(op, args)
        case Opcode.CLIP:
            beyond = max(args[0].width - op.width, 0)
            return op.width + 2 * -(-beyond // 5)
        case Opcode.TABLE:
            assert table is not None
            return table_cells(table)
        case _:
            return 0


def _adder_cells(op: Op, args: Sequence[Op]) -> int:
    s, t, _ = op.data
    pairs = {(_source(args[0], i - s), _source(args[1], i - t)) for i in range(op.width)}
    return sum(None not in pair for pair in pairs)


def _source(op: Op, index: int) -> int | None:
    """Which bit of a wire stands at an index; None for a constant bit."""
    if op.code is Opcode.CONST or index < 0 or (index >= op.width and not op.is_signed):
        return None
    return min(index, op.width - 1)


def _mux_cells(op: Op, args: Sequence[Op]) -> int:
    s, t, top = op.data
    pairs = {(_source(args[1], i - s), _source(args[2], i - t)) for i in range(op.width)}
    return sum(pair != (None, None) and not (args[0] is args[2] and pair == (None, top)) for pair in pairs)


def _product_cells(args: Sequence[Op]) -> int:
    a, b = sorted(arg.width for arg in args)
    return a * b + (a - 1) * b if a > 1 else b


def table_cells(table: ProgramTable) -> int:
    """Cells of a table: one for each output bit of up to six inputs that matter, twice as many for each further one.

    Examples
    --------
    >>> table_cells(ProgramTable(0, (0, 1, 1, 0)))
    1
    """
    address = bits_of(table.low, table.low + len(table.values) - 1)
    width = bits_of(min(table.values), max(table.values))
    total = 0
    for bit in range(width):
        column = {code & ((1 << address) - 1): value >> bit & 1 for code, value in enumerate(table.values, table.low)}
        support = sum(
            any(column.get(code ^ (1 << n), value) != value for code, value in column.items()) for n in range(address)
        )
        total += 1 << max(support - 6, 0) if support > 1 else 0
    return total
