"""``collidium search``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro
from rich.console import Console

from collidium.artifact import InputError
from collidium.cli._arguments import beside, parse, recipe_table, take_recipe
from collidium.cli._progress import TerminalProgress
from collidium.cli._show_trigger import show_search
from collidium.report import build_search_report
from collidium.trigger import (
    DeepSetsSpace,
    InteractionSpace,
    JetFormerSpace,
    MLPSpace,
    MuonSpace,
    ParticleMLPSpace,
    SearchConfig,
    TriggerConfig,
    search,
    space_of,
)

Space: TypeAlias = MLPSpace | ParticleMLPSpace | DeepSetsSpace | InteractionSpace | JetFormerSpace | MuonSpace


@dataclass(frozen=True, kw_only=True)
class SearchArguments:
    """Flags of the verb."""

    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Dataset to train on, where the recipe does not simulate its own."""
    recipe: Annotated[TriggerConfig, tyro.conf.arg(name="")]
    space: Space
    search: Annotated[SearchConfig, tyro.conf.arg(name="")] = field(default_factory=SearchConfig)
    workers: int = 1
    """Trainings at a time; the result does not depend on it."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of the search; its samples go to ``OUT-samples``, its page to ``OUT-report``."""


def run(argv: list[str]) -> int:
    """Search, and draw the report."""
    name, recipe, rest = take_recipe(argv, "train", verb="search")
    if not isinstance(recipe, TriggerConfig):
        if rest != ["--help"]:
            raise InputError(f"collidium search: recipe {name!r} is no trigger network")
        name, recipe, _ = take_recipe(["trigger-jets", *rest], "train", verb="search")
        assert isinstance(recipe, TriggerConfig)
    space = space_of(recipe.network)
    assert isinstance(space, Space)
    arguments = parse(
        SearchArguments,
        rest,
        verb=f"search {name}",
        description=_recipes(),
        default=SearchArguments(recipe=recipe, space=space, out=Path("runs") / f"{name}-search"),
    )
    page = beside(arguments.out, "report")
    if page.exists():
        raise InputError(f"{page}: output exists already; choose another name or remove it")
    progress, command = TerminalProgress(), ["collidium", "search", *argv]
    search(
        arguments.recipe,
        arguments.data,
        arguments.out,
        space=arguments.space,
        config=arguments.search,
        workers=arguments.workers,
        progress=progress,
        command=command,
    )
    build_search_report(arguments.out, page, progress=progress, command=command)
    show_search(Console(highlight=False, markup=False), arguments.out)
    print(f"{arguments.out}\n{page / 'index.html'}")
    return 0


def _recipes() -> str:
    """The recipes of trigger networks."""
    lines = recipe_table("train").splitlines()
    return "\n".join(line for line in lines if line.startswith("  trigger-") or not line.startswith("  "))
