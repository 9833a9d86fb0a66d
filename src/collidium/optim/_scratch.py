"""Memory that the matrices of a step, and the steps, use one after the other."""

from __future__ import annotations

import math
from bisect import bisect_left, insort_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import torch
from torch import Tensor

KEPT_BYTES = 64 << 20
"""Most that an optimizer keeps from step to step: larger matrices pay for new memory with far more arithmetic."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Memory, and the tensors of several shapes that were lent of it: a view costs as much as a small sum."""

    memory: Tensor
    size: int
    views: dict[tuple[int, ...], Tensor] = field(default_factory=dict)

    def shaped(self, shape: tuple[int, ...], size: int) -> Tensor:
        view = self.views.get(shape)
        if view is None:
            view = self.views[shape] = self.memory[:size].view(shape)
        return view


_size = attrgetter("size")


class Scratch:
    """Lends uninitialised tensors until it is reset, then lends the same memory again.

    Tensors of a megabyte are otherwise new pages of the system for every matrix, which costs an elementwise rule as
    much as its arithmetic.

    Examples
    --------
    >>> scratch = Scratch()
    >>> first = scratch.like(torch.zeros(2, 3))
    >>> scratch.reset()
    >>> scratch.like(torch.zeros(3, 2)).data_ptr() == first.data_ptr()
    True
    """

    def __init__(self) -> None:
        self._free: defaultdict[tuple[torch.dtype, torch.device], list[_Block]] = defaultdict(list)
        self._lent: list[_Block] = []

    def empty(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Contiguous tensor with undefined content."""
        size = math.prod(shape)
        free = self._free[dtype, device]
        index = bisect_left(free, size, key=_size)
        fits = index < len(free)
        block = free.pop(index) if fits else _Block(torch.empty(size, dtype=dtype, device=device), size)
        self._lent.append(block)
        return block.shaped(tuple(shape), size)

    def like(self, tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Contiguous tensor of this shape and device with undefined content."""
        return self.empty(tensor.shape, dtype or tensor.dtype, tensor.device)

    def brief(self, tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """As `like`, but only until the next loan."""
        borrowed = self.like(tensor, dtype)
        self._take_back(self._lent.pop())
        return borrowed

    def fast(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        """The tensor as reductions along rows are fast: on a CPU contiguous and at least in this precision."""
        if tensor.device.type != "cpu" or (tensor.dtype.itemsize >= dtype.itemsize and tensor.is_contiguous()):
            return tensor
        return self.like(tensor, torch.promote_types(tensor.dtype, dtype)).copy_(tensor)

    @property
    def num_lent(self) -> int:
        """Loans since the last reset."""
        return len(self._lent)

    def reset(self, kept: int = 0) -> None:
        """Take everything back but so many of the first loans."""
        for block in self._lent[kept:]:
            self._take_back(block)
        del self._lent[kept:]

    def settle(self) -> None:
        """Take everything back, and keep it if it is not too much, and not on a GPU, where torch keeps memory."""
        self.reset()
        for key in [key for key in self._free if key[1].type != "cpu"]:
            del self._free[key]
        if sum(block.memory.nbytes for free in self._free.values() for block in free) > KEPT_BYTES:
            self._free.clear()

    def _take_back(self, block: _Block) -> None:
        insort_left(self._free[block.memory.dtype, block.memory.device], block, key=_size)
