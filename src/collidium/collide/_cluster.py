"""Blocks on a dask cluster."""

from __future__ import annotations

import importlib
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from typing import Any

from collidium.artifact import InputError, missing_extra
from collidium.cloud import Jets
from collidium.collide._block import generate_block
from collidium.collide._config import GenerateConfig
from collidium.collide._plan import Block

_SECONDS_BETWEEN_LOOKS = 1.0


def run_on_cluster(
    config: GenerateConfig, blocks: Sequence[Block], *, address: str, advance: Callable[[int], None]
) -> Generator[tuple[Block, Jets], None, None]:
    """Make blocks on the workers of a dask scheduler.

    Parameters
    ----------
    config : GenerateConfig
        What to generate.
    blocks : sequence of Block
        The blocks still to make.
    address : str
        Address of the scheduler, e.g. ``tcp://login1:8786``.
    advance : callable
        Called with numbers of jets as blocks arrive.

    Yields
    ------
    tuple of Block and Jets
        Each block once, in the order in which they are ready.

    Raises
    ------
    InputError
        If the scheduler does not answer, or a block cannot be made from this configuration.

    Notes
    -----
    Dask cannot end a task that runs. Closing this iterator therefore also raises a flag, at which the workers leave the
    blocks in work after a batch of events.
    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}") from error
    with client:
        stop = f"collidium-stop-{uuid.uuid4().hex}"
        futures = {client.submit(_make, config, block, stop, pure=False): block for block in blocks}
        try:
            for future, jets in distributed.as_completed(list(futures), loop=client.loop, with_results=True):
                advance(len(jets))
                yield futures[future], jets
                future.release()
        except BaseException:
            distributed.Event(stop, client=client).set()
            raise
        finally:
            client.cancel(list(futures))


class _StoppedError(Exception):
    """Nobody wants the block any more."""


def _distributed() -> Any:
    """The optional library."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise missing_extra("distributed", "cluster") from error


def _make(config: GenerateConfig, block: Block, stop: str) -> Jets:
    """A block on a cluster's worker, given up when the flag is raised."""
    flag = _distributed().Event(stop)
    looked = time.monotonic()

    def look(_: int) -> None:
        nonlocal looked
        if time.monotonic() - looked < _SECONDS_BETWEEN_LOOKS:
            return
        looked = time.monotonic()
        if flag.is_set():
            raise _StoppedError(block.name)

    return generate_block(config, block, advance=look)
