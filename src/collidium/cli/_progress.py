"""Progress as a person sees it: a bar with rate and time left, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_SECONDS = 10.0


class _Rate(TextColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        """Text of the rate."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} {task.fields['unit']}/s", style="cyan")


class TerminalProgress:
    """Shows stages on standard error.

    Parameters
    ----------
    console : Console, optional
        Where to write; standard error by default.

    Examples
    --------
    >>> progress = TerminalProgress(Console(quiet=True))
    >>> progress.start("generate", 10, "jets")
    >>> progress.advance(10, loss=0.5)
    >>> progress.finish()
    """

    shown: ClassVar[Progress | None] = None
    """The bar on the terminal; it hides the cursor until it is stopped."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._label, self._unit = "", ""
        self._total: int | None = None
        self._done = self._skipped = 0
        self._started = self._spoken = 0.0

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Begin a task of ``total`` units."""
        self.finish()
        self._label, self._unit, self._total = label, unit, total
        self._done = self._skipped = 0
        self._started = self._spoken = time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(""),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[figures]}", style="dim"),
                console=self._console,
                speed_estimate_period=30,
            )
            self._task = self._bar.add_task(label, total=total, unit=unit, figures="")
            self._bar.start()
            TerminalProgress.shown = self._bar

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count ``n`` units and show the figures."""
        self._done += n
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if self._bar is not None:
            self._bar.update(self._task, advance=n)
            if shown:
                self._bar.update(self._task, figures=shown)
        elif time.monotonic() - self._spoken > LINE_SECONDS:
            self._spoken = time.monotonic()
            self._console.print(self._line(shown), highlight=False, markup=False)

    def skip(self, n: int) -> None:
        """Count ``n`` units without time."""
        self._done += n
        self._skipped += n
        if self._bar is not None:
            (task,) = self._bar.tasks
            task.completed = self._done  # an update would count it as speed

    def finish(self) -> None:
        """End the task."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = TerminalProgress.shown = None

    @classmethod
    def clear(cls) -> None:
        """Stop the bar that an error has left on the terminal."""
        if cls.shown is not None:
            cls.shown.stop()
            cls.shown = None

    def _line(self, figures: str) -> str:
        """Plain line for a log file."""
        rate = (self._done - self._skipped) / max(time.monotonic() - self._started, 1e-9)
        parts = [f"{self._label}: {self._done:,}" + (f" of {self._total:,}" if self._total else "") + f" {self._unit}"]
        parts.append(f"{rate:,.0f}/s")
        if self._total and rate:
            minutes, seconds = divmod(int((self._total - self._done) / rate), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        return ", ".join([*parts, *([figures] if figures else [])])
