"""``collidium verify``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from collidium.artifact import InputError
from collidium.cli._arguments import parse
from collidium.cli._progress import TerminalProgress
from collidium.firmware import MIN_SAMPLES, verification_record, verify_firmware
from collidium.report import verification_rows

MISMATCH = 1


@dataclass(frozen=True, kw_only=True)
class VerifyArguments:
    """Flags of the verb."""

    firmware: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FIRMWARE")]
    """Firmware folder."""
    num_samples: int = MIN_SAMPLES
    """Samples: at most half from the data kept in the folder, all corners, random codes."""
    seed: int = 0
    """Of random codes and of the planted fault."""


def run(argv: list[str]) -> int:
    """Prove firmware again."""
    arguments = parse(VerifyArguments, argv, verb="verify", description="Prove that Verilog and model agree.")
    if arguments.num_samples < 1:
        raise InputError(f"num_samples is {arguments.num_samples}: at least 1 is needed")
    try:
        found = verify_firmware(
            arguments.firmware, num_samples=arguments.num_samples, seed=arguments.seed, progress=TerminalProgress()
        )
    except RuntimeError as error:
        raise InputError(f"{arguments.firmware}: a tool does not accept its files: {error}") from error
    table = Table(title=str(arguments.firmware), title_justify="left")
    for name in ("check", "compared", "mismatches"):
        table.add_column(name, justify="left" if name == "check" else "right")
    for row in verification_rows(verification_record(found)):
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
    print("proved" if found.is_proved else "NOT proved")
    return 0 if found.is_proved else MISMATCH
