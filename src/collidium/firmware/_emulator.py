"""A header-only C++ emulator, bit for bit the firmware: for the software that emulates the trigger."""

from __future__ import annotations

from collidium.firmware._compile import Firmware
from collidium.firmware._program import Op, Opcode


def emulator_header(firmware: Firmware) -> str:
    """C++11 of a program.

    Parameters
    ----------
    firmware : Firmware
        What is emulated.

    Returns
    -------
    str
        A header with ``NAME::run(in, out)``, on int64 codes in the order of ``interface.json``; with weights that can
        be loaded there is a third argument.
    """
    program, layout, name = firmware.program, firmware.layout, firmware.config.name
    guard = f"COLLIDIUM_{name.upper()}_H"
    weights = ", const std::int64_t* weights" if layout.weights else ""
    starts: dict[str, int] = {}
    for number, slot in enumerate(layout.inputs):
        starts.setdefault(slot.port, number)
    for number, slot in enumerate(layout.weights):
        starts.setdefault(slot.port, number)
    lines = [
        f"#ifndef {guard}",
        f"#define {guard}",
        "#include <cstdint>",
        f"namespace {name} {{",
        f"constexpr int num_inputs = {len(layout.inputs)}, num_outputs = {len(layout.outputs)}, "
        f"num_weights = {len(layout.weights)};",
        "inline std::int64_t floor_shift(std::int64_t x, int n) "
        "{ return x >= 0 ? x >> n : -((-x + (INT64_C(1) << n) - 1) >> n); }",
        "inline std::int64_t wrap(std::int64_t x, int k, int width) {",
        "  const std::uint64_t half = k ? UINT64_C(1) << (width - 1) : 0, mask = (UINT64_C(1) << width) - 1;",
        "  return static_cast<std::int64_t>((static_cast<std::uint64_t>(x) + half) & mask) "
        "- static_cast<std::int64_t>(half);",
        "}",
        *(
            f"static const std::int64_t table{number}[] = {{{', '.join(map(str, table.values))}}};"
            for number, table in enumerate(program.tables)
        ),
        f"inline void run(const std::int64_t* in, std::int64_t* out{weights}) {{",
        *(
            f"  const std::int64_t n{number} = {_expression(firmware, op, starts)};"
            for number, op in enumerate(program.ops)
        ),
        *(
            f"  out[{number}] = {_output(firmware, slot.port, slot.element, slot.f)};"
            for number, slot in enumerate(layout.outputs)
        ),
        "}",
        "}",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _expression(firmware: Firmware, op: Op, starts: dict[str, int]) -> str:
    a, b, c = (*(f"n{arg}" for arg in op.args), "", "", "")[:3]
    match op.code:
        case Opcode.INPUT:
            port = firmware.program.ports[op.data[0]]
            return f"{'weights' if port.is_weight else 'in'}[{starts[port.name] + op.data[1]}]"
        case Opcode.CONST:
            return f"INT64_C({op.data[0]})"
        case Opcode.ADD:
            return f"{_times(a, op.data[0])} {'+' if op.data[2] > 0 else '-'} {_times(b, op.data[1])}"
        case Opcode.SLICE:
            return f"wrap(floor_shift({a}, {op.data[0]}), {op.data[1]}, {op.data[2]})"
        case Opcode.MUX:
            condition = f"(floor_shift({a}, {op.data[2]}) & 1)"
            return f"{condition} ? {_times(b, op.data[0])} : {_times(c, op.data[1])}"
        case Opcode.CLIP:
            scaled, low, high = _times(a, op.data[0]), op.data[1], op.data[2]
            return (
                f"{scaled} < INT64_C({low}) ? INT64_C({low}) : {scaled} > INT64_C({high}) ? INT64_C({high}) : {scaled}"
            )
        case Opcode.TABLE:
            low = firmware.program.tables[op.data[0]].low
            return f"table{op.data[0]}[{a} - INT64_C({low})]"


def _times(name: str, shift: int) -> str:
    return f"{name} * (INT64_C(1) << {shift})" if shift else name


def _output(firmware: Firmware, node: str, element: int, f: int) -> str:
    value = firmware.program.nodes[node][element]
    assert value is not None
    shift = value.exp + f if firmware.program.ops[value.wire].high or firmware.program.ops[value.wire].low else 0
    return _times(f"n{value.wire}", shift)
