"""Typed flags: dataclasses in, dataclasses out."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import tyro

from collidium.artifact import InputError
from collidium.recipes import RECIPES, Kind, find_recipe

T = TypeVar("T")
_FRAME = frozenset("│╰╯─")


def parse(arguments: type[T], argv: Sequence[str], *, verb: str, description: str, default: T | None = None) -> T:
    """Read flags into a dataclass.

    Parameters
    ----------
    arguments : type
        Frozen dataclass whose fields are the flags.
    argv : sequence of str
        What the user typed after the verb.
    verb : str
        Shown in the help.
    description : str
        Shown in the help.
    default : object, optional
        Instance whose values are the defaults.

    Returns
    -------
    object
        The dataclass.

    Raises
    ------
    InputError
        For a flag or value that does not fit, in one line.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed = tyro.cli(
                arguments,
                args=list(argv),
                prog=f"collidium {verb}",
                description=description,
                default=default,
                config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagConversionOff),
            )
    except SystemExit as end:
        if end.code in (0, None):
            raise
        _, *lines = said.getvalue().splitlines()  # the first is the frame's title, which the next one repeats
        words = "".join(" " if char in _FRAME else char for char in " ".join(lines)).split()
        message = " ".join(word for word in words if word.strip("-")).split(" For full helptext")[0]
        raise InputError(f"collidium {verb}: {message}; see collidium {verb} --help") from None
    assert parsed is not None
    return parsed


def take_recipe(argv: Sequence[str], kind: Kind, *, verb: str) -> tuple[str, object, list[str]]:
    """Take the recipe's name off the front of the arguments.

    Parameters
    ----------
    argv : sequence of str
        What the user typed after the verb.
    kind : str
        Which recipes fit the verb.
    verb : str
        For messages.

    Returns
    -------
    tuple of (str, object, list of str)
        Name for folders, the recipe's configuration, the remaining arguments. ``--help`` without a recipe shows the
        first recipe's flags.

    Raises
    ------
    InputError
        If no recipe is named, or an unknown one.
    """
    names = [name for name, recipe in RECIPES.items() if recipe.kind == kind]
    if argv and argv[0] in ("-h", "--help"):
        return names[0], find_recipe(names[0], kind), ["--help"]
    if not argv or argv[0].startswith("-"):
        raise InputError(f"collidium {verb}: name a recipe first ({', '.join(names)}, or a file of your own)")
    config = find_recipe(argv[0], kind)
    stem = argv[0].split(":")[0].rsplit("/", 1)[-1].removesuffix(".py")
    return stem, config, list(argv[1:])


def beside(run: Path, stage: str) -> Path:
    """Default folder of a stage on a run: beside it, with the stage's name.

    Examples
    --------
    >>> beside(Path("runs/top"), "report").name
    'top-report'
    """
    run = run.resolve()
    return Path(os.path.relpath(run.with_name(f"{run.name}-{stage}")))


def recipe_table(kind: Kind) -> str:
    """List the recipes of a kind for the help of a verb."""
    rows = [f"  {name:<20} {recipe.description}" for name, recipe in RECIPES.items() if recipe.kind == kind]
    return "\n".join(["Recipes (the flags below change the recipe's values):", "", *rows])
