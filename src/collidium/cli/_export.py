"""``collidium export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import parse
from collidium.train import Run, export_onnx


@dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """Flags of the verb."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    onnx: Path = Path("model.onnx")
    """File to write; its batch and particle axes are dynamic."""


def run(argv: list[str]) -> int:
    """Export a run's model."""
    arguments = parse(ExportArguments, argv, verb="export", description="Write the model of a run as ONNX.")
    export_onnx(Run.open(arguments.run), arguments.onnx)
    print(arguments.onnx)
    return 0
