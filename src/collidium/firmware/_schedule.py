"""Pipelining: the clock cycle in which each operation is computed, and the registers that this takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collidium.firmware._cost import OVERHEAD_NS, delay_ns
from collidium.firmware._program import Op, Opcode, Program


@dataclass(frozen=True)
class Schedule:
    """Stages of a program at initiation interval 1.

    Attributes
    ----------
    stages : tuple of int
        Stage of each operation; registers stand between stages and behind the last one.
    num_stages : int
        Their number, which is the latency in clock cycles.
    lifetimes : tuple of int
        Stage up to which each wire is needed; ``num_stages`` for outputs.
    worst_ns : float
        Longest combinational path of any stage by the delay model, with the register overhead.
    """

    stages: tuple[int, ...]
    num_stages: int
    lifetimes: tuple[int, ...]
    worst_ns: float

    def register_bits(self, program: Program) -> int:
        """Flip-flops of the data path."""
        return sum(
            op.width * (end - stage)
            for op, stage, end in zip(program.ops, self.stages, self.lifetimes, strict=True)
            if not is_static(program, op)
        )


def is_static(program: Program, op: Op) -> bool:
    """Whether a wire needs no registers: a constant or a weight."""
    return op.code is Opcode.CONST or (op.code is Opcode.INPUT and program.ports[op.data[0]].is_weight)


def schedule(program: Program, clock_ns: float) -> Schedule:
    """Choose stages for a clock period.

    As few stages as the delay model allows, then the shortest worst stage at that number, then operations are moved
    to later stages where this saves registers.

    Parameters
    ----------
    program : Program
        What is computed.
    clock_ns : float, ns
        Period.

    Returns
    -------
    Schedule
        The stages.
    """
    delays = [delay_ns(op, [program.ops[arg] for arg in op.args]) for op in program.ops]
    budget = clock_ns - OVERHEAD_NS
    num_stages = max(_as_soon_as_possible(program, delays, budget), default=0) + 1
    low, high = max(delays, default=0.0) * 0.999, budget
    while high - low > 0.01:
        middle = (low + high) / 2
        fits = max(_as_soon_as_possible(program, delays, middle), default=0) < num_stages
        low, high = (low, middle) if fits else (middle, high)
    budget = max(high, low)
    stages = _fewer_registers(program, delays, budget, _as_soon_as_possible(program, delays, budget), num_stages)
    worst = _worst(program, delays, stages)
    return Schedule(tuple(stages), num_stages, tuple(_lifetimes(program, stages, num_stages)), worst + OVERHEAD_NS)


def _as_soon_as_possible(program: Program, delays: Sequence[float], budget: float) -> list[int]:
    stages: list[int] = []
    arrivals: list[float] = []
    for op, delay in zip(program.ops, delays, strict=True):
        stage = max((stages[arg] for arg in op.args), default=0)
        start = max((arrivals[arg] for arg in op.args if stages[arg] == stage), default=0.0)
        if start > 0 and start + delay > budget:
            stage, start = stage + 1, 0.0
        stages.append(stage)
        arrivals.append(start + delay)
    return stages


def _lifetimes(program: Program, stages: Sequence[int], num_stages: int) -> list[int]:
    ends = list(stages)
    for op, stage in zip(program.ops, stages, strict=True):
        for arg in op.args:
            ends[arg] = max(ends[arg], stage)
    for name in program.outputs:
        for value in program.nodes[name]:
            if value:
                ends[value.wire] = num_stages
    return ends


def _fewer_registers(
    program: Program, delays: Sequence[float], budget: float, stages: list[int], num_stages: int
) -> list[int]:
    """Move operations, last ones first, to the latest stage at which fewer bits are alive across borders."""
    stages = list(stages)
    consumers: list[list[int]] = [[] for _ in program.ops]
    for wire, op in enumerate(program.ops):
        for arg in op.args:
            consumers[arg].append(wire)
    outputs = {value.wire for name in program.outputs for value in program.nodes[name] if value}
    tails = [0.0] * len(program.ops)
    for wire in range(len(program.ops) - 1, -1, -1):
        op = program.ops[wire]
        latest = min([stages[c] for c in consumers[wire]] + ([num_stages - 1] if wire in outputs else []), default=0)
        best = stages[wire]
        if not is_static(program, op) and op.code is not Opcode.INPUT:
            gains = {
                stage: _gain(program, stages, consumers, outputs, num_stages, wire, stage)
                for stage in range(stages[wire] + 1, latest + 1)
                if delays[wire] + _tail(consumers, stages, delays, tails, wire, stage) <= budget
            }
            best = max(gains, key=lambda stage: (gains[stage], stage), default=best)
            best = best if gains.get(best, -1) >= 0 else stages[wire]
        stages[wire] = best
        tails[wire] = _tail(consumers, stages, delays, tails, wire, best)
    return stages


def _tail(
    consumers: Sequence[Sequence[int]],
    stages: Sequence[int],
    delays: Sequence[float],
    tails: Sequence[float],
    wire: int,
    stage: int,
) -> float:
    """Longest path behind a wire within a stage."""
    return max((delays[c] + tails[c] for c in consumers[wire] if stages[c] == stage), default=0.0)


def _gain(
    program: Program,
    stages: Sequence[int],
    consumers: Sequence[Sequence[int]],
    outputs: set[int],
    num_stages: int,
    wire: int,
    stage: int,
) -> int:
    """Register bits saved by moving an operation to a later stage."""
    op = program.ops[wire]
    gain = op.width * (stage - stages[wire])
    for arg in set(op.args):
        if is_static(program, program.ops[arg]):
            continue
        others = max((stages[c] for c in consumers[arg] if c != wire), default=0)
        if arg in outputs:
            others = num_stages
        before = max(others, stages[wire])
        gain -= program.ops[arg].width * max(stage - before, 0)
    return gain


def _worst(program: Program, delays: Sequence[float], stages: Sequence[int]) -> float:
    arrivals: list[float] = []
    for wire, op in enumerate(program.ops):
        start = max((arrivals[arg] for arg in op.args if stages[arg] == stages[wire]), default=0.0)
        arrivals.append(start + delays[wire])
    return max(arrivals, default=0.0)
