"""``collidium rank``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.measure import RankConfig, WorkspaceConfig, rank_workspace


@dataclass(frozen=True, kw_only=True)
class RankArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the ranking; by default the workspace's name with ``-ranking``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)
    rank: Annotated[RankConfig, tyro.conf.arg(name="")] = field(default_factory=RankConfig)


def run(argv: list[str]) -> int:
    """Rank nuisance parameters."""
    arguments = parse(
        RankArguments,
        argv,
        verb="rank",
        description="Rank nuisance parameters by their impact on the parameter of interest.",
    )
    written = rank_workspace(
        arguments.workspace,
        arguments.out or beside(arguments.workspace.with_suffix(""), "ranking"),
        patch=arguments.patch,
        config=arguments.config,
        rank=arguments.rank,
        progress=TerminalProgress(),
        command=["collidium", "rank", *argv],
    )
    print(written)
    return 0
