"""The encoder of the trigger cells of a calorimeter module, and the decoder of what it sends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from torch import nn

from collidium.artifact import InputError
from collidium.detect import INPUT_BITS, MASKED, NUM_CELLS, image_cells
from collidium.firmware import Overflow
from collidium.trigger._conv import patch_index
from collidium.trigger._dense import QuantDense, WeightedLayer
from collidium.trigger._layer import QuantInput
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._signal import Signal, relu, reshape, take

_KERNEL, _STRIDE = 3, 2
_NARROWEST, _WIDEST = 3, 9
_FIXED = QuantizerConfig(integer_bits="fixed", is_trained=False, overflow=Overflow.SAT)
CELL = dataclasses.replace(_FIXED, i=0, f=INPUT_BITS, is_signed=False)
HIDDEN = dataclasses.replace(_FIXED, i=0, f=8, is_signed=False)
REGISTER = dataclasses.replace(_FIXED, i=0, f=5, overflow=Overflow.SAT_SYM)
OFFSET = dataclasses.replace(_FIXED, i=0, f=8, overflow=Overflow.SAT_SYM)


@dataclass(frozen=True, kw_only=True)
class EconEncoderConfig(NetworkConfig):
    """Encoder of the trigger cells of a calorimeter module, with a decoder that is trained but not compiled.

    Attributes
    ----------
    num_outputs : int
        Numbers sent out.
    output_bits : int
        Bits of each, 3 to 9; 3, 5, 7 and 9 are those of 2 to 5 links.
    filters : int
        Filters of the convolution.
    bias : QuantizerConfig
        Quantizer of the biases.
    is_reloadable : bool
        Keep the weights in registers. Formats must then not depend on the training, so that any other training of the
        same configuration can be loaded.
    decoder_widths : tuple of int
        Hidden widths of the decoder, a perceptron in floating point whose outputs are the cells' shares of the charge.

    References
    ----------
    G. Di Guglielmo et al., "A reconfigurable neural network ASIC for detector front-end data compression at the
    HL-LHC", arXiv:2105.01683.

    Examples
    --------
    >>> import torch
    >>> network = EconEncoderConfig().build(seed=0)
    >>> network(torch.rand(2, 48)).shape
    torch.Size([2, 16])
    """

    entry: QuantizerConfig = CELL
    data: QuantizerConfig = HIDDEN
    weight: QuantizerConfig = REGISTER
    bias: QuantizerConfig = OFFSET
    num_outputs: int = 16
    output_bits: int = _WIDEST
    filters: int = 8
    is_reloadable: bool = True
    decoder_widths: tuple[int, ...] = (256, 256)

    def __post_init__(self) -> None:
        if not _NARROWEST <= self.output_bits <= _WIDEST:
            raise InputError(f"output_bits is {self.output_bits}: {_NARROWEST} to {_WIDEST} bits are sent")
        for name in ("num_outputs", "filters"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        if min(self.decoder_widths, default=1) < 1:
            raise InputError(f"decoder_widths is {self.decoder_widths}: widths of at least 1 are needed")
        for name in ("data", "weight", "bias") if self.is_reloadable else ():
            config = getattr(self, name)
            if config.is_trained or config.integer_bits != "fixed":
                raise InputError(
                    f"{name}: formats of a reloadable encoder must not depend on the training, so is_trained=False and "
                    "integer_bits='fixed' are needed"
                )

    def make(self) -> EconEncoder:
        """Make the network."""
        return EconEncoder(self)

    def make_decoder(self) -> nn.Module:
        """Make the decoder, from the outputs (N, num_outputs) to shares of the charge (N, 48)."""
        layers: list[nn.Module] = []
        for num_inputs, width in pairwise((self.num_outputs, *self.decoder_widths)):
            layers += [nn.Linear(num_inputs, width), nn.ReLU()]
        last = (self.num_outputs, *self.decoder_widths)[-1]
        return nn.Sequential(*layers, nn.Linear(last, NUM_CELLS), nn.Softmax(dim=1))


class ModuleConv(WeightedLayer):
    """A convolution of stride 2 on the image of a module, whose masked pixels are constant zeros.

    Parameters
    ----------
    filters : int
        Filters.
    **options
        As in :class:`WeightedLayer`.
    """

    is_arranged = False

    def __init__(self, filters: int, **options: Any) -> None:
        image = image_cells()
        patches = patch_index((*image.shape, 1), (_KERNEL, _KERNEL), (_STRIDE, _STRIDE), "same")
        self.index = np.where(patches < 0, MASKED, image.reshape(-1)[patches])
        super().__init__((NUM_CELLS,), patches.shape[-1], filters, **options)

    def arrange(self, x: Signal) -> Signal:
        """Cut patches (4, 4, 9) from cells (48)."""
        return take(x, self.index)


class EconEncoder(QuantNetwork):
    """Convolution of stride 2 on the image of the cells ``x`` (48), dense layer, quantized outputs."""

    def __init__(self, config: EconEncoderConfig) -> None:
        super().__init__({"x": (NUM_CELLS,)})
        self.entry = QuantInput((NUM_CELLS,), config.entry)
        options: Any = {"weight": config.weight, "bias": config.bias, "is_reloadable": config.is_reloadable}
        self.conv = ModuleConv(config.filters, data=self.entry.quantizer, **options)
        num_hidden = config.filters * self.conv.index[..., 0].size
        self.dense = QuantDense((num_hidden,), config.num_outputs, data=config.data, **options)
        sent = dataclasses.replace(_FIXED, i=1, f=config.output_bits - 1, is_signed=False)
        self.output = QuantInput((config.num_outputs,), sent)

    def forward(self, x: Signal) -> Signal:
        """Map shares of the charge (N, 48) to the values sent (N, num_outputs)."""
        image: Signal = relu(self.conv(self.entry(x)))
        sums: Signal = relu(self.dense(reshape(image, self.dense.data.shape)))
        out: Signal = self.output(sums)
        return out
