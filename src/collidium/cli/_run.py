"""``collidium run``: a chain of stages, each an artifact, each made once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from collidium.analysis import TemplatesConfig, make_templates
from collidium.artifact import InputError, atomic_write, json_dumps, read_manifest, to_plain
from collidium.cli._arguments import parse, recipe_table, take_recipe
from collidium.cli._progress import TerminalProgress
from collidium.cli._show import print_metrics
from collidium.cloud import Dataset
from collidium.evaluate import EvaluateConfig, Evaluation, evaluate
from collidium.measure import FIT_NAME, LIMIT_NAME, LimitConfig, WorkspaceConfig, fit_workspace, limit_workspace
from collidium.recipes import ChainConfig
from collidium.report import PAGE_NAME, build_report
from collidium.train import train

SUMMARY_NAME = "summary.json"


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """Flags of the verb."""

    config: Annotated[ChainConfig, tyro.conf.arg(name="")]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder of all stages."""
    workers: int = os.cpu_count() or 1
    """Processes of the generation."""


def run(argv: list[str]) -> int:
    """Run a chain."""
    name, config, rest = take_recipe(argv, "chain", verb="run")
    assert isinstance(config, ChainConfig)
    default = RunArguments(config=config, out=Path("runs") / name)
    arguments = parse(RunArguments, rest, verb=f"run {name}", description=recipe_table("chain"), default=default)
    summary = run_chain(arguments.config, arguments.out, workers=arguments.workers, command=["collidium", "run", *argv])
    print_metrics(arguments.out / "predictions")
    if "signal_strength" in summary:
        print(_told(summary))
    print(f"{summary['report']}  ({summary['seconds']:.0f} s)")
    return 0


def run_chain(
    config: ChainConfig, out: Path, *, workers: int = 1, command: Sequence[str] | None = None
) -> dict[str, str | int | float]:
    """Generate, train, evaluate, measure and report; finished stages of the same configuration are passed by.

    Parameters
    ----------
    config : ChainConfig
        Configuration of each stage.
    out : Path
        Folder of all stages.
    workers : int
        Processes of the generation.
    command : sequence of str, optional
        Recorded in the manifests.

    Returns
    -------
    dict
        What ``summary.json`` holds: ``auc``, ``auc_low``, ``auc_high``, ``accuracy``, ``num_jets``, ``seconds``
        (wall time of the stages), ``report`` (path of the page) and the seconds of each stage; with a measurement also
        ``signal_strength``, ``signal_strength_error``, ``signal_strength_true``, ``upper_limit`` and
        ``upper_limit_expected``.

    Raises
    ------
    InputError
        If a stage's folder holds another configuration.
    """
    out.mkdir(parents=True, exist_ok=True)
    from collidium.collide import generate

    progress = TerminalProgress()
    data, model, predictions, report = (out / name for name in ("data", "model", "predictions", "report"))
    measure = EvaluateConfig()
    seconds = {
        "generate": _stage(
            data,
            config.generate,
            (),
            lambda: generate(config.generate, data, workers=workers, progress=progress, command=command),
        ),
        "train": _stage(
            model, config.run, (data,), lambda: train(config.run, data, model, progress=progress, command=command)
        ),
        "evaluate": _stage(
            predictions,
            measure,
            (model, data),
            lambda: evaluate(model, data, predictions, config=measure, progress=progress, command=command),
        ),
    }
    measurements = () if config.templates is None else (out / "fit", out / "limit")
    if config.templates is not None:
        seconds["measure"] = _measure(config.templates, out, command)
    seconds["report"] = _stage(
        report,
        None,
        (model, predictions, data, *measurements),
        lambda: build_report(
            model, predictions, data, report, measurements=measurements, progress=progress, command=command
        ),
    )
    figures = Evaluation.read(predictions)
    summary: dict[str, str | int | float] = {
        "auc": figures.auc_one_vs_one.value,
        "auc_low": figures.auc_one_vs_one.low,
        "auc_high": figures.auc_one_vs_one.high,
        "accuracy": figures.accuracy.value,
        "num_jets": Dataset.open(data).num_jets,
        "num_test_jets": figures.num_jets,
        "seconds": round(sum(seconds.values()), 1),
        "report": str(report / PAGE_NAME),
        **({} if config.templates is None else _measured(config.templates, out)),
        **{f"seconds_{stage}": value for stage, value in seconds.items()},
    }
    with atomic_write(out / SUMMARY_NAME, "w") as stream:
        stream.write(json_dumps(summary))
    return summary


def _measure(config: TemplatesConfig, out: Path, command: Sequence[str] | None) -> float:
    """Templates, fit and limit of the scores; returns their seconds."""
    predictions, templates, best, limit = (out / name for name in ("predictions", "templates", "fit", "limit"))
    workspace, test = WorkspaceConfig(), LimitConfig()
    stages = (
        (
            templates,
            config,
            (predictions,),
            lambda: make_templates(predictions, templates, config=config, command=command),
        ),
        (best, workspace, (templates,), lambda: fit_workspace(templates, best, config=workspace, command=command)),
        (
            limit,
            {"workspace": workspace, "limit": test},
            (templates,),
            lambda: limit_workspace(templates, limit, config=workspace, limit=test, command=command),
        ),
    )
    return round(sum(_stage(*stage) for stage in stages), 1)


def _measured(config: TemplatesConfig, out: Path) -> dict[str, float]:
    """Figures of the measurement for the summary; a signal strength on its bound has no error."""
    best = json.loads((out / "fit" / FIT_NAME).read_text(encoding="utf-8"))
    limit = json.loads((out / "limit" / LIMIT_NAME).read_text(encoding="utf-8"))
    strength = best["parameters"][best["poi"]]
    return {
        "signal_strength": strength["value"],
        "signal_strength_error": strength["error"],
        "signal_strength_true": config.signal_strength,
        "upper_limit": limit["upper_limit_observed"],
        "upper_limit_expected": limit["upper_limit_expected"][2],
    }


def _told(summary: Mapping[str, str | int | float]) -> str:
    """The measurement in one line."""
    error = summary["signal_strength_error"]
    width = "" if error is None else f" ± {error:.2f}"
    return (
        f"signal strength of the pseudo-data {summary['signal_strength']:.2f}{width} (true "
        f"{summary['signal_strength_true']:g}), below {summary['upper_limit']:.2f} at 95 % CL"
    )


def _stage(path: Path, config: object | None, inputs: Sequence[Path], make: Callable[[], object]) -> float:
    """Make a stage's artifact unless it is there; returns the seconds it took when it was made."""
    if not path.exists():
        started = time.monotonic()
        make()
        return round(time.monotonic() - started, 1)
    manifest = read_manifest(path)
    if config is not None and manifest.config != to_plain(config):
        raise InputError(f"{path}: made with another configuration; choose another --out or remove it")
    current = sorted(read_manifest(item).content_hash for item in inputs)
    if sorted(manifest.inputs.values()) != current:
        raise InputError(f"{path}: made from other inputs than those beside it; remove it to make it again")
    return manifest.seconds
