"""What the configurations of ready networks have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from collidium.trigger._dense import QuantDense
from collidium.trigger._layer import QuantLayer
from collidium.trigger._lut_dense import ADDRESS, ENTRY, LutDense
from collidium.trigger._network import QuantNetwork
from collidium.trigger._norm import Norm
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import DATA, INPUT, WEIGHT, QuantizerConfig
from collidium.trigger._signal import Signal, relu

LayerKind = Literal["dense", "lut"]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Widths that all networks have in common.

    Attributes
    ----------
    entry : QuantizerConfig
        Quantizer of the numbers from outside.
    data, weight : QuantizerConfig
        Quantizers of the signals in front of matrices and of the weights.
    address, table : QuantizerConfig
        Quantizers of table addresses and entries.
    """

    entry: QuantizerConfig = INPUT
    data: QuantizerConfig = DATA
    weight: QuantizerConfig = WEIGHT
    address: QuantizerConfig = ADDRESS
    table: QuantizerConfig = ENTRY

    @abstractmethod
    def make(self) -> QuantNetwork:
        """Make the network with weights from torch's generator."""

    def make_decoder(self) -> nn.Module | None:
        """Make what turns the outputs into the answer outside the firmware; None where the outputs are the answer."""
        return None

    def build(self, *, seed: int) -> QuantNetwork:
        """Make the network.

        Parameters
        ----------
        seed : int
            Decides the weights; the global generator is left alone.

        Returns
        -------
        QuantNetwork
            In training mode.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()

    def dense(
        self, shape: Sequence[int], num_outputs: int, *, norm: Norm = "none", passed: Quantizer | None = None
    ) -> QuantDense:
        """A dense layer with these widths; ``passed`` is the quantizer that the signal has gone through."""
        data = self.data if passed is None else passed
        return QuantDense(shape, num_outputs, data=data, weight=self.weight, bias=self.weight, norm=norm)

    def lut(self, shape: Sequence[int], num_outputs: int) -> LutDense:
        """A layer of tables with these widths."""
        return LutDense(shape, num_outputs, address=self.address, entry=self.table)


class Stack(nn.Module):
    """Layers one after the other, with a relu after every matrix but the last layer's."""

    def __init__(self, layers: Sequence[QuantLayer], *, has_last_relu: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.has_relu = [
            isinstance(layer, QuantDense) and (has_last_relu or index < len(layers) - 1)
            for index, layer in enumerate(layers)
        ]

    def forward(self, x: Signal) -> Signal:
        """Map (N, *shape) to (N, ..., last width)."""
        for layer, has_relu in zip(self.layers, self.has_relu, strict=True):
            x = layer(x)
            x = relu(x) if has_relu else x
        return x
