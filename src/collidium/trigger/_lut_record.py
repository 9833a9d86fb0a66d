"""What a layer of tables is told beside its tensors, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from collidium.firmware import Overflow, Rounding


class EntryModes(NamedTuple):
    """How entries are quantized, beside their widths.

    Attributes
    ----------
    k : Tensor, (G, U)
        Sign bits.
    rounding : Rounding
        What happens to bits below the step.
    overflow : Overflow
        ``SAT`` or ``SAT_SYM``.
    """

    k: Tensor
    rounding: Rounding
    overflow: Overflow


@dataclass
class LutRecord:
    """What a forward pass has seen, for the layer to follow.

    Attributes
    ----------
    low, high : Tensor, (K, G)
        Lower edges of the lowest and highest cell with samples in it.
    mean, variance : Tensor, (U,)
        Of the functions' outputs over batch and groups, for each output of the layer.
    """

    low: Tensor = field(init=False)
    high: Tensor = field(init=False)
    mean: Tensor = field(init=False)
    variance: Tensor = field(init=False)
