"""``collidium fit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.artifact import unknown
from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.measure import (
    FOUR_LEPTONS,
    RESONANCES,
    FourLeptonConfig,
    PeakConfig,
    WorkspaceConfig,
    fit_workspace,
    measure_four_leptons,
    measure_resonance,
)


@dataclass(frozen=True, kw_only=True)
class FitArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the fit; by default the workspace's name with ``-fit``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)


@dataclass(frozen=True, kw_only=True)
class ResonanceArguments:
    """Flags of the verb behind the name of a resonance."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """CSV of lepton pairs, or the folder of open data."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the fit; by default fits/NAME."""
    config: Annotated[PeakConfig, tyro.conf.arg(name="")] = field(default_factory=PeakConfig)


@dataclass(frozen=True, kw_only=True)
class FourLeptonArguments:
    """Flags of the verb behind ``higgs4l``."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder of the events, or of all open data."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the fit; by default fits/higgs4l."""
    config: Annotated[FourLeptonConfig, tyro.conf.arg(name="")] = field(default_factory=FourLeptonConfig)


def run(argv: list[str]) -> int:
    """Fit a workspace or a resonance."""
    if argv and argv[0] in RESONANCES:
        print(_fit_resonance(argv[0], argv[1:]))
    elif argv and argv[0] == FOUR_LEPTONS:
        print(_fit_four_leptons(argv[1:]))
    elif len(argv) > 1 and not argv[0].startswith("-") and not argv[1].startswith("-"):
        raise unknown("resonance", argv[0], [*RESONANCES, FOUR_LEPTONS])
    else:
        print(_fit_workspace(argv))
    return 0


def _fit_workspace(argv: list[str]) -> Path:
    names = ", ".join([*RESONANCES, FOUR_LEPTONS])
    arguments = parse(
        FitArguments,
        argv,
        verb="fit",
        description="Fit the observed data of a HistFactory workspace; or, by `collidium fit NAME DATA`, a known peak "
        f"in open data: {names}.",
    )
    return fit_workspace(
        arguments.workspace,
        arguments.out or beside(arguments.workspace.with_suffix(""), "fit"),
        patch=arguments.patch,
        config=arguments.config,
        command=["collidium", "fit", *argv],
    )


def _fit_resonance(name: str, argv: list[str]) -> Path:
    description = "Fit a known resonance in open data, event by event; flags change the recipe."
    arguments = parse(ResonanceArguments, argv, verb=f"fit {name}", description=description)
    return measure_resonance(
        name,
        arguments.data,
        arguments.out or Path("fits") / name,
        config=arguments.config,
        command=["collidium", "fit", name, *argv],
    )


def _fit_four_leptons(argv: list[str]) -> Path:
    description = "Fit the Higgs and Z peaks in four leptons of open data."
    arguments = parse(FourLeptonArguments, argv, verb=f"fit {FOUR_LEPTONS}", description=description)
    return measure_four_leptons(
        arguments.data,
        arguments.out or Path("fits") / FOUR_LEPTONS,
        config=arguments.config,
        progress=TerminalProgress(),
        command=["collidium", "fit", FOUR_LEPTONS, *argv],
    )
