"""``collidium templates``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.analysis import TemplatesConfig, make_templates
from collidium.cli._arguments import beside, parse


@dataclass(frozen=True, kw_only=True)
class TemplatesArguments:
    """Flags of the verb."""

    predictions: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PREDICTIONS")]
    """Folder of predictions, of jets that the tagger was not trained on."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the workspace; by default the predictions' name with ``-templates``."""
    config: Annotated[TemplatesConfig, tyro.conf.arg(name="")] = field(default_factory=TemplatesConfig)


def run(argv: list[str]) -> int:
    """Make a workspace of scores."""
    arguments = parse(
        TemplatesArguments,
        argv,
        verb="templates",
        description="Make a workspace of a tagger's scores: signal and control region, templates, pseudo-data.",
    )
    out = arguments.out or beside(arguments.predictions, "templates")
    command = ["collidium", "templates", *argv]
    print(make_templates(arguments.predictions, out, config=arguments.config, command=command))
    return 0
