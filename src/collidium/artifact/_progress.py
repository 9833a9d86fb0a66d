"""What a long stage tells of its progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receiver of progress; the command line shows it as a bar with rate and time left."""

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Begin a task of ``total`` units (None: unknown), e.g. ``start("generate", 40_000, "jets")``."""

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count ``n`` more units done; ``figures`` are shown beside the bar, e.g. ``loss=0.31``."""

    def skip(self, n: int) -> None:
        """Count ``n`` units that an earlier call has done, or that nobody need do: they say nothing of the rate."""

    def finish(self) -> None:
        """End the task."""


class SilentProgress:
    """Progress that shows nothing: the library's default.

    Examples
    --------
    >>> SilentProgress().advance(3, loss=0.5)
    """

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Ignore the start."""

    def advance(self, n: int = 1, **figures: float) -> None:
        """Ignore the advance."""

    def skip(self, n: int) -> None:
        """Ignore the units."""

    def finish(self) -> None:
        """Ignore the end."""
