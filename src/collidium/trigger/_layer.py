"""What a layer of a trigger network is."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from collidium.firmware import Input
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import INPUT, QuantizerConfig
from collidium.trigger._signal import Signal
from collidium.trigger._wire import External, Wire


class QuantLayer(nn.Module):
    """A layer with two readings: values in training and deployment, integer nodes when the network is frozen."""

    def forward(self, *signals: Any) -> Any:
        """Compute values from tensors, or nodes from wires."""
        first = signals[0]
        if isinstance(first, Wire):
            with first.graph.scope(self):
                return self.freeze(*signals)
        return self.compute(*signals)

    @abstractmethod
    def compute(self, *signals: Any) -> Any:
        """Map tensors (N, ...) to a tensor (N, ...)."""

    @abstractmethod
    def freeze(self, *wires: Any) -> Any:
        """Append the integer nodes of the deployed layer."""

    def start_trace(self) -> None:
        """Forget what was seen of the data, if the layer keeps any; called before a network is calibrated."""

    def settle(self) -> None:
        """Make frozen tables, if the layer has any; called once a network is calibrated."""

    def ebops(self) -> Tensor:
        """Effective bit operations of the layer, with gradients; 0 for a layer that costs none."""
        return torch.zeros(())


class QuantInput(QuantLayer):
    """Where numbers enter: quantized in front of the firmware, which sees codes only.

    Parameters
    ----------
    shape : sequence of int
        Shape without the batch axis.
    config : QuantizerConfig
        Widths, one for each feature unless it says otherwise; values out of range saturate by default.

    Examples
    --------
    >>> layer = QuantInput((2,), QuantizerConfig(i=1, f=0, integer_bits="fixed")).eval()
    >>> layer(torch.tensor([[0.7, -1.2]]))
    tensor([[ 1., -1.]])
    """

    def __init__(self, shape: tuple[int, ...], config: QuantizerConfig = INPUT) -> None:
        super().__init__()
        self.quantizer = Quantizer(config, shape, shared=range(len(shape) - 1))

    def compute(self, x: Tensor) -> Tensor:
        """Quantize (N, *shape)."""
        out: Tensor = self.quantizer(x)
        return out

    def freeze(self, x: Wire) -> Wire:
        """Make the input node."""
        label = x.label if isinstance(x, External) else x.graph.name("codes")
        if not isinstance(x, External):
            return x.quantize(self.quantizer)
        return x.graph.add(Input(label, self.quantizer.formats(x.shape)))


class DataQuantizer(nn.Module):
    """The quantizer in front of an operation: its own, or one that was applied upstream and is only counted here.

    Parameters
    ----------
    source : QuantizerConfig or Quantizer
        How to quantize; or the quantizer that the signal has passed already.
    shape : sequence of int
        Shape of the signal without the batch axis; unless the configuration says otherwise, widths are shared along
        all axes but the last.
    """

    def __init__(self, source: QuantizerConfig | Quantizer, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.is_applied = isinstance(source, QuantizerConfig)
        self.shape = shape
        self.quantizer = (
            source if isinstance(source, Quantizer) else Quantizer(source, shape, shared=range(len(shape) - 1))
        )

    def forward(self, x: Signal) -> Signal:
        """Quantize, unless it was done upstream."""
        if not self.is_applied:
            return x
        if isinstance(x, Wire):
            return x.quantize(self.quantizer)
        out: Tensor = self.quantizer(x)
        return out

    def bits(self) -> Tensor:
        """Bits of every element, (*shape)."""
        return self.quantizer.bits().expand(self.shape)
