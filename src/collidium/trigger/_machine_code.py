"""Compilation of functions of arrays to machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., object])
Reals: TypeAlias = NDArray[np.float32]


def machine_code(fastmath: bool | set[str] = False) -> Callable[[Function], Function]:
    """Compile at the first call, and keep the result for other processes where there is a place to write to."""
    from numba import njit

    def decorate(function: Function) -> Function:
        try:
            compiled: Any = njit(cache=True, fastmath=fastmath)(function)
        except RuntimeError:
            compiled = njit(fastmath=fastmath)(function)
        found: Function = compiled
        return found

    return decorate
