"""``collidium compile``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.firmware import CompileConfig, FirmwareOptions
from collidium.report import build_firmware_report
from collidium.trigger import compile_run


@dataclass(frozen=True, kw_only=True)
class CompileArguments:
    """Flags of the verb."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run of a trigger network, with its samples beside it."""
    epoch: int | None = None
    """Which network of the front, by its epoch (see ``collidium show RUN``); the best by default."""
    compiler: Annotated[CompileConfig, tyro.conf.arg(name="")] = field(default_factory=CompileConfig)
    options: Annotated[FirmwareOptions, tyro.conf.arg(name="")] = field(default_factory=FirmwareOptions)
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the firmware, by default the run's name with ``-firmware``; its page goes to ``OUT-report``."""


def run(argv: list[str]) -> int:
    """Make firmware, prove it, and draw its report."""
    arguments = parse(CompileArguments, argv, verb="compile", description="Make proved Verilog of a trigger network.")
    out = arguments.out or beside(arguments.run, "firmware")
    progress, command = TerminalProgress(), ["collidium", "compile", *argv]
    report = compile_run(
        arguments.run,
        out,
        epoch=arguments.epoch,
        compiler=arguments.compiler,
        options=arguments.options,
        progress=progress,
        command=command,
    )
    page = build_firmware_report(out, beside(out, "report"), run=arguments.run, progress=progress, command=command)
    print(_told(report))
    print(f"{out}\n{page}")
    return 0


def _told(report: dict[str, Any]) -> str:
    """The design in one line."""
    design, cells = report["design"], report["resources"]
    count = cells.get("yosys", {}).get("lut")
    lut = f"{count:,} LUT" if count is not None else f"{cells['predicted']['lut']:,} LUT predicted"
    proof = report["verification"]
    proved = (
        "not verified"
        if proof is None
        else f"{proof['mismatches']} mismatches on {proof['samples']:,} samples, planted fault caught"
    )
    return f"{lut}, {design['latency_cycles']} cycles of {design['clock_ns']:g} ns, {proved}"
