"""``collidium bench``: measurements that a person can repeat."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.artifact import InputError, unknown
from collidium.cli._arguments import parse
from collidium.cli._progress import TerminalProgress
from collidium.cli._show import print_study
from collidium.study import PRESETS, Sources, Study, StudyConfig, run_study, write_page

BENCHMARKS = ("optimizers",)
DATA_VARIABLE = "COLLIDIUM_DATA"
_TEXT = Path("tinyshakespeare") / "input.txt"


@dataclass(frozen=True, kw_only=True)
class OptimizersArguments:
    """Flags of the benchmark."""

    config: Annotated[StudyConfig, tyro.conf.arg(name="")] = field(default_factory=StudyConfig)
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the study; a finished one is not made again."""
    text: Path | None = None
    """Text of the language task; by default tinyshakespeare/input.txt in the folder COLLIDIUM_DATA."""
    jets: Path | None = None
    """Dataset of the jet task."""
    workers: int = 2
    """Processes of one thread each; 0 runs everything in this process."""
    docs: Path | None = None
    """Folder of the documentation in which to write optimizer-study.md and its plots."""


def run(argv: list[str]) -> int:
    """Run a benchmark."""
    name, preset, rest = _take_names(argv)
    default = OptimizersArguments(config=PRESETS[preset], out=Path("runs") / f"{name}-{preset}")
    arguments = parse(
        OptimizersArguments,
        rest,
        verb=f"bench {name} {preset}",
        description=f"Compare optimizers. Presets: {', '.join(PRESETS)}; the flags below change the preset's values.",
        default=default,
    )
    if arguments.out.exists() and arguments.docs is not None:
        study = Study.open(arguments.out)
    else:
        study = run_study(
            arguments.config,
            arguments.out,
            sources=Sources(text=_find_text(arguments), jets=arguments.jets),
            workers=arguments.workers,
            progress=TerminalProgress(),
            command=["collidium", "bench", *argv],
        )
    if arguments.docs is not None:
        print(write_page(study, arguments.docs))
    print_study(arguments.out)
    print(arguments.out)
    return 0


def _take_names(argv: list[str]) -> tuple[str, str, list[str]]:
    """Benchmark, preset and the rest; ``--help`` alone shows the first benchmark's flags."""
    if argv and argv[0] in ("-h", "--help"):
        return BENCHMARKS[0], next(iter(PRESETS)), ["--help"]
    if not argv or argv[0].startswith("-"):
        raise InputError(f"collidium bench: name a benchmark first ({', '.join(BENCHMARKS)})")
    if argv[0] not in BENCHMARKS:
        raise unknown("benchmark", argv[0], BENCHMARKS)
    if len(argv) == 1 or argv[1].startswith("-"):
        return argv[0], next(iter(PRESETS)), argv[1:]
    if argv[1] not in PRESETS:
        raise unknown("preset", argv[1], PRESETS)
    return argv[0], argv[1], argv[2:]


def _find_text(arguments: OptimizersArguments) -> Path | None:
    """The text that was named, or that of the open data."""
    folder = os.environ.get(DATA_VARIABLE)
    return arguments.text or (Path(folder) / _TEXT if folder else None)
