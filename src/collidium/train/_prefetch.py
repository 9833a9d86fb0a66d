"""Batches made ready while the device computes."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator

import torch

from collidium.cloud import Cloud

_DEPTH = 2


def on_device(batches: Iterator[Cloud], device: torch.device) -> Iterator[Cloud]:
    """Bring batches to the device; on a GPU a thread prepares the next ones meanwhile.

    Parameters
    ----------
    batches : iterator of Cloud
        On the CPU.
    device : torch.device
        Where they are needed.

    Returns
    -------
    iterator of Cloud
        The same batches in the same order.
    """
    return (batch.to(device) for batch in (batches if device.type == "cpu" else prefetch(batches)))


def prefetch(batches: Iterator[Cloud], *, depth: int = _DEPTH) -> Generator[Cloud, None, None]:
    """Read an iterator ahead in a thread.

    Parameters
    ----------
    batches : iterator of Cloud
        What to read.
    depth : int
        Items to hold ready.

    Yields
    ------
    Cloud
        The same items in the same order; an exception in the thread is raised here at its place. Closing the generator
        ends the thread.
    """
    ready: queue.Queue[Cloud | BaseException | None] = queue.Queue(depth)
    is_closed = threading.Event()

    def put(item: Cloud | BaseException | None) -> None:
        while not is_closed.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                break

    def read() -> None:
        try:
            for batch in batches:
                put(batch)
                if is_closed.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=read, name="collidium-prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_closed.set()
        thread.join()
