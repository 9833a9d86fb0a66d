"""Training, validation and test parts, decided by the event number alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError

SplitName = Literal["train", "val", "test", "all"]
SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
_FRACTIONS = (0.7, 0.15, 0.15)
_MEMBERS = 64


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
    """Number the jets of a stream that has one jet an event; see :func:`jet_ids`.

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
        Collisions are as rare as those of random 58-bit numbers.

    Examples
    --------
    >>> bool((event_ids(7, 3) == event_ids(7, 2, start=1)[0]).sum() == 1)
    True
    """
    return jet_ids(stream, np.arange(start, start + count), np.zeros(count, dtype=np.int64))


def jet_ids(stream: int, event: NDArray[np.int64], member: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number jets so that all jets of one event share a split.

    Parameters
    ----------
    stream : int
        Identity of the stream: a hash of what made it; any non-negative integer, 64 bits are used.
    event : ndarray of int64, (N,)
        Number of each jet's event in the stream.
    member : ndarray of int64, (N,)
        Number of the jet in its event, below 64.

    Returns
    -------
    ndarray of uint64, (N,)
        58 bits of hash of (stream, event), then 6 bits of ``member``.

    Raises
    ------
    InputError
        If an event has more than 64 jets.

    Examples
    --------
    >>> ids = jet_ids(7, np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> len(set(ids.tolist())), len(set(split_of(ids[:2]).tolist()))
    (3, 1)
    """
    if len(member) and not 0 <= member.min() <= member.max() < _MEMBERS:
        raise InputError(f"an event has {member.max() + 1} jets; at most {_MEMBERS} can be numbered")
    base = mix64(np.array([stream & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    with np.errstate(over="ignore"):
        number = mix64(base + event.astype(np.uint64))
    return number - number % np.uint64(_MEMBERS) + member.astype(np.uint64)


def split_of(event_id: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Part of each jet: 70 % train (0), 15 % validation (1), 15 % test (2).

    Parameters
    ----------
    event_id : ndarray of uint64, (N,)
        The jets' numbers.

    Returns
    -------
    ndarray of uint8, (N,)
        Index into ``SPLITS``; the same for the same event in every dataset, and for all jets of an event.

    Examples
    --------
    >>> np.bincount(split_of(event_ids(1, 10000))).tolist()
    [7005, 1520, 1475]
    """
    uniform = (mix64(event_id // np.uint64(_MEMBERS)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.digitize(uniform, np.cumsum(_FRACTIONS[:-1])).astype(np.uint8)
