"""Making a program: exact ranges, common subexpressions, constants folded on the way."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Sequence

from collidium.firmware._cost import delay_ns
from collidium.firmware._program import Op, Opcode, ProgramTable, Value, bits_of


class Builder:
    """Collects operations; equal ones are made once.

    Attributes
    ----------
    ops : list of Op
        So far.
    owner : str
        The node of the model that is being lowered.
    owners : list of str
        Owner of each operation.
    ready : list of float, ns
        When each wire settles after the inputs, were there no registers.
    tables : list of ProgramTable
        Distinct tables.
    """

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.owner = ""
        self.owners: list[str] = []
        self.ready: list[float] = []
        self.tables: list[ProgramTable] = []
        self._known: dict[tuple[Opcode, tuple[int, ...], tuple[int, ...]], int] = {}
        self._known_tables: dict[ProgramTable, int] = {}

    def emit(self, code: Opcode, args: tuple[int, ...], data: tuple[int, ...], low: int, high: int) -> int:
        """Wire of an operation, made if it is new; a constant where its range is one value."""
        if low == high and code not in (Opcode.CONST, Opcode.INPUT):
            return self.emit(Opcode.CONST, (), (low,), low, low)
        key = (code, args, data)
        if key not in self._known:
            op = Op(code, args, data, low, high)
            self._known[key] = len(self.ops)
            start = max((self.ready[arg] for arg in args), default=0.0)
            self.ready.append(start + delay_ns(op, [self.ops[arg] for arg in args]))
            self.ops.append(op)
            self.owners.append(self.owner)
        return self._known[key]

    def op(self, value: Value) -> Op:
        """The operation behind a value."""
        return self.ops[value.wire]

    def constant(self, value: int, exp: int = 0) -> Value:
        """A constant, with its powers of two moved to the exponent."""
        zeros = (value & -value).bit_length() - 1 if value else 0
        wire = self.emit(Opcode.CONST, (), (value >> zeros,), value >> zeros, value >> zeros)
        return Value(wire, exp + zeros if value else 0, 1)

    def as_constant(self, value: Value) -> int | None:
        """The code of a constant (to be scaled by its exponent), None for anything else."""
        op = self.op(value)
        return value.sign * op.data[0] if op.code is Opcode.CONST else None

    def is_zero(self, value: Value) -> bool:
        """Whether it is always 0."""
        op = self.op(value)
        return op.low == 0 == op.high

    def tightened(self, value: Value, low: int, high: int, f: int) -> Value:
        """The same value with its wire's range cut to what is known of its codes at the fractional bits ``f``."""
        op, shift = self.op(value), value.exp + f
        ends = sorted((value.sign * low, value.sign * high))
        ends = [max(-rescaled(-ends[0], -shift), op.low), min(rescaled(ends[1], -shift), op.high)]
        if op.code in (Opcode.CONST, Opcode.INPUT):
            return value
        if ends[0] == ends[1]:
            return self.constant(value.sign * ends[0], value.exp)
        self.ops[value.wire] = dataclasses.replace(op, low=ends[0], high=ends[1])
        return value

    def add(self, x: Value, y: Value) -> Value:
        """X + y."""
        if self.is_zero(x) or self.is_zero(y):
            return y if self.is_zero(x) else x
        if self.as_constant(x) is not None:
            x, y = y, x
        constant = self.as_constant(y)
        if constant is not None:
            x, before = self._without_constant(x)
            exp = min(y.exp, before.exp)
            first = self.as_constant(before) or 0
            y = self.constant((constant << (y.exp - exp)) + (first << (before.exp - exp)), exp)
            if self.is_zero(y) or self.is_zero(x):
                return x if self.is_zero(y) else y
        if x.wire == y.wire and (same := self._merged(x, y)) is not None:
            return same
        if x.sign == y.sign:
            first_, second = sorted((x, y), key=lambda value: value.wire)
            return self._sum(first_, second, 1, x.sign)
        plus, minus = (x, y) if x.sign > 0 else (y, x)
        exp = min(x.exp, y.exp)
        reverse = (Opcode.ADD, (minus.wire, plus.wire), (minus.exp - exp, plus.exp - exp, -1))
        if reverse in self._known:
            return Value(self._known[reverse], exp, -1)
        return self._sum(plus, minus, -1, 1)

    def _sum(self, x: Value, y: Value, sign: int, result: int) -> Value:
        exp = min(x.exp, y.exp)
        s, t = x.exp - exp, y.exp - exp
        a, b = self.op(x), self.op(y)
        ends = sorted((sign * (b.low << t), sign * (b.high << t)))
        wire = self.emit(Opcode.ADD, (x.wire, y.wire), (s, t, sign), (a.low << s) + ends[0], (a.high << s) + ends[1])
        return self._trimmed(Value(wire, exp, result))

    def _trimmed(self, value: Value) -> Value:
        """Constants that came out of folding keep their odd part only."""
        constant = self.as_constant(value)
        return value if constant is None else self.constant(constant, value.exp)

    def _merged(self, x: Value, y: Value) -> Value | None:
        exp = min(x.exp, y.exp)
        factor = (x.sign << (x.exp - exp)) + (y.sign << (y.exp - exp))
        if factor == 0:
            return self.constant(0)
        size = abs(factor)
        if size & (size - 1):
            return None
        return Value(x.wire, exp + size.bit_length() - 1, 1 if factor > 0 else -1)

    def _without_constant(self, x: Value) -> tuple[Value, Value]:
        """Split a sum into its changing and its constant part."""
        op = self.op(x)
        if op.code is Opcode.ADD:
            s, t, sign = op.data
            parts = (
                Value(op.args[0], x.exp + s, x.sign),
                Value(op.args[1], x.exp + t, x.sign * sign),
            )
            for part, other in (parts, parts[::-1]):
                constant = self.as_constant(part)
                if constant is not None:
                    return other, Value(part.wire, part.exp, part.sign)
        return x, self.constant(0)

    def has_constant(self, x: Value) -> bool:
        """Whether the last addition behind a value is of a constant."""
        return not self.is_zero(self._without_constant(x)[1])

    def total(self, values: Iterable[Value]) -> Value:
        """Sum of many values, those that settle first joined first."""
        heap = [(self.ready[value.wire], self.op(value).width, n, value) for n, value in enumerate(values)]
        heap = [item for item in heap if not self.is_zero(item[3])]
        if not heap:
            return self.constant(0)
        heapq.heapify(heap)
        count = len(heap) + max(item[2] for item in heap)
        while len(heap) > 1:
            x, y = heapq.heappop(heap)[3], heapq.heappop(heap)[3]
            value = self.add(x, y)
            count += 1
            heapq.heappush(heap, (self.ready[value.wire], self.op(value).width, count, value))
        return heap[0][3]

    def positive(self, x: Value) -> Value:
        """The same value with sign +1, by an adder where there is no cheaper way."""
        if x.sign > 0:
            return x
        constant = self.as_constant(x)
        if constant is not None:
            return self.constant(constant, x.exp)
        op = self.op(x)
        if op.code is Opcode.ADD and op.data[2] < 0:
            s, t, _ = op.data
            return self._sum(Value(op.args[1], x.exp + t, 1), Value(op.args[0], x.exp + s, 1), -1, 1)
        base, offset = self._without_constant(x)
        if self.is_zero(offset):
            zero = Value(self.emit(Opcode.CONST, (), (0,), 0, 0), x.exp, 1)
            return self._sum(zero, Value(x.wire, x.exp, 1), -1, 1)
        plus = self.constant(self.as_constant(offset) or 0, offset.exp)
        return self._sum(plus, Value(base.wire, base.exp, 1), -1, 1) if base.sign < 0 else self.add(base, plus)

    def multiply(self, x: Value, y: Value) -> Value:
        """X * y, by one addition for each bit of the shorter factor."""
        for one, other in ((x, y), (y, x)):
            constant = self.as_constant(one)
            if constant is not None:
                return self.scale(other, constant, one.exp)
        a, b = sorted((x, y), key=lambda value: (self.op(value).width, value.wire))
        short, long = self.op(a), self.op(b)
        rows = [Value(self._gated(a.wire, place, b.wire), place, 1) for place in range(short.width)]
        if short.is_signed:
            rows[-1] = dataclasses.replace(rows[-1], sign=-1)
        result = rows[0]
        for row in rows[1:]:
            result = self.add(result, row)
        corners = [p * q for p in (short.low, short.high) for q in (long.low, long.high)]
        result = self.tightened(result, min(corners), max(corners), 0)
        return Value(result.wire, result.exp + x.exp + y.exp, result.sign * x.sign * y.sign)

    def _gated(self, switch: int, place: int, wire: int) -> int:
        """A wire where a bit of another one is set, else 0."""
        op = self.ops[wire]
        zero = self.emit(Opcode.CONST, (), (0,), 0, 0)
        return self.emit(Opcode.MUX, (switch, wire, zero), (0, 0, place), min(op.low, 0), max(op.high, 0))

    def scale(self, x: Value, factor: int, exp: int = 0) -> Value:
        """Times ``factor * 2**exp``, by shifts and adders."""
        terms = [Value(x.wire, x.exp + exp + shift, x.sign * digit) for shift, digit in signed_digits(factor)]
        return self.total(terms)

    def slice(self, x: Value, drop: int, k: int, width: int) -> Value:
        """The low ``width`` bits of the code without its ``drop`` lowest, for a value of sign +1."""
        assert x.sign > 0
        if width <= 0:
            return self.constant(0)
        op = self.op(x)
        low, high = op.low >> drop, op.high >> drop
        if op.code is Opcode.CONST:
            half = k << (width - 1)
            return self.constant(((low + half) & ((1 << width) - 1)) - half, x.exp + drop)
        limits = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if k else (0, (1 << width) - 1)
        fits = limits[0] <= low and high <= limits[1]
        if fits and drop == 0:
            return x
        if fits:
            k, width = int(low < 0), bits_of(low, high)
        else:
            low, high = limits
        arg = x.wire
        if op.code is Opcode.SLICE and drop + width <= op.data[2]:
            arg, drop = op.args[0], drop + op.data[0]
            exp = x.exp + drop - op.data[0]
        else:
            exp = x.exp + drop
        return self._trimmed(Value(self.emit(Opcode.SLICE, (arg,), (drop, k, width), low, high), exp, 1))

    def mux(self, condition: Value, x: Value, y: Value, limits: tuple[int, int, int] | None = None) -> Value:
        """X where the top bit of the condition's wire is set, else y.

        ``limits`` are a known (low, high) of the result at the exponent given third, where it is tighter than the hull.
        """
        assert condition.sign > 0
        if x == y:
            return x
        if self.is_zero(x) or self.is_zero(y):
            live = y if self.is_zero(x) else x
            zero = Value((x if self.is_zero(x) else y).wire, live.exp, live.sign)
            x, y = (zero, y) if self.is_zero(x) else (x, zero)
        if x.sign != y.sign:
            x, y = self.positive(x), self.positive(y)
        exp = min(x.exp, y.exp)
        s, t = x.exp - exp, y.exp - exp
        a, b = self.op(x), self.op(y)
        low, high = min(a.low << s, b.low << t), max(a.high << s, b.high << t)
        if limits is not None:
            low, high = -rescaled(-limits[0], limits[2] - exp), rescaled(limits[1], limits[2] - exp)
        top = self.op(condition).width - 1
        wire = self.emit(Opcode.MUX, (condition.wire, x.wire, y.wire), (s, t, top), low, high)
        return self._trimmed(Value(wire, exp, x.sign))

    def relu(self, x: Value) -> Value:
        """max(x, 0)."""
        x = self.positive(x)
        op = self.op(x)
        if op.low >= 0 or op.high <= 0:
            return x if op.low >= 0 else self.constant(0)
        return self.mux(x, self.constant(0), x, (0, op.high, x.exp))

    def relu_argument(self, x: Value) -> Value | None:
        """What ``x`` is the relu of, if it is one."""
        op = self.op(x)
        if (
            op.code is Opcode.MUX
            and op.args[0] == op.args[2]
            and op.data[:2] == (0, 0)
            and self.ops[op.args[1]].high == 0
        ):
            return Value(op.args[0], x.exp, x.sign)
        return None

    def maximum(self, x: Value, y: Value) -> Value:
        """max(x, y)."""
        x, y = self.positive(x), self.positive(y)
        difference = self.positive(self.add(x, Value(y.wire, y.exp, -1)))
        d = self.op(difference)
        if d.low >= 0 or d.high <= 0:
            return x if d.low >= 0 else y
        exp = min(x.exp, y.exp)
        a, b = self.op(x), self.op(y)
        s, t = x.exp - exp, y.exp - exp
        limits = (max(a.low << s, b.low << t), max(a.high << s, b.high << t), exp)
        return self.mux(difference, y, x, limits)

    def clip(self, x: Value, exp: int, low: int, high: int) -> Value:
        """Limit to codes ``low`` to ``high`` at an exponent not above that of ``x``."""
        x = self.positive(x)
        shift = x.exp - exp
        op = self.op(x)
        inside = self.relu_argument(x)
        if inside is not None and high >= 0:
            x, low, op = inside, max(low, 0), self.op(inside)
        a, b = op.low << shift, op.high << shift
        if low <= a and b <= high:
            return x
        a, b = min(max(a, low), high), min(max(b, low), high)
        return self._trimmed(Value(self.emit(Opcode.CLIP, (x.wire,), (shift, low, high), a, b), exp, 1))

    def table(self, x: Value, values: Sequence[int], exp: int) -> Value:
        """A function of the wire of ``x``: ``values[code - low] * 2**exp`` for each code in the wire's range."""
        op = self.op(x)
        assert len(values) == op.high - op.low + 1
        every = 0
        for value in values:
            every |= abs(value)
        zeros = (every & -every).bit_length() - 1 if every else 0
        sign = -1 if next((value for value in values if value), 1) < 0 else 1
        norm = tuple(sign * value >> zeros for value in values)
        if len(set(norm)) == 1:
            return self.constant(norm[0] * sign, exp + zeros)
        for slope in (1, -1):
            if all(value == slope * code for code, value in enumerate(norm, op.low)):
                return Value(x.wire, exp + zeros, sign * slope)
        table = ProgramTable(op.low, norm)
        number = self._known_tables.setdefault(table, len(self.tables))
        if number == len(self.tables):
            self.tables.append(table)
        wire = self.emit(Opcode.TABLE, (x.wire,), (number,), min(norm), max(norm))
        return Value(wire, exp + zeros, sign)


def rescaled(code: int, shift: int) -> int:
    """A code times 2**shift, rounded down."""
    return code << shift if shift >= 0 else code >> -shift


def signed_digits(number: int) -> list[tuple[int, int]]:
    """Canonical signed digits of an integer as (shift, +1 or -1), lowest first.

    Examples
    --------
    >>> signed_digits(7)
    [(0, -1), (3, 1)]
    """
    digits, shift = [], 0
    while number:
        if number & 1:
            digit = 2 - (number & 3)
            digits.append((shift, digit))
            number -= digit
        number >>= 1
        shift += 1
    return digits
