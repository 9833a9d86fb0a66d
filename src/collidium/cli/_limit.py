"""``collidium limit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.measure import LimitConfig, WorkspaceConfig, limit_workspace


@dataclass(frozen=True, kw_only=True)
class LimitArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it, e.g. the signal."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the limits; by default the workspace's name with ``-limit``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)
    limit: Annotated[LimitConfig, tyro.conf.arg(name="")] = field(default_factory=LimitConfig)


def run(argv: list[str]) -> int:
    """Test a signal strength."""
    arguments = parse(
        LimitArguments, argv, verb="limit", description="Test a signal strength with CLs and find its upper limits."
    )
    out = arguments.out or beside(arguments.workspace.with_suffix(""), "limit")
    written = limit_workspace(
        arguments.workspace,
        out,
        patch=arguments.patch,
        config=arguments.config,
        limit=arguments.limit,
        command=["collidium", "limit", *argv],
    )
    print(written)
    return 0
