"""``collidium verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro
from rich.console import Console
from rich.table import Table

from collidium.artifact import InputError
from collidium.cli._arguments import parse
from collidium.cli._progress import TerminalProgress
from collidium.firmware import MIN_SAMPLES, verification_record, verify_firmware
from collidium.report import verification_rows
from collidium.trigger import verify_reloaded_runs

MISMATCH = 1
Proof: TypeAlias = tuple[Sequence[str], Sequence[Sequence[str]], bool]


@dataclass(frozen=True, kw_only=True)
class VerifyArguments:
    """Flags of the verb."""

    firmware: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FIRMWARE")]
    """Firmware folder."""
    num_samples: int = MIN_SAMPLES
    """Samples: at most half from the data kept in the folder, all corners, random codes."""
    seed: int = 0
    """Of random codes and of the planted fault."""
    weights: tuple[Path, ...] = ()
    """Other runs of the same network: instead, prove that their weights can be loaded while the firmware runs."""


def run(argv: list[str]) -> int:
    """Prove firmware again."""
    arguments = parse(VerifyArguments, argv, verb="verify", description="Prove that Verilog and model agree.")
    if arguments.num_samples < 1:
        raise InputError(f"num_samples is {arguments.num_samples}: at least 1 is needed")
    try:
        header, rows, is_proved = _reloaded(arguments) if arguments.weights else _proved(arguments)
    except RuntimeError as error:
        raise InputError(f"{arguments.firmware}: a tool does not accept its files: {error}") from error
    table = Table(title=str(arguments.firmware), title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
    print("proved" if is_proved else "NOT proved")
    return 0 if is_proved else MISMATCH


def _proved(arguments: VerifyArguments) -> Proof:
    """Every level against the integer model."""
    found = verify_firmware(
        arguments.firmware, num_samples=arguments.num_samples, seed=arguments.seed, progress=TerminalProgress()
    )
    return ("check", "compared", "mismatches"), verification_rows(verification_record(found)), found.is_proved


def _reloaded(arguments: VerifyArguments) -> Proof:
    """Weights of other runs, loaded one after the other."""
    found = verify_reloaded_runs(
        arguments.firmware,
        arguments.weights,
        num_samples=arguments.num_samples,
        seed=arguments.seed,
        progress=TerminalProgress(),
    )
    rows: list[tuple[str, ...]] = [
        (name, f"{counts.samples:,}", f"{counts.outputs}", f"{counts.wires}", f"{counts.valid}")
        for name, counts in found.phases.items()
    ]
    caught = f"{found.fault_mismatches:,} {'caught' if found.fault_mismatches else 'NOT CAUGHT'}"
    rows.append((f"planted fault, {found.fault}", "must differ", caught, "", ""))
    return ("weights", "samples", "outputs wrong", "inner wires wrong", "valid wrong"), rows, found.is_proved
