"""Recycled memory: used again when nobody holds it, never before."""

from __future__ import annotations

import gc

import torch

from collidium.cloud._memory import RecycledMemory


def test_memory_is_used_again_once_free() -> None:
    memory = RecycledMemory()
    first = memory.empty(1000, 3)
    place = first.ctypes.data
    del first
    assert memory.empty(1100, 2).ctypes.data == place


def test_larger_matrices_get_new_memory() -> None:
    memory = RecycledMemory()
    memory.empty(10, 3)
    assert memory.empty(1000, 3).shape == (1000, 3)


def test_what_is_shown_stays() -> None:
    memory = RecycledMemory()
    matrix = memory.empty(100, 4)
    matrix[:] = 7.0
    rows = torch.from_numpy(matrix)[10:20]
    del matrix
    gc.collect()
    others = [memory.empty(100, 4) for _ in range(3)]
    for other in others:
        other[:] = 1.0
    assert bool((rows == 7.0).all())
    assert len({other.ctypes.data for other in others}) == 3
