"""``collidium toys``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.measure import ToysConfig, WorkspaceConfig, toys_workspace


@dataclass(frozen=True, kw_only=True)
class ToysArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the toys; by default the workspace's name with ``-toys``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)
    toys: Annotated[ToysConfig, tyro.conf.arg(name="")] = field(default_factory=ToysConfig)
    workers: int = 1
    """Processes; the toys do not depend on it."""


def run(argv: list[str]) -> int:
    """Run toys."""
    arguments = parse(
        ToysArguments,
        argv,
        verb="toys",
        description="Test a hypothesis with toy experiments; an interrupted call goes on from its finished toys.",
    )
    written = toys_workspace(
        arguments.workspace,
        arguments.out or beside(arguments.workspace.with_suffix(""), "toys"),
        patch=arguments.patch,
        config=arguments.config,
        toys=arguments.toys,
        num_workers=arguments.workers,
        progress=TerminalProgress(),
        command=["collidium", "toys", *argv],
    )
    print(written)
    return 0
