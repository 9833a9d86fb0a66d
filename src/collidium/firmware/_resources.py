"""Predicted cells and delays, in all and by layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from collidium.firmware._cells import program_cells
from collidium.firmware._compile import Firmware
from collidium.firmware._cost import CARRY_NS, LEVEL_NS, OVERHEAD_NS
from collidium.firmware._interval import Interval
from collidium.firmware._linear import Linear
from collidium.firmware._program import Opcode
from collidium.firmware._schedule import is_static


def op_cells(firmware: Firmware) -> list[int]:
    """Predicted lookup-table cells of each operation."""
    return program_cells(firmware.program, firmware.plan)


def predicted_resources(firmware: Firmware) -> dict[str, Any]:
    """Predicted cells of the design: the same counts as the synthesis gives."""
    kinds = Counter(str(op.code) for op in firmware.program.ops)
    weights = sum(slot.width for slot in firmware.layout.weights)
    return {
        "lut": sum(op_cells(firmware)),
        "ff": firmware.plan.register_bits(firmware.program) + firmware.latency + weights,
        "dsp": 0,
        "bram": 0,
        "operations": dict(sorted(kinds.items())),
        "tables": len(firmware.program.tables),
    }


def timing_model(firmware: Firmware) -> dict[str, Any]:
    """Timing by the delay model, which is no measurement."""
    worst = firmware.plan.worst_ns
    return {
        "kind": "model, not a measurement: "
        f"{LEVEL_NS} ns a lookup table and its net, {CARRY_NS} ns a carry bit, {OVERHEAD_NS} ns a register",
        "family": "UltraScale+, speed grade -2",
        "clock_ns": firmware.config.clock_ns,
        "worst_stage_ns": round(worst, 3),
        "slack_ns": round(firmware.config.clock_ns - worst, 3),
        "fmax_mhz": round(1e3 / worst, 1),
        "latency_cycles": firmware.latency,
        "latency_ns": firmware.latency_ns,
    }


def layers(firmware: Firmware) -> list[dict[str, Any]]:
    """For each node of the model: its shape, widths of elements and weights, and the operations made for it first."""
    program, plan = firmware.program, firmware.plan
    cells, registers, counts = Counter[str](), Counter[str](), Counter[str]()
    stages: dict[str, tuple[int, int]] = {}
    for number, (op, owner, cost) in enumerate(zip(program.ops, program.owners, op_cells(firmware), strict=True)):
        counts[owner] += op.code not in (Opcode.CONST, Opcode.INPUT)
        cells[owner] += cost
        if not is_static(program, op):
            registers[owner] += op.width * (plan.lifetimes[number] - plan.stages[number])
            first, last = stages.get(owner, (plan.stages[number], 0))
            stages[owner] = (min(first, plan.stages[number]), max(last, plan.stages[number]))
    rows = []
    for name, node in firmware.model.nodes.items():
        interval = firmware.model.intervals[name]
        rows.append(
            {
                "node": name,
                "kind": type(node).__name__,
                "sources": list(node.sources),
                "shape": list(interval.shape),
                "widths": _counted(interval),
                "weights": _counted(_weights(node)) if isinstance(node, Linear) else {},
                "operations": counts[name],
                "lut": cells[name],
                "ff": registers[name],
                "stages": list(stages.get(name, ())),
            }
        )
    return rows


def _weights(node: Linear) -> Interval:
    """What each weight can be: its registers' formats, or its one value without the zeros at its end."""
    if node.weight_formats is not None:
        return Interval.of_formats(node.weight_formats)
    odd = node.weight // np.maximum(node.weight & -node.weight, 1)
    return Interval(odd, odd, node.weight_f)


def _counted(interval: Interval) -> dict[str, int]:
    """How many elements have each width, ascending."""
    widths = Counter(int(width) for width in interval.formats().width.flat)
    return {str(width): count for width, count in sorted(widths.items())}
