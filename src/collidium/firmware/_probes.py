"""Wires inside the pipeline that are compared with the nodes of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.firmware._compile import Firmware
from collidium.firmware._fixed import Codes
from collidium.firmware._layout import write_bits
from collidium.firmware._program import Opcode


@dataclass(frozen=True)
class Probe:
    """A wire that carries an element of a node.

    Attributes
    ----------
    node : str
        Node of the model.
    element : int
        Index in the flattened tensor.
    wire : int
        Number in the program.
    shift : int
        The element's code is ``sign * (wire << shift)``.
    sign : int
        +1 or -1.
    offset, width : int
        Where the wire lies among the probes of its stage.
    """

    node: str
    element: int
    wire: int
    shift: int
    sign: int
    offset: int
    width: int


def probes_of(firmware: Firmware) -> list[list[Probe]]:
    """Probes by stage: each live wire that is an element of a node, once."""
    program, plan = firmware.program, firmware.plan
    stages: list[list[Probe]] = [[] for _ in range(plan.num_stages)]
    filled = [0] * plan.num_stages
    seen: set[int] = set()
    for name, values in program.nodes.items():
        f = firmware.model.intervals[name].f.reshape(-1)
        for element, value in enumerate(values):
            if value is None or value.wire in seen:
                continue
            op = program.ops[value.wire]
            if op.code in (Opcode.CONST, Opcode.INPUT):
                continue
            seen.add(value.wire)
            stage = plan.stages[value.wire]
            shift = value.exp + int(f[element])
            stages[stage].append(Probe(name, element, value.wire, shift, value.sign, filled[stage], op.width))
            filled[stage] += op.width
    return stages


def probe_width(probes: list[Probe]) -> int:
    """Bits of the probes of a stage."""
    return sum(probe.width for probe in probes)


def pack_probes(probes: list[Probe], codes: Mapping[str, Codes]) -> NDArray[np.uint32]:
    """What the wires of a stage must carry for the codes (N, *shape) of the nodes, in words of 32 bits."""
    num = len(next(iter(codes.values())))
    words = np.zeros((num, (probe_width(probes) + 31) // 32 + 2), dtype=np.uint64)
    for probe in probes:
        element = codes[probe.node].reshape(num, -1)[:, probe.element]
        write_bits(words, (probe.sign * element) >> probe.shift, probe.offset, probe.width)
    return words[:, : words.shape[1] - 2].astype(np.uint32)
