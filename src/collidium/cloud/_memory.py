"""Large arrays whose memory is used again once nobody holds them."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray


class RecycledMemory:
    """Gives out float32 matrices, and takes their memory back when the last array or tensor that shows it is gone.

    New memory comes from the system page by page, cleared: for large arrays that costs as much as filling them.

    Examples
    --------
    >>> memory = RecycledMemory()
    >>> matrix = memory.empty(4, 2)
    >>> matrix.shape
    (4, 2)
    """

    def __init__(self) -> None:
        self._free: list[NDArray[np.float32]] = []

    def empty(self, rows: int, width: int) -> NDArray[np.float32]:
        """A matrix with arbitrary content, (rows, width)."""
        size = rows * width
        fitting = [place for place, block in enumerate(self._free) if size <= block.size]
        if fitting:
            block = self._free.pop(min(fitting, key=lambda place: self._free[place].size))
        else:
            self._free.clear()
            block = np.empty(size + size // 8, np.float32)
        matrix = block[:size].reshape(rows, width)
        weakref.finalize(matrix, self._free.append, block).atexit = False
        return matrix
