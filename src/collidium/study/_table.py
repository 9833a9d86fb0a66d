"""The summary as CSV and as Markdown."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import atomic_write

Row = Mapping[str, Any]
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("rate", "best rate", "{:.3g}"),
    ("loss", "loss", "{:.4f}"),
    ("loss_spread", "± seeds", "{:.4f}"),
    ("steps_fraction", "steps to AdamW's loss", "{:.2f}"),
    ("seconds_fraction", "time to AdamW's loss", "{:.2f}"),
    ("head_recall", "head recall", "{:.3f}"),
    ("tail_recall", "tail recall", "{:.3f}"),
    ("entropy", "entropy", "{:.4f}"),
    ("state_bytes", "state, B per number", "{:.3f}"),
    ("model_milliseconds", "model, ms", "{:.2f}"),
    ("optimizer_milliseconds", "optimizer, ms", "{:.2f}"),
)
_CSV = (
    "task", "member", "is_edge", "num_sweep_diverged", "num_seeds", "num_diverged", "initial_entropy",
    "state_bytes_model", *(name for name, _, _ in COLUMNS),
)  # fmt: skip


def write_tables(stem: Path, rows: Sequence[Row]) -> None:
    """Write ``STEM.csv`` with all figures and ``STEM.md`` for reading.

    Parameters
    ----------
    stem : Path
        Both files' name without ending.
    rows : sequence of Mapping
        The summary with seconds.
    """
    with atomic_write(stem.with_suffix(".csv"), "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_CSV)
        writer.writerows(["" if row[name] is None else row[name] for name in _CSV] for row in rows)
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    with atomic_write(stem.with_suffix(".md"), "w") as stream:
        stream.write("\n".join(f"## {task}\n\n{markdown_table(rows, task)}" for task in tasks))


def markdown_table(rows: Sequence[Row], task: str) -> str:
    """Rows of a task, the smallest loss first.

    Parameters
    ----------
    rows : sequence of Mapping
        The summary with seconds.
    task : str
        Which task.

    Returns
    -------
    str
        A Markdown table without the columns that the task does not have; a member that diverged is flagged.
    """
    chosen = sorted((row for row in rows if row["task"] == task), key=_by_loss)
    columns = [column for column in COLUMNS if any(row[column[0]] is not None for row in chosen)]
    header = ["member", *(title for _, title, _ in columns), "remarks"]
    lines = [header, ["---", *("---:" for _ in columns), "---"]]
    for row in chosen:
        cells = ["" if row[name] is None else shape.format(row[name]) for name, _, shape in columns]
        lines.append([f"`{row['member']}`", *cells, remarks(row)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def remarks(row: Row) -> str:
    """What must not be overlooked about a row.

    Parameters
    ----------
    row : Mapping
        Of the summary.

    Returns
    -------
    str
        Divergence and sweeps that ended at their edge.

    Examples
    --------
    >>> remarks({"rate": None, "num_sweep_diverged": 5, "num_diverged": 0, "num_seeds": 0, "is_edge": False})
    'diverged at every rate'
    """
    if row["rate"] is None:
        return "diverged at every rate"
    said = []
    if row["num_diverged"]:
        said.append(f"{row['num_diverged']} of {row['num_seeds']} seeds diverged")
    if row["num_sweep_diverged"]:
        said.append(f"rates of the sweep that diverged: {row['num_sweep_diverged']}")
    if row["is_edge"]:
        said.append("best rate at the edge of the sweep")
    return "; ".join(said)


def _by_loss(row: Row) -> tuple[bool, float, str]:
    return row["loss"] is None, row["loss"] or 0.0, row["member"]
