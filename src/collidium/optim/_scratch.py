"""Memory that the matrices of a step use one after the other."""

from __future__ import annotations

import torch
from torch import Tensor


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
        self._free: list[Tensor] = []
        self._lent: list[Tensor] = []

    def like(self, tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Contiguous tensor of this shape and device with undefined content."""
        size, dtype = tensor.numel(), dtype or tensor.dtype
        fitting = [
            block
            for block in self._free
            if block.numel() >= size and block.dtype == dtype and block.device == tensor.device
        ]
        if fitting:
            block = min(fitting, key=Tensor.numel)
            self._free = [other for other in self._free if other is not block]
        else:
            block = torch.empty(size, dtype=dtype, device=tensor.device)
        self._lent.append(block)
        return block[:size].view(tensor.shape)

    def reset(self) -> None:
        """Take everything back."""
        self._free += self._lent
        self._lent = []
