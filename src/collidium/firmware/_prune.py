"""Leaving out operations that no output needs."""

from __future__ import annotations

from collidium.firmware._program import Op, Opcode, Program, Value


def pruned(program: Program) -> Program:
    """The same program without dead operations, dead tables and inputs that are read nowhere.

    A node's element whose wire is gone becomes None.
    """
    live = _live(program)
    number = {old: new for new, old in enumerate(sorted(live))}
    kept = [program.ops[old] for old in sorted(live)]
    used = sorted({op.data[0] for op in kept if op.code is Opcode.TABLE})
    tables = {old: new for new, old in enumerate(used)}
    return Program(
        ops=tuple(_renumbered(op, number, tables) for op in kept),
        owners=tuple(program.owners[old] for old in sorted(live)),
        tables=tuple(program.tables[old] for old in used),
        ports=program.ports,
        nodes={
            name: tuple(
                Value(number[value.wire], value.exp, value.sign) if value and value.wire in live else None
                for value in values
            )
            for name, values in program.nodes.items()
        },
        outputs=program.outputs,
    )


def _live(program: Program) -> set[int]:
    todo = [value.wire for name in program.outputs for value in program.nodes[name] if value]
    live: set[int] = set()
    while todo:
        wire = todo.pop()
        if wire not in live:
            live.add(wire)
            todo.extend(program.ops[wire].args)
    return live


def _renumbered(op: Op, wires: dict[int, int], tables: dict[int, int]) -> Op:
    data = (tables[op.data[0]],) if op.code is Opcode.TABLE else op.data
    return Op(op.code, tuple(wires[arg] for arg in op.args), data, op.low, op.high)
