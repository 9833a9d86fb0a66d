"""What every benchmark shares: an environment for the peer, rows of ours against theirs, one table and one file."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from collidium.artifact import atomic_write

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
DATA = ROOT / "data"
PEERS = Path(__file__).parent / "peers"
WEAVER = ["torch==2.13.0", "weaver-core==0.5.3"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure of ours beside the peer's.

    ``ratio`` is ours over the peer's, or ``paired_ratio`` if it was measured pair by pair; ``target`` is the least
    ratio wanted (the largest, where ``is_cost``).
    """

    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str | None
    target: float | None
    is_cost: bool = False
    paired_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.paired_ratio is not None:
            return self.paired_ratio
        return None if self.peer is None else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value <= self.target if self.is_cost else value >= self.target


def machine() -> str:
    """Processor and cores of this machine."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        model = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), model
        )
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def publish(name: str, rows: list[Row]) -> None:
    """Print the table and write ``results/NAME.json``, where the figures of other machines stay."""
    table = Table(title=name, title_justify="left")
    for column in ("figure", "unit", "ours", "peer", "peer is", "ratio", "target", "met"):
        table.add_column(column, justify="right" if column in ("ours", "peer", "ratio", "target") else "left")
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    path, here = RESULTS / f"{name}.json", machine()
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    content = [figure for figure in known if figure["machine"] != here]
    for row in rows:
        sign = "<=" if row.is_cost else ">="
        table.add_row(
            row.name,
            row.unit,
            f"{row.ours:,.4g}",
            "" if row.peer is None else f"{row.peer:,.4g}",
            row.peer_name or "",
            "" if row.ratio is None else f"{row.ratio:.3g}",
            "" if row.target is None else f"{sign} {row.target:g}",
            {True: "yes", False: "NO", None: ""}[row.met],
        )
        content.append({**asdict(row), "ratio": row.ratio, "met": row.met, "machine": here, "date": date})
    Console(width=150).print(table)
    RESULTS.mkdir(exist_ok=True)
    with atomic_write(path, "w") as stream:
        stream.write(json.dumps(content, indent=2) + "\n")


def peer_python(name: str, requirements: list[str]) -> Path:
    """Interpreter of an environment that holds a peer and nothing of ours; made at the first call."""
    folder = ROOT / f".venv-peer-{name}"
    python = folder / "bin" / "python"
    stamp = folder / ".requirements"
    wanted = "\n".join(requirements)
    if not stamp.is_file() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        stamp.write_text(wanted)
    return python


def run_json(
    python: Path | str,
    script: Path,
    *arguments: str | Path,
    threads: int | None = None,
    timeout: float | None = None,
) -> dict[str, float]:
    """Run a script that prints one JSON object as its last line; ``subprocess.TimeoutExpired`` after ``timeout``, s."""
    environment = dict(os.environ)
    if threads is not None:
        environment.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    command = [str(python), str(script), *map(str, arguments)]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=timeout
    ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def collidium(*arguments: str | Path) -> None:
    """Run a verb of ours in this environment."""
    subprocess.run([sys.executable, "-m", "collidium.cli", *map(str, arguments)], check=True)


def dataset(name: str, recipe: str, *flags: str) -> Path:
    """Path of a generated dataset, made at the first call."""
    path = DATA / f"bench-{name}"
    if not path.exists():
        collidium("generate", recipe, *flags, "--out", path)
    return path


def median_seconds(step: Callable[[], object], *, repeats: int, warmup: int = 1) -> float:
    """Median wall time of a step."""
    for _ in range(warmup):
        step()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
