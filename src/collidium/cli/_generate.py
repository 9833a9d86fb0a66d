"""``collidium generate``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import parse, recipe_table, take_recipe
from collidium.cli._progress import TerminalProgress
from collidium.collide import GenerateConfig


@dataclass(frozen=True, kw_only=True)
class GenerateArguments:
    """Flags of the verb."""

    config: Annotated[GenerateConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the dataset."""
    workers: int = os.cpu_count() or 1
    """Processes on this machine; the data do not depend on it."""
    scheduler: str | None = None
    """Address of a dask scheduler, to generate on its cluster instead."""


def run(argv: list[str]) -> int:
    """Generate a dataset."""
    from collidium.collide import generate

    name, config, rest = take_recipe(argv, "generate", verb="generate")
    assert isinstance(config, GenerateConfig)
    default = GenerateArguments(config=config, out=Path("data") / name)
    arguments = parse(
        GenerateArguments, rest, verb=f"generate {name}", description=recipe_table("generate"), default=default
    )
    out = generate(
        arguments.config,
        arguments.out,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        progress=TerminalProgress(),
        command=["collidium", "generate", *argv],
    )
    print(out)
    return 0
