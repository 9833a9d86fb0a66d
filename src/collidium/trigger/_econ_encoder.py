"""The encoder of the trigger cells of a calorimeter module."""

from __future__ import annotations

from dataclasses import dataclass

from collidium.firmware import Overflow
from collidium.trigger._conv import QuantConv2d
from collidium.trigger._dense import QuantDense
from collidium.trigger._layer import QuantInput
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._signal import Signal, relu, reshape

CELL = QuantizerConfig(i=0, f=10, is_signed=False, integer_bits="fixed", is_trained=False, overflow=Overflow.SAT)
SENT = QuantizerConfig(i=1, f=8, is_signed=False, integer_bits="fixed", is_trained=False, overflow=Overflow.SAT)


@dataclass(frozen=True, kw_only=True)
class EconEncoderConfig(NetworkConfig):
    """Encoder of the trigger cells of a calorimeter module.

    Attributes
    ----------
    num_outputs : int
        Numbers sent out.
    output : QuantizerConfig
        Their format; 3, 5, 7 or 9 bits without sign for 2 to 5 links.
    filters : int
        Filters of the convolution.
    is_reloadable : bool
        Keep the weights in registers.

    References
    ----------
    G. Di Guglielmo et al., "A reconfigurable neural network ASIC for detector front-end data compression at the
    HL-LHC", arXiv:2105.01683.

    Examples
    --------
    >>> import torch
    >>> network = EconEncoderConfig().build(seed=0)
    >>> network(torch.rand(2, 8, 8, 1)).shape
    torch.Size([2, 16])
    """

    entry: QuantizerConfig = CELL
    num_outputs: int = 16
    output: QuantizerConfig = SENT
    filters: int = 8
    is_reloadable: bool = False

    def make(self) -> EconEncoder:
        """Make the network."""
        return EconEncoder(self)


class EconEncoder(QuantNetwork):
    """Convolution of stride 2 on an image ``x`` (8, 8, 1), dense layer, quantized outputs."""

    def __init__(self, config: EconEncoderConfig) -> None:
        super().__init__({"x": (8, 8, 1)})
        self.entry = QuantInput((8, 8, 1), config.entry)
        self.conv = QuantConv2d(
            (8, 8, 1),
            config.filters,
            stride=2,
            data=self.entry.quantizer,
            weight=config.weight,
            bias=config.weight,
            is_reloadable=config.is_reloadable,
        )
        self.dense = QuantDense(
            (16 * config.filters,),
            config.num_outputs,
            data=config.data,
            weight=config.weight,
            bias=config.weight,
            is_reloadable=config.is_reloadable,
        )
        self.output = QuantInput((config.num_outputs,), config.output)

    def forward(self, x: Signal) -> Signal:
        """Map images (N, 8, 8, 1) to codes' values (N, num_outputs)."""
        image: Signal = relu(self.conv(self.entry(x)))
        sums: Signal = relu(self.dense(reshape(image, self.dense.data.shape)))
        out: Signal = self.output(sums)
        return out
