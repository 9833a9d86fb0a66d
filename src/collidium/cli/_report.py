"""``collidium report``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.artifact import InputError, read_manifest
from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.firmware import FIRMWARE_KIND
from collidium.report import (
    MEASUREMENT_KINDS,
    build_firmware_report,
    build_measurement_report,
    build_report,
    build_search_report,
)
from collidium.trigger import SEARCH_KIND


@dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """Flags of the verb."""

    paths: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[RUN PREDICTIONS] [MEASUREMENT ...] [FIRMWARE [RUN]] [SEARCH]"),
    ]
    """Folder of a run and of its predictions, of measurements, or all of them; of firmware and its run; of a search."""
    data: Path | None = None
    """Dataset of the predictions, for the input features and the gallery of jets."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the report; by default the first folder's name with ``-report``."""


def run(argv: list[str]) -> int:
    """Make the page."""
    arguments = parse(ReportArguments, argv, verb="report", description="Make one self-contained page of plots.")
    if not arguments.paths:
        raise InputError("collidium report: name a run and its predictions, or measurements, or firmware")
    out = arguments.out or beside(arguments.paths[0], "report")
    progress, command = TerminalProgress(), ["collidium", "report", *argv]
    kind = read_manifest(arguments.paths[0]).kind
    if kind == FIRMWARE_KIND:
        firmware, *runs = arguments.paths
        if arguments.data is not None or len(runs) > 1:
            raise InputError(f"{firmware}: is firmware, at most the run behind it is needed beside it")
        trained = runs[0] if runs else None
        page = build_firmware_report(firmware, out, run=trained, progress=progress, command=command)
    elif kind == SEARCH_KIND:
        if arguments.data is not None or len(arguments.paths) > 1:
            raise InputError(f"{arguments.paths[0]}: is a search, its page needs nothing else")
        page = build_search_report(arguments.paths[0], out, progress=progress, command=command)
    elif kind in MEASUREMENT_KINDS:
        if arguments.data is not None:
            raise InputError(f"{arguments.data}: --data belongs to a run; {arguments.paths[0]} is a measurement")
        page = build_measurement_report(arguments.paths, out, progress=progress, command=command)
    else:
        if len(arguments.paths) < 2:
            raise InputError(f"{arguments.paths[0]}: a run needs its predictions behind it")
        run_path, predictions, *measurements = arguments.paths
        page = build_report(
            run_path,
            predictions,
            arguments.data,
            out,
            measurements=measurements,
            progress=progress,
            command=command,
        )
    print(page)
    return 0
