"""Machine code of trained widths."""

from __future__ import annotations

import numpy as np

from collidium.trigger._machine_code import Reals, machine_code


@machine_code()
def clip(widths: Reals, low: float, high: float) -> None:
    """Bring widths back into their limits."""
    least, most = np.float32(low), np.float32(high)
    for j in range(len(widths)):
        widths[j] = min(max(widths[j], least), most)


@machine_code()
def widths_to_powers(widths: Reals, powers: Reals) -> None:
    """Write the rounded widths, and ``2**whole`` and ``2**-whole`` by the bits of the floating-point numbers."""
    bits = powers.view(np.int32)
    for j in range(len(widths)):
        rounded = np.rint(widths[j])
        powers[0, j] = rounded
        bits[1, j] = (np.int32(rounded) + np.int32(127)) << 23
        bits[2, j] = (np.int32(127) - np.int32(rounded)) << 23
