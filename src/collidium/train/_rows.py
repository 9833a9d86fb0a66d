"""Figures of a training as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from collidium.artifact import InputError, atomic_write

METRICS_NAME = "metrics.jsonl"
TIMINGS_NAME = "timings.jsonl"
Row = dict[str, float]


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Add one row to a file of lines.

    Parameters
    ----------
    path : Path
        The file; made if absent.
    row : mapping of str to float
        The figures, in the order of the columns.
    """
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Read a file of lines.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of dict
        One per row.

    Raises
    ------
    InputError
        If the file is absent or a line is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    return [_parse(path, number, line) for number, line in enumerate(lines, start=1)]


def cut_rows(path: Path, step: int) -> None:
    """Drop the rows after a step, and whatever a kill left of a line.

    Parameters
    ----------
    path : Path
        A file whose rows have a ``step`` that does not fall; may be absent.
    step : int
        The last step to keep; all rows up to it are whole, because a checkpoint is written after its row.

    Raises
    ------
    InputError
        If a line up to that step is damaged.
    """
    if not path.is_file():
        return
    kept: list[str] = []
    lines = path.read_bytes().decode("utf-8", errors="replace").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line.endswith("\n"):
            break
        if _parse(path, number, line)["step"] > step:
            break
        kept.append(line)
    with atomic_write(path, "w") as stream:
        stream.write("".join(kept))


def _parse(path: Path, number: int, line: str) -> Row:
    """One row, a mapping with a step."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}: line {number} is damaged ({error})") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        raise InputError(f"{path}: line {number} is damaged (a record with a step is needed)")
    return row
