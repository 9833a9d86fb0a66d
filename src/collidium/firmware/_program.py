"""The program: scalar integer operations in single assignment, and their interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from collidium.firmware._fixed import Codes, Formats


class Opcode(StrEnum):
    """What an operation computes from the codes of wires a, b, c."""

    INPUT = "INPUT"  # data = (port, element)
    CONST = "CONST"  # data = (value,)
    ADD = "ADD"  # data = (s, t, sign): (a << s) + sign * (b << t)
    SLICE = "SLICE"  # data = (drop, k, width): low bits of a >> drop, read with or without sign
    MUX = "MUX"  # data = (s, t, bit): b << s if that bit of a is set, else c << t
    CLIP = "CLIP"  # data = (shift, low, high): a << shift, limited
    TABLE = "TABLE"  # data = (table,): values[a - low]


@dataclass(frozen=True, slots=True)
class Op:
    """One operation; wire n is the result of operation n.

    Attributes
    ----------
    code : Opcode
        What it computes.
    args : tuple of int
        Wires that it reads, all with smaller numbers.
    data : tuple of int
        Its constants.
    low, high : int
        Exact range of its result.
    """

    code: Opcode
    args: tuple[int, ...]
    data: tuple[int, ...]
    low: int
    high: int

    @property
    def is_signed(self) -> bool:
        """Whether its wire has a sign bit."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits of its wire."""
        return bits_of(self.low, self.high)


def bits_of(low: int, high: int) -> int:
    """Bits that hold every integer of a range, with a sign bit if it has negative ones."""
    if low < 0:
        return 1 + max((-low - 1).bit_length(), max(high, 0).bit_length())
    return high.bit_length()


@dataclass(frozen=True, slots=True)
class Value:
    """A wire read as ``sign * code * 2**exp``: scaling costs nothing, a sign is settled where it is used."""

    wire: int
    exp: int
    sign: int


@dataclass(frozen=True)
class Port:
    """Elements of a tensor that enter or leave, packed from bit 0 in the order of the flattened tensor.

    Attributes
    ----------
    name : str
        Of the model's node.
    formats : Formats
        Format of each element; elements without bits take no room.
    is_weight : bool
        Loaded at run time and constant while data flow.
    """

    name: str
    formats: Formats
    is_weight: bool = False

    @cached_property
    def offsets(self) -> Codes:
        """First bit of each element within the port."""
        widths = self.formats.width.reshape(-1)
        return np.asarray(np.concatenate([[0], np.cumsum(widths)])[:-1], dtype=np.int64)

    @property
    def width(self) -> int:
        """Bits in all."""
        return int(self.formats.width.sum())


@dataclass(frozen=True)
class ProgramTable:
    """A function of a wire with codes from ``low`` on."""

    low: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A list of operations with the values that matter outside.

    Attributes
    ----------
    ops : tuple of Op
        In order of execution.
    owners : tuple of str
        The model's node for which each operation was made first.
    tables : tuple of ProgramTable
        Distinct tables.
    ports : tuple of Port
        Inputs, then weights.
    nodes : dict of str to tuple of (Value or None)
        For each node of the model its flattened elements; None where no wire has the element.
    outputs : tuple of str
        The nodes that leave.
    """

    ops: tuple[Op, ...]
    owners: tuple[str, ...]
    tables: tuple[ProgramTable, ...]
    ports: tuple[Port, ...]
    nodes: Mapping[str, tuple[Value | None, ...]]
    outputs: tuple[str, ...]

    def run(self, inputs: Mapping[str, Codes]) -> list[Codes]:
        """Interpret in int64.

        Parameters
        ----------
        inputs : dict of str to ndarray of int64, (N, *shape)
            Codes of each port.

        Returns
        -------
        list of ndarray of int64, (N,)
            Codes of each wire.
        """
        flat = [np.asarray(inputs[port.name]).reshape(len(inputs[port.name]), -1) for port in self.ports]
        num = max((len(codes) for codes in flat), default=1)
        wires: list[Codes] = []
        for op in self.ops:
            result = np.broadcast_to(self._compute(op, flat, wires), (num,))
            assert result.size == 0 or (op.low <= result.min() and result.max() <= op.high), op
            wires.append(result)
        return wires

    def _compute(self, op: Op, inputs: Sequence[Codes], wires: Sequence[Codes]) -> Codes:
        args = [wires[arg] for arg in op.args]
        match op.code:
            case Opcode.INPUT:
                return inputs[op.data[0]][:, op.data[1]]
            case Opcode.CONST:
                return np.array([op.data[0]], dtype=np.int64)
            case Opcode.ADD:
                s, t, sign = op.data
                return (args[0] << s) + (args[1] << t) * sign
            case Opcode.SLICE:
                drop, k, width = op.data
                return wrap(args[0] >> drop, k, width)
            case Opcode.MUX:
                chosen = (args[0] >> op.data[2]) & 1
                return np.asarray(np.where(chosen == 1, args[1] << op.data[0], args[2] << op.data[1]))
            case Opcode.CLIP:
                shift, low, high = op.data
                return np.asarray(np.clip(args[0] << shift, low, high))
            case Opcode.TABLE:
                table = self.tables[op.data[0]]
                return np.asarray(np.array(table.values, dtype=np.int64)[args[0] - table.low])

    def codes(self, value: Value, wires: Sequence[Codes], f: int) -> Codes:
        """Codes of a value at the fractional bits ``f``."""
        return np.asarray(value.sign * (wires[value.wire] << (value.exp + f)), dtype=np.int64)


def wrap(code: Codes, k: int, width: int) -> Codes:
    """The low bits of a code, read with (k = 1) or without (k = 0) sign."""
    half = k << (width - 1) if width else 0
    return np.asarray(((code + half) & ((1 << width) - 1)) - half, dtype=np.int64)
