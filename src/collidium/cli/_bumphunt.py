"""``collidium bumphunt``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.artifact import InputError, unknown
from collidium.cli._arguments import parse
from collidium.cli._progress import TerminalProgress
from collidium.measure import HUNTS, BumpHuntConfig, measure_bumps


@dataclass(frozen=True, kw_only=True)
class BumpHuntArguments:
    """Flags of the verb."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """File of the spectrum, or the folder of open data."""
    config: Annotated[BumpHuntConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the search."""


def run(argv: list[str]) -> int:
    """Search a spectrum."""
    names = ", ".join(HUNTS)
    if argv and argv[0] in ("-h", "--help"):
        argv = [next(iter(HUNTS)), "--help"]
    if not argv or argv[0].startswith("-"):
        raise InputError(f"collidium bumphunt: name a spectrum first ({names})")
    name, rest = argv[0], argv[1:]
    if name not in HUNTS:
        raise unknown("bump hunt", name, HUNTS)
    default = BumpHuntArguments(data=tyro.MISSING, config=HUNTS[name].config, out=Path("hunts") / name)
    arguments = parse(
        BumpHuntArguments,
        rest,
        verb=f"bumphunt {name}",
        description=f"Search a spectrum for a narrow excess: local and global p-values. Spectra: {names}.",
        default=default,
    )
    written = measure_bumps(
        name,
        arguments.data,
        arguments.out,
        config=arguments.config,
        progress=TerminalProgress(),
        command=["collidium", "bumphunt", *argv],
    )
    print(written)
    return 0
