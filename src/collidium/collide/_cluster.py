"""Blocks on a dask cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

from collidium.artifact import InputError, missing_extra
from collidium.cloud import Jets
from collidium.collide._block import generate_block
from collidium.collide._config import GenerateConfig
from collidium.collide._plan import Block


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
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise missing_extra("distributed", "cluster") from error
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}") from error
    with client:
        futures = {client.submit(_make, config, block, pure=False): block for block in blocks}
        try:
            for future, jets in distributed.as_completed(list(futures), loop=client.loop, with_results=True):
                advance(len(jets))
                yield futures[future], jets
                future.release()
        finally:
            client.cancel(list(futures))


def _make(config: GenerateConfig, block: Block) -> Jets:
    """A block on a cluster's worker."""
    return generate_block(config, block, advance=lambda _: None)
