"""``collidium scan``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.measure import ScanConfig, WorkspaceConfig, scan_workspace


@dataclass(frozen=True, kw_only=True)
class ScanArguments:
    """Flags of the verb."""

    workspace: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORKSPACE")]
    """HistFactory workspace in pyhf's JSON, a datacard of Combine, or an artifact that holds one."""
    patch: Path | None = None
    """JSON Patch or patch set to apply to it."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the scan; by default the workspace's name with ``-scan``."""
    config: Annotated[WorkspaceConfig, tyro.conf.arg(name="")] = field(default_factory=WorkspaceConfig)
    scan: Annotated[ScanConfig, tyro.conf.arg(name="")] = field(default_factory=ScanConfig)


def run(argv: list[str]) -> int:
    """Scan a parameter."""
    arguments = parse(
        ScanArguments,
        argv,
        verb="scan",
        description="Scan the profile likelihood along a parameter, with 68 and 95 % intervals, or around two.",
    )
    written = scan_workspace(
        arguments.workspace,
        arguments.out or beside(arguments.workspace.with_suffix(""), "scan"),
        patch=arguments.patch,
        config=arguments.config,
        scan=arguments.scan,
        progress=TerminalProgress(),
        command=["collidium", "scan", *argv],
    )
    print(written)
    return 0
