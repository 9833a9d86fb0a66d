"""``collidium report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.report import build_report


@dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """Flags of the verb."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    predictions: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PREDICTIONS")]
    """Folder of its predictions."""
    data: Path | None = None
    """Dataset, for the input features and the gallery of jets."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the report; by default the run's name with ``-report``."""


def run(argv: list[str]) -> int:
    """Make the page."""
    arguments = parse(ReportArguments, argv, verb="report", description="Make one self-contained page of plots.")
    out = arguments.out or beside(arguments.run, "report")
    page = build_report(
        arguments.run,
        arguments.predictions,
        arguments.data,
        out,
        progress=TerminalProgress(),
        command=["collidium", "report", *argv],
    )
    print(page)
    return 0
