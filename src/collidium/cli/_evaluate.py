"""``collidium evaluate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from collidium.cli._arguments import beside, parse
from collidium.cli._progress import TerminalProgress
from collidium.cli._show import print_metrics
from collidium.evaluate import EvaluateConfig, evaluate


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """Flags of the verb."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Dataset to measure on."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the predictions; by default the run's name with ``-predictions``."""
    config: Annotated[EvaluateConfig, tyro.conf.arg(name="")] = field(default_factory=EvaluateConfig)


def run(argv: list[str]) -> int:
    """Evaluate a run."""
    arguments = parse(
        EvaluateArguments, argv, verb="evaluate", description="Predict a split of a dataset and measure the result."
    )
    out = arguments.out or beside(arguments.run, "predictions")
    evaluate(
        arguments.run,
        arguments.data,
        out,
        config=arguments.config,
        progress=TerminalProgress(),
        command=["collidium", "evaluate", *argv],
    )
    print_metrics(out)
    print(out)
    return 0
