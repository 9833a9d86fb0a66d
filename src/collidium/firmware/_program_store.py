"""Programs and stages as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from collidium.artifact import InputError
from collidium.firmware._compile import CompileConfig, Firmware
from collidium.firmware._linear import Linear
from collidium.firmware._lower import weight_ports
from collidium.firmware._model import IntegerModel
from collidium.firmware._node import Input
from collidium.firmware._program import Op, Opcode, Port, Program, ProgramTable, Value
from collidium.firmware._schedule import Schedule

PROGRAM_NAME = "program.json"


def save_program(folder: Path, firmware: Firmware) -> None:
    """Write the program, its stages and the configuration next to the model."""
    program, plan = firmware.program, firmware.plan
    document = {
        "config": vars(firmware.config),
        "ops": [[str(op.code), op.args, op.data, op.low, op.high] for op in program.ops],
        "owners": program.owners,
        "tables": [[table.low, table.values] for table in program.tables],
        "nodes": {
            name: [value and [value.wire, value.exp, value.sign] for value in values]
            for name, values in program.nodes.items()
        },
        "stages": plan.stages,
        "lifetimes": plan.lifetimes,
        "num_stages": plan.num_stages,
        "worst_ns": plan.worst_ns,
    }
    (folder / PROGRAM_NAME).write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


def load_firmware(folder: Path) -> Firmware:
    """Read a compiled model: what :func:`save_program` and the model's ``save`` wrote.

    Parameters
    ----------
    folder : Path
        ``golden`` of a firmware artifact.

    Returns
    -------
    Firmware
        As it was compiled.

    Raises
    ------
    InputError
        If a file is absent or damaged.
    """
    model = IntegerModel.load(folder)
    path = folder / PROGRAM_NAME
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        program = Program(
            ops=tuple(
                Op(Opcode(code), tuple(args), tuple(data), low, high) for code, args, data, low, high in document["ops"]
            ),
            owners=tuple(document["owners"]),
            tables=tuple(ProgramTable(low, tuple(values)) for low, values in document["tables"]),
            ports=_ports(model),
            nodes={
                name: tuple(Value(*value) if value else None for value in values)
                for name, values in document["nodes"].items()
            },
            outputs=model.outputs,
        )
        plan = Schedule(
            tuple(document["stages"]), document["num_stages"], tuple(document["lifetimes"]), document["worst_ns"]
        )
        return Firmware(model, CompileConfig(**document["config"]), program, plan)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file, a compiled model has it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged program ({type(error).__name__}: {error})") from error


def _ports(model: IntegerModel) -> tuple[Port, ...]:
    """Ports in the order in which lowering meets them."""
    ports: list[Port] = []
    for node in model.nodes.values():
        if isinstance(node, Input):
            ports.append(Port(node.name, node.formats))
        elif isinstance(node, Linear) and node.weight_formats is not None and node.bias_formats is not None:
            for name, formats in zip(weight_ports(node), (node.weight_formats, node.bias_formats), strict=True):
                ports.append(Port(name, formats, is_weight=True))
    return tuple(ports)
