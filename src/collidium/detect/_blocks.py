"""Simulated data in blocks, each a function of the seed and its own number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from collidium.artifact import InputError

BLOCK_SIZE = 10_000

_Block = TypeVar("_Block")


def block_stream(purpose: str, seed: int) -> int:
    """Number of the random stream of a sample.

    Parameters
    ----------
    purpose : str
        What is simulated, so that two kinds of data with one seed differ.
    seed : int
        Seed of the sample, not negative.

    Returns
    -------
    int
        64 bits of a hash.

    Raises
    ------
    InputError
        If the seed is negative.

    Examples
    --------
    >>> block_stream("muons", 1) == block_stream("modules", 1)
    False
    """
    if seed < 0:
        raise InputError(f"seed is {seed}: it must not be negative")
    return int.from_bytes(hashlib.blake2b(f"{purpose}/{seed}".encode(), digest_size=8).digest(), "little")


def block_generator(stream: int, block: int) -> np.random.Generator:
    """Random numbers of one block, at their start."""
    return np.random.default_rng([stream, block])


def make_blocks(make: Callable[[int], _Block], total: int, *, workers: int) -> list[_Block]:
    """Make the blocks that hold ``total`` events.

    Parameters
    ----------
    make : callable
        Gives the block of a number: ``BLOCK_SIZE`` events, from the number alone.
    total : int
        Events wanted, at least 1.
    workers : int
        Threads, at least 1; the result does not depend on them.

    Returns
    -------
    list
        Blocks 0, 1, ... in order; the last may hold more events than are wanted.

    Raises
    ------
    InputError
        If a number is too small.

    Examples
    --------
    >>> make_blocks(lambda block: block, 20_001, workers=2)
    [0, 1, 2]
    """
    if total < 1 or workers < 1:
        raise InputError(f"number of events {total}, workers {workers}: at least 1 of each is needed")
    numbers = range(-(-total // BLOCK_SIZE))
    if workers == 1:
        return [make(number) for number in numbers]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(make, numbers))
