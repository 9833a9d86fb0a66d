"""Ctrl-C between two steps instead of inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Remembers whether Ctrl-C was pressed.

    Attributes
    ----------
    is_requested : bool
        True after the first Ctrl-C.
    """

    def __init__(self) -> None:
        self.is_requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal; the second one is not patient."""
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Hold Ctrl-C back inside the block, which looks at ``is_requested`` where stopping is safe.

    Yields
    ------
    Interrupt
        The second Ctrl-C raises KeyboardInterrupt at once. Outside the main thread, which alone receives signals,
        nothing is changed.

    Examples
    --------
    >>> with deferred_interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupt.is_requested
    True
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    earlier = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, earlier)
