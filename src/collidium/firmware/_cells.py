"""Lookup-table cells of a program, predicted bit by bit as Yosys maps it to six-input tables and carry chains."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collidium.firmware._cost import is_concatenation
from collidium.firmware._program import Op, Opcode, Program, ProgramTable, bits_of
from collidium.firmware._schedule import Schedule

Bit: TypeAlias = tuple[int, int]
"""Operation and place of the operation that makes a bit; in its stead None stands for a constant."""

Column: TypeAlias = NDArray[np.int64]
"""A function of bits, (2, ..., 2)."""

LUT_INPUTS = 6
_EVEN_CHANCE = 0.5


def program_cells(program: Program, plan: Schedule) -> list[int]:
    """Lookup-table cells that Yosys makes of each operation for UltraScale+ (its ``xcup`` family), predicted.

    A bit of a carry chain takes a cell where both operands have a bit that changes; a bit met with a constant, or with
    the same pair as the bit below (both signs continued), takes none. The cell has inputs to spare: a multiplexer in
    front of one operand goes into it; the other operand is needed as it is. Which one that is, Yosys decides by the
    number of its pieces, and else by chance. A table of up to five inputs goes into the cell as a multiplexer does. A
    sum of single bits has no chain, and takes a cell for each of its two bits. A choice between a value and 0 in front
    of a register takes no cell: it becomes the register's reset.

    Parameters
    ----------
    program : Program
        What is computed.
    plan : Schedule
        Stages; logic is never joined across a register.

    Returns
    -------
    list of int
        Cells of each operation; where chance decides, every other one counts.
    """
    netlist = _Netlist(program, plan)
    for number in range(len(program.ops)):
        netlist.add(number)
    return netlist.cells()


@dataclass
class _Netlist:
    """Bits of a program with what reads them."""

    program: Program
    plan: Schedule
    bits: list[list[Bit | None]] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)
    logic: dict[Bit, bool] = field(default_factory=dict)
    """Bits of a few-input function; whether it is a choice between a value and 0."""
    needed: defaultdict[Bit, float] = field(default_factory=lambda: defaultdict(float))
    """How surely a bit is needed as it is, rather than as a part of what reads it."""
    registered: set[Bit] = field(default_factory=set)
    readers: Counter[Bit] = field(default_factory=Counter)

    def add(self, number: int) -> None:
        """Append the bits of an operation."""
        op = self.program.ops[number]
        self.fixed.append(0)
        found: list[Bit | None]
        match op.code:
            case Opcode.CONST:
                found = [None] * op.width
            case Opcode.SLICE:
                found = [self.bit(op.args[0], op.data[0] + i) for i in range(op.width)]
            case Opcode.ADD:
                found = self._sum(number, op)
            case Opcode.MUX:
                found = self._choice(number, op)
            case Opcode.CLIP:
                found = self._limited(number, op)
            case Opcode.TABLE:
                found = self._looked_up(number, op)
            case _:
                found = [(number, i) for i in range(op.width)]
        self.bits.append(found)
        if self.plan.lifetimes[number] > self.plan.stages[number]:
            self.registered.update(bit for bit in found if bit is not None)

    def cells(self) -> list[int]:
        """Cells of each operation, with those of its logic that nothing takes in."""
        total = list(self.fixed)
        for bit, is_gate in self.logic.items():
            readers, needed = self.readers[bit], min(self.needed[bit], 1.0)
            is_apart = readers > 1 or (bit in self.registered and (readers > 0 or needed > 0 or not is_gate))
            total[bit[0]] += 1.0 if is_apart else needed
        sums = [0, *(int(value) for value in accumulate(total))]
        return [later - earlier for earlier, later in pairwise(sums)]

    def bit(self, wire: int, place: int) -> Bit | None:
        """A bit of a wire, continued by its sign; None for a constant."""
        known = self.bits[wire]
        if 0 <= place < len(known):
            return known[place]
        return known[-1] if place >= 0 and known and self.program.ops[wire].is_signed else None

    def _sum(self, number: int, op: Op) -> list[Bit | None]:
        (a, b), (s, t, sign) = op.args, op.data
        if is_concatenation(op, [self.program.ops[arg] for arg in op.args]):
            return [self.bit(a, i - s) or self.bit(b, i - t) for i in range(op.width)]
        if sign > 0 and s > 0:
            a, b, s, t = b, a, t, s
        passed = t if s == 0 and t < op.width else 0
        chances = (1.0, 0.0) if sign < 0 else self._chances(a, b, op.width, passed)
        found: list[Bit | None] = [self.bit(a, i) for i in range(passed)]
        pairs = set[tuple[Bit | None, Bit | None]]()
        if self.program.ops[a].width == self.program.ops[b].width == 1:
            self.fixed[number] += 1
        for i in range(passed, op.width):
            x, y = self.bit(a, i - s), self.bit(b, i - t)
            found.append((number, i))
            if (x, y) in pairs:
                continue
            pairs.add((x, y))
            if x is not None and y is not None:
                self.fixed[number] += 1
                for bit, chance in ((x, chances[0]), (y, chances[1])):
                    self.needed[bit] += chance
                    self.readers[bit] += chance < 1
            else:
                self._need((x, y))
        return found

    def _chances(self, a: int, b: int, width: int, passed: int) -> tuple[float, float]:
        """How likely each operand of an addition is the one that the carry chain needs: that of fewer pieces."""
        pieces = (self._pieces(a, width), self._pieces(b, width - passed))
        if pieces[0] == pieces[1]:
            return _EVEN_CHANCE, 1 - _EVEN_CHANCE
        return (1.0, 0.0) if pieces[0] < pieces[1] else (0.0, 1.0)

    def _pieces(self, wire: int, width: int) -> int:
        """Pieces of which a wire is put together when it is continued to a width."""
        op = self.program.ops[wire]
        missing = max(width - op.width, 0)
        return 1 + (missing if op.is_signed else min(missing, 1))

    def _choice(self, number: int, op: Op) -> list[Bit | None]:
        s, t, place = op.data
        condition = self.bit(op.args[0], place)
        found: list[Bit | None] = []
        for i in range(op.width):
            x, y = self.bit(op.args[1], i - s), self.bit(op.args[2], i - t)
            found.append(x if x == y else self._function((number, i), (condition, x, y), is_gate=None in (x, y)))
        return found

    def _limited(self, number: int, op: Op) -> list[Bit | None]:
        (arg,) = op.args
        source = self.program.ops[arg]
        beyond = max(source.width + op.data[0] - op.width, 0) + int(source.is_signed)
        self.fixed[number] += beyond >= LUT_INPUTS
        return [self._function((number, i), (self.bit(arg, i - op.data[0]),), is_gate=False) for i in range(op.width)]

    def _looked_up(self, number: int, op: Op) -> list[Bit | None]:
        """Output bits of a table; one that depends on a single bit, inverted or not, is that bit."""
        (arg,) = op.args
        found: list[Bit | None] = []
        for place, column in enumerate(_columns(self.program.tables[op.data[0]])):
            sources = [self.bit(arg, column.ndim - 1 - axis) for axis in _essential_axes(column)]
            if len(sources) < 2:
                found.append(sources[0] if sources else None)
                continue
            if len(sources) < LUT_INPUTS:
                self._function((number, place), sources, is_gate=False)
            else:
                self.fixed[number] += _column_cells(column)
            self._need(sources)
            found.append((number, place))
        return found

    def _function(self, bit: Bit, sources: Iterable[Bit | None], *, is_gate: bool) -> Bit:
        """A bit of logic of a few others."""
        self.logic[bit] = is_gate
        for source in sources:
            if source is not None:
                self.readers[source] += 1
        return bit

    def _need(self, bits: Iterable[Bit | None]) -> None:
        for bit in bits:
            if bit is not None:
                self.needed[bit] += 1


def _columns(table: ProgramTable) -> list[Column]:
    """Output bits of a table, the lowest first, as functions of the address bits, the highest first."""
    address = bits_of(table.low, table.low + len(table.values) - 1)
    width = bits_of(min(table.values), max(table.values))
    codes = np.arange(table.low, table.low + len(table.values)) & ((1 << address) - 1)
    content = np.zeros(1 << address, dtype=np.int64)
    content[codes] = table.values
    return [(content >> bit & 1).reshape((2,) * address) for bit in range(width)]


def _column_cells(column: Column) -> float:
    """Cells of one output bit.

    Wide ones are cut along their upper address bits until six are left, which dedicated multiplexers join again. Yosys
    finds about half (in the logarithm) of the parts that need no cell: so read off its results for tables of exp, 1/x,
    tanh, waves and noise.
    """
    most = float(1 << max(len(_essential_axes(column)) - LUT_INPUTS, 0))
    return math.sqrt(_cut(column) * most)


def _cut(column: Column) -> int:
    """Parts of at most six inputs that are no constant and no input as it is, cut along the first axes."""
    column = _essential(column)
    if column.ndim <= LUT_INPUTS:
        return int(column.ndim > 1)
    return _cut(column[0]) + _cut(column[1])


def _essential(column: Column) -> Column:
    """A function of bits without those that it does not depend on."""
    kept = _essential_axes(column)
    return column[tuple(slice(None) if axis in kept else 0 for axis in range(column.ndim))]


def _essential_axes(column: Column) -> list[int]:
    """Bits that a function depends on."""
    halves = ((column.take(0, axis), column.take(1, axis)) for axis in range(column.ndim))
    return [axis for axis, (low, high) in enumerate(halves) if not np.array_equal(low, high)]
