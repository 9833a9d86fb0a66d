"""Verilog-2001 of a scheduled program: one module, tables as case statements, no signed arithmetic to misread."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from collidium.firmware._bits import bits, literal
from collidium.firmware._layout import Layout
from collidium.firmware._program import Op, Opcode, Program, ProgramTable, bits_of
from collidium.firmware._schedule import Schedule, is_static


class Emitter:
    """Text of the modules of a program.

    Parameters
    ----------
    name : str
        Of the top module.
    program : Program
        What is computed.
    plan : Schedule
        When.
    layout : Layout
        Where elements lie in the packed ports.
    """

    def __init__(self, name: str, program: Program, plan: Schedule, layout: Layout) -> None:
        self.name = name
        self.program = program
        self.plan = plan
        self.layout = layout

    def wire(self, number: int) -> str:
        """Name of a wire in the stage that computes it."""
        return f"{self.program.owners[number]}_n{number}"

    def at(self, number: int, stage: int) -> str:
        """Name of a wire as it is seen in a stage."""
        own = self.plan.stages[number]
        static = is_static(self.program, self.program.ops[number])
        return self.wire(number) if static or stage == own else f"{self.wire(number)}_s{stage}"

    def read(self, number: int, stage: int, start: int, count: int) -> str:
        """``count`` bits of a wire from bit ``start``, continued by its sign."""
        op = self.program.ops[number]
        if op.code is Opcode.CONST:
            return literal(op.data[0] >> start, count)
        return bits(self.at(number, stage), op.width, start, count, is_signed=op.is_signed)

    def module(self) -> str:
        """The top module."""
        body = [line for number in range(len(self.program.ops)) for line in self._declaration(number)]
        registers = [line for number in range(len(self.program.ops)) for line in self._registers(number)]
        lines = [
            "`default_nettype none",
            "",
            f"module {self.name} (",
            ",\n".join(f"  {port}" for port in self.layout.verilog_ports()),
            ");",
            "",
            *self._valid(),
            *self._weights(),
            *body,
            "",
            *registers,
            "",
            f"  assign out_data = {self._outputs()};",
            "endmodule",
            "",
            "`default_nettype wire",
        ]
        return "\n".join(lines) + "\n"

    def tables(self) -> str:
        """One module for each distinct table."""
        parts = [
            "`default_nettype none\n",
            *map(self._table, range(len(self.program.tables))),
            "`default_nettype wire\n",
        ]
        return "\n".join(parts)

    def table_name(self, number: int) -> str:
        """Module of a table."""
        return f"{self.name}_table{number}"

    def _table(self, number: int) -> str:
        table = self.program.tables[number]
        address, width, _ = table_widths(table)
        entries = [
            f"      {literal(code, address)}: y = {literal(value, width)};"
            for code, value in enumerate(table.values, table.low)
        ]
        full = len(table.values) == 1 << address
        default = [] if full else [f"      default: y = {width}'b{'x' * width};"]
        return "\n".join(
            [
                f"module {self.table_name(number)} (input wire [{address - 1}:0] x, output reg [{width - 1}:0] y);",
                "  always @* begin",
                "    case (x)",
                *entries,
                *default,
                "    endcase",
                "  end",
                "endmodule",
                "",
            ]
        )

    def _valid(self) -> list[str]:
        n = self.plan.num_stages
        shifted = "in_valid" if n == 1 else f"{{valid[{n - 2}:0], in_valid}}"
        return [
            f"  reg [{n - 1}:0] valid;",
            f"  always @(posedge clk) valid <= rst ? {n}'d0 : {shifted};",
            f"  assign out_valid = valid[{n - 1}];",
            "",
        ]

    def _weights(self) -> Iterator[str]:
        for address, slot in enumerate(self.layout.weights):
            if slot.width == 0:
                continue
            register = f"{slot.port}_r{slot.element}"
            size = self.layout.address_width
            yield f"  reg [{slot.width - 1}:0] {register};"
            yield f"  initial {register} = {literal(slot.initial, slot.width)};"
            yield (
                f"  always @(posedge clk) if (weight_write && weight_address == {literal(address, size)}) "
                f"{register} <= weight_data[{slot.width - 1}:0];"
            )

    def _declaration(self, number: int) -> Iterator[str]:
        op = self.program.ops[number]
        if op.code is Opcode.CONST:
            return
        name = self.wire(number)
        if op.code is Opcode.TABLE:
            table = op.data[0]
            address = table_widths(self.program.tables[table])[0]
            argument = self.read(op.args[0], self.plan.stages[number], 0, address)
            yield f"  wire [{table_widths(self.program.tables[table])[1] - 1}:0] {name};"
            yield f"  {self.table_name(table)} {name}_table (.x({argument}), .y({name}));"
            return
        yield f"  wire [{op.width - 1}:0] {name} = {self._expression(op, number)};"

    def _registers(self, number: int) -> Iterator[str]:
        op = self.program.ops[number]
        start, end = self.plan.stages[number], self.plan.lifetimes[number]
        if is_static(self.program, op) or start == end:
            return
        names = [self.at(number, stage) for stage in range(start, end + 1)]
        yield f"  reg [{op.width - 1}:0] {', '.join(names[1:])};"
        moves = " ".join(f"{later} <= {earlier};" for earlier, later in pairwise(names))
        yield f"  always @(posedge clk) begin {moves} end"

    def _outputs(self) -> str:
        parts = []
        for slot in self.layout.outputs:
            value = self.program.nodes[slot.port][slot.element]
            assert value is not None
            assert value.sign > 0
            if slot.width:
                is_zero = self.program.ops[value.wire].high == 0 == self.program.ops[value.wire].low
                shift = slot.width if is_zero else value.exp + slot.f
                kept = slot.width - min(shift, slot.width)
                word = [self.read(value.wire, self.plan.num_stages, 0, kept)] if kept else []
                parts.append(joined([*word, *([literal(0, slot.width - kept)] if kept < slot.width else [])]))
        return "{" + ", ".join(reversed(parts)) + "}" if parts else "1'b0"

    def _expression(self, op: Op, number: int) -> str:
        stage = self.plan.stages[number]
        match op.code:
            case Opcode.INPUT:
                return self._port_bits(op)
            case Opcode.ADD:
                return self._addition(op, stage)
            case Opcode.SLICE:
                return self.read(op.args[0], stage, op.data[0], op.width)
            case Opcode.MUX:
                x, y = (self._shifted(arg, stage, s, op.width) for arg, s in zip(op.args[1:], op.data[:2], strict=True))
                return f"{self.read(op.args[0], stage, op.data[2], 1)} ? {x} : {y}"
            case Opcode.CLIP:
                return self._limited(op, stage)
            case _:
                raise AssertionError(op.code)

    def _port_bits(self, op: Op) -> str:
        port = self.program.ports[op.data[0]]
        if port.is_weight:
            return f"{port.name}_r{op.data[1]}"
        start = self.layout.offset(port.name, op.data[1])
        return f"in_data[{start + op.width - 1}:{start}]"

    def _shifted(self, number: int, stage: int, shift: int, width: int) -> str:
        """A wire times 2**shift in ``width`` bits."""
        if shift >= width:
            return literal(0, width)
        if shift == 0:
            return self.read(number, stage, 0, width)
        return joined([self.read(number, stage, 0, width - shift), literal(0, shift)])

    def _addition(self, op: Op, stage: int) -> str:
        """A sum; bits below the other operand's shift pass through."""
        (a, b), (s, t, sign), width = op.args, op.data, op.width
        if sign > 0 and s > 0:
            a, b, s, t = b, a, t, s
        operator = "+" if sign > 0 else "-"
        if s > 0 or t == 0 or t >= width:
            return f"{self._shifted(a, stage, s, width)} {operator} {self._shifted(b, stage, t, width)}"
        other = self.program.ops[a]
        lower = self.read(a, stage, 0, t)
        if sign > 0 and other.low >= 0 and other.high.bit_length() <= t:
            return joined([self.read(b, stage, 0, width - t), lower])
        upper = f"{self.read(a, stage, t, width - t)} {operator} {self.read(b, stage, 0, width - t)}"
        return f"{{({upper}), {lower}}}"

    def _limited(self, op: Op, stage: int) -> str:
        shift, low, high = op.data
        (arg,) = op.args
        source = self.program.ops[arg]
        inside = self._shifted(arg, stage, shift, op.width)
        if source.high << shift > high:
            inside = f"({self._above(arg, stage, high >> shift)}) ? {literal(high, op.width)} : {inside}"
        if source.low << shift < low:
            inside = f"({self._below(arg, stage, -((-low) >> shift))}) ? {literal(low, op.width)} : ({inside})"
        return inside

    def _above(self, arg: int, stage: int, limit: int) -> str:
        """Whether a wire is above a limit; by its upper bits if the limit is one below a power of two."""
        op = self.program.ops[arg]
        name, size = self.at(arg, stage), limit.bit_length()
        if limit >= 0 and limit == (1 << size) - 1:
            top = op.width - 1 - int(op.is_signed)
            some = f"|{name}[{top}:{size}]"
            return f"!{name}[{op.width - 1}] && ({some})" if op.is_signed else some
        return f"{self._signed(arg, stage)} > {_signed_literal(limit, op)}"

    def _below(self, arg: int, stage: int, limit: int) -> str:
        op = self.program.ops[arg]
        name, size = self.at(arg, stage), (-limit).bit_length() - 1
        if limit == 0:
            return f"{name}[{op.width - 1}]"
        if limit < 0 and -limit == 1 << size:
            return f"{name}[{op.width - 1}] && !(&{name}[{op.width - 2}:{size}])"
        return f"{self._signed(arg, stage)} < {_signed_literal(limit, op)}"

    def _signed(self, arg: int, stage: int) -> str:
        name = self.at(arg, stage)
        return f"$signed({name})" if self.program.ops[arg].is_signed else f"$signed({{1'b0, {name}}})"


def joined(parts: list[str]) -> str:
    """A concatenation."""
    return parts[0] if len(parts) == 1 else "{" + ", ".join(parts) + "}"


def table_widths(table: ProgramTable) -> tuple[int, int, bool]:
    """Address bits, data bits, and whether addresses are signed."""
    high = table.low + len(table.values) - 1
    return bits_of(table.low, high), bits_of(min(table.values), max(table.values)), table.low < 0


def _signed_literal(value: int, op: Op) -> str:
    width = op.width + int(not op.is_signed)
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"
