"""``collidium show``."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from collidium.artifact import Manifest, read_manifest
from collidium.cli._arguments import parse
from collidium.cli._show_measurement import (
    show_bumphunt,
    show_fit,
    show_limit,
    show_ranking,
    show_resonance,
    show_scan,
    show_templates,
    show_toys,
)
from collidium.cli._show_trigger import show_firmware, show_search, show_trigger_run, show_trigger_samples
from collidium.cloud import SPLITS, Dataset
from collidium.evaluate import Evaluation
from collidium.study import Study
from collidium.train import Run


@dataclass(frozen=True, kw_only=True)
class ShowArguments:
    """Flags of the verb."""

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")]
    """Folder of an artifact."""


def run(argv: list[str]) -> int:
    """Print an artifact."""
    path = parse(ShowArguments, argv, verb="show", description="Print what an artifact is and holds.").path
    manifest = read_manifest(path)
    console = Console(highlight=False, markup=False)
    _print_manifest(console, path, manifest)
    show = _SHOW.get(manifest.kind)
    if show is not None:
        show(console, path)
    return 0


def print_metrics(path: Path) -> None:
    """Print the headline figures of predictions."""
    _show_predictions(Console(highlight=False, markup=False), path)


def print_study(path: Path) -> None:
    """Print the figures of a study."""
    _show_study(Console(highlight=False, markup=False), path)


def _print_manifest(console: Console, path: Path, manifest: Manifest) -> None:
    table = Table(title=f"{path} ({manifest.kind})", show_header=False, title_justify="left")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    table.add_row("content hash", manifest.content_hash[:16])
    table.add_row("size", f"{size / 2**20:.1f} MiB in {len(manifest.files)} files")
    table.add_row("made in", f"{manifest.seconds:.1f} s")
    table.add_row("seed", str(manifest.seed))
    for name, value in manifest.inputs.items():
        table.add_row("input", f"{name} {value[:16]}")
    table.add_row("packages", ", ".join(f"{name} {version}" for name, version in manifest.packages.items()))
    if manifest.command:
        table.add_row("command", shlex.join(manifest.command))
    console.print(table)


def _show_dataset(console: Console, path: Path) -> None:
    dataset = Dataset.open(path)
    table = Table(title=f"{dataset.num_jets:,} jets in {dataset.num_shards} shards", title_justify="left")
    for name in ("class", *SPLITS):
        table.add_column(name, justify="left" if name == "class" else "right")
    counts = np.zeros((1 + len(dataset.classes), len(SPLITS)), dtype=np.int64)
    for index in range(dataset.num_shards):
        label = dataset.read_scalar(index, "label")
        for number, split in enumerate(SPLITS):
            counts[:, number] += np.bincount(label[dataset.rows(index, split)] + 1, minlength=len(counts))
    for name, row in zip(("unlabelled", *dataset.classes), counts.tolist(), strict=True):
        if any(row):
            table.add_row(name, *(f"{count:,}" for count in row))
    console.print(table)
    columns = Table(title="columns", title_justify="left")
    for name in ("name", "unit", "per", "type", "meaning"):
        columns.add_column(name)
    for column in dataset.columns.values():
        columns.add_row(column.name, column.unit, column.scope, column.dtype, column.description)
    console.print(columns)


def _show_run(console: Console, path: Path) -> None:
    opened = Run.open(path)
    parameters = sum(parameter.numel() for parameter in opened.model().parameters())
    table = Table(title=f"{type(opened.config.model).__name__}, {parameters:,} parameters", title_justify="left")
    rows = opened.metrics()
    names = [name for name in rows[-1] if not isinstance(rows[-1][name], str)] if rows else []
    for name in names:
        table.add_column(name, justify="right")
    for row in rows[-5:]:
        table.add_row(*(_number(row.get(name)) for name in names))
    console.print(table)
    console.print(f"features: {', '.join(opened.schema.names) or ', '.join(f.name for f in opened.schema.jet)}")


def _show_predictions(console: Console, path: Path) -> None:
    figures = Evaluation.read(path)
    if not figures.has_figures:
        console.print("no jet has a label: scores without figures")
        return
    table = Table(title=f"{figures.num_jets:,} jets", title_justify="left")
    for name in ("figure", "value", "interval"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name in ("accuracy", "auc_one_vs_one", "auc_one_vs_rest", "nll", "ece"):
        value = getattr(figures, name)
        table.add_row(name, f"{value.value:.5f}", f"{value.low:.5f} to {value.high:.5f}")
    for pair in figures.pairs:
        for point in pair.rejections:
            label = f"1/eB, {pair.signal} against {pair.background} at {point.signal_efficiency:.0%}"
            interval = point.rejection
            table.add_row(label, f"{interval.value:.1f}", f"{interval.low:.1f} to {interval.high:.1f}")
    console.print(table)


def _show_study(console: Console, path: Path) -> None:
    study = Study.open(path)
    figures = ("rate", "loss", "steps_fraction", "tail_recall", "entropy", "state_bytes", "optimizer_milliseconds")
    for task in dict.fromkeys(row["task"] for row in study.summary):
        table = Table(title=task, title_justify="left")
        table.add_column("member", no_wrap=True)
        for name in ("rate", "loss", "steps", "tail", "entropy", "state B", "ms"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("diverged", no_wrap=True)
        for row in (row for row in study.summary if row["task"] == task):
            diverged = "always" if row["rate"] is None else f"{row['num_diverged']} of {row['num_seeds']}"
            table.add_row(row["member"], *(_short(row[name]) for name in figures), diverged)
        console.print(table)


def _number(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) else ""


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


_SHOW: dict[str, Callable[[Console, Path], None]] = {
    "dataset": _show_dataset,
    "run": _show_run,
    "predictions": _show_predictions,
    "study": _show_study,
    "templates": show_templates,
    "fit": show_fit,
    "limit": show_limit,
    "scan": show_scan,
    "ranking": show_ranking,
    "toys": show_toys,
    "resonance": show_resonance,
    "bumphunt": show_bumphunt,
    "trigger-run": show_trigger_run,
    "trigger-samples": show_trigger_samples,
    "trigger-search": show_search,
    "firmware": show_firmware,
}
