"""``collidium train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import parse, recipe_table, take_recipe
from collidium.cli._progress import TerminalProgress
from collidium.train import RunConfig, train
from collidium.trigger import TriggerConfig, train_trigger


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Flags of the verb."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Dataset to train on."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run."""


@dataclass(frozen=True, kw_only=True)
class TrainTriggerArguments:
    """Flags of the verb for trigger networks."""

    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Dataset to train on, where the recipe does not simulate its own."""
    config: Annotated[TriggerConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the run; its samples go to ``OUT-samples``."""


def run(argv: list[str]) -> int:
    """Train a model."""
    name, config, rest = take_recipe(argv, "train", verb="train")
    out, command = Path("runs") / name, ["collidium", "train", *argv]
    verb, table = f"train {name}", recipe_table("train")
    if isinstance(config, TriggerConfig):
        trigger = parse(
            TrainTriggerArguments,
            rest,
            verb=verb,
            description=table,
            default=TrainTriggerArguments(config=config, out=out),
        )
        train_trigger(trigger.config, trigger.data, trigger.out, progress=TerminalProgress(), command=command)
        print(trigger.out)
        return 0
    assert isinstance(config, RunConfig)
    default = TrainArguments(data=tyro.MISSING, config=config, out=out)
    arguments = parse(TrainArguments, rest, verb=verb, description=table, default=default)
    train(arguments.config, arguments.data, arguments.out, progress=TerminalProgress(), command=command)
    print(arguments.out)
    return 0
