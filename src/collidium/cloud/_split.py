"""Training, validation and test parts, decided by the event number alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "val", "test", "all"]
SPLITS: tuple[str, ...] = ("train", "val", "test")
_FRACTIONS = (0.7, 0.15, 0.15)


def mix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64-bit integers so that every output bit depends on every input bit (the SplitMix64 finaliser).

    Parameters
    ----------
    value : ndarray of uint64
        Any integers.

    Returns
    -------
    ndarray of uint64
        A bijection of them.

    References
    ----------
    Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, section 3.
    """
    with np.errstate(over="ignore"):
        z = value + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def event_ids(stream: int, count: int, *, start: int = 0) -> NDArray[np.uint64]:
    """Number the jets of a stream (a file, a block of generation) so that streams do not collide.

    Parameters
    ----------
    stream : int
        Identity of the stream: a hash of what made it; any non-negative integer, 64 bits are used.
    count : int
        Number of jets.
    start : int
        Number of the first jet in the stream.

    Returns
    -------
    ndarray of uint64, (count,)
        Distinct within the stream; collisions between streams are as rare as those of random 64-bit numbers.

    Examples
    --------
    >>> bool((event_ids(7, 3) == event_ids(7, 2, start=1)[0]).sum() == 1)
    True
    """
    base = mix64(np.array([stream & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    number: NDArray[np.uint64] = np.arange(start, start + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return mix64(base + number)


def split_of(event_id: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Part of each jet: 70 % train (0), 15 % validation (1), 15 % test (2).

    Parameters
    ----------
    event_id : ndarray of uint64, (N,)
        The jets' numbers.

    Returns
    -------
    ndarray of uint8, (N,)
        Index into ``SPLITS``; the same for the same number in every dataset.

    Examples
    --------
    >>> np.bincount(split_of(np.arange(10000, dtype=np.uint64))).tolist()
    [6977, 1537, 1486]
    """
    uniform = (mix64(event_id) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.digitize(uniform, np.cumsum(_FRACTIONS[:-1])).astype(np.uint8)
