"""``collidium fit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.measure import WorkspaceConfig, fit_workspace


@dataclass(frozen=True, kw_only=True)
class FitArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, or a counting datacard of Combine."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the fit; by default the workspace's name with ``-fit``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)


def run(argv: list[str]) -> int:
    """Fit a workspace."""
    arguments = parse(FitArguments, argv, verb="fit", description="Fit the observed data of a HistFactory workspace.")
    out = arguments.out or beside(arguments.workspace.with_suffix(""), "fit")
    written = fit_workspace(
        arguments.workspace,
        out,
        patch=arguments.patch,
        config=arguments.config,
        command=["collidium", "fit", *argv],
    )
    print(written)
    return 0
