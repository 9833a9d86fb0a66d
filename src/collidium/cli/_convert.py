"""``collidium convert``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.artifact import InputError
from collidium.cli._arguments import parse
from collidium.cli._progress import TerminalProgress
from collidium.io import FORMATS, JETS_PER_SHARD, convert


@dataclass(frozen=True, kw_only=True)
class ConvertArguments:
    """Flags of the verb."""

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IN [IN ...] OUT")]
    """Files, or datasets of ours to merge and cut anew; last the folder of the dataset to make."""
    format: str | None = None
    """Name of the format; found from the content of each file by default."""
    collection: str | None = None
    """For NanoAOD: AK4, AK8, AK4Puppi or event."""
    classes: tuple[str, ...] | None = None
    """Keep these classes, numbered in this order; all by default."""
    jets_per_shard: int = JETS_PER_SHARD
    """Jets in one file of the dataset."""
    max_jets: int | None = None
    """Stop after so many jets."""
    seed: int = 0
    """Order of the jets."""


def run(argv: list[str]) -> int:
    """Convert files to a dataset."""
    arguments = parse(
        ConvertArguments,
        argv,
        verb="convert",
        description="\n".join(
            [
                "Read files into one dataset; several inputs are mixed. Formats:",
                "",
                *(f"  {name:<16} {item.description}" for name, item in FORMATS.items()),
            ]
        ),
    )
    *inputs, target = arguments.paths
    if not inputs:
        raise InputError("collidium convert: one or more inputs and the folder to make are needed")
    out = convert(
        inputs,
        target,
        format=arguments.format,
        collection=arguments.collection,
        classes=arguments.classes,
        jets_per_shard=arguments.jets_per_shard,
        max_jets=arguments.max_jets,
        seed=arguments.seed,
        progress=TerminalProgress(),
        command=["collidium", "convert", *argv],
    )
    print(out)
    return 0
