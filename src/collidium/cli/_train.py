"""``collidium train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import parse, recipe_table, take_recipe
from collidium.cli._progress import TerminalProgress
from collidium.train import RunConfig, train


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Flags of the verb."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Dataset to train on."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run."""


def run(argv: list[str]) -> int:
    """Train a model."""
    name, config, rest = take_recipe(argv, "train", verb="train")
    assert isinstance(config, RunConfig)
    default = TrainArguments(data=tyro.MISSING, config=config, out=Path("runs") / name)
    arguments = parse(TrainArguments, rest, verb=f"train {name}", description=recipe_table("train"), default=default)
    train(
        arguments.config,
        arguments.data,
        arguments.out,
        progress=TerminalProgress(),
        command=["collidium", "train", *argv],
    )
    print(arguments.out)
    return 0
