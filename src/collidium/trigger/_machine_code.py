"""Compilation of functions of arrays to machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., object])
Reals: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.floating]
Integers: TypeAlias = NDArray[np.int64]
SUMS = {"contract", "reassoc", "nsz"}
"""Licences of the compiler where numbers are summed in any order; infinities and NaN keep their meaning."""


@cache
def has_compiler() -> bool:
    """Whether the compiler is installed."""
    return find_spec("numba") is not None


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is what the machine code takes: float32, on the processor."""
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"


def machine_code(fastmath: bool | set[str] = False) -> Callable[[Function], Function]:
    """Compile at the first call, and keep the result for other processes where there is a place to write to."""
    from numba import njit

    def decorate(function: Function) -> Function:
        try:
            compiled: Any = njit(cache=True, error_model="numpy", fastmath=fastmath)(function)
        except RuntimeError:
            compiled = njit(error_model="numpy", fastmath=fastmath)(function)
        found: Function = compiled
        return found

    return decorate
