"""Dense layers with trained bit-widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.firmware import Formats, Linear
from collidium.trigger._layer import DataQuantizer, QuantLayer
from collidium.trigger._norm import FoldedNorm, Norm
from collidium.trigger._quant_linear import Operand, quant_linear
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import DATA, WEIGHT, QuantizerConfig
from collidium.trigger._signal import Signal
from collidium.trigger._wire import Wire


class MatrixOptions(TypedDict, total=False):
    """Options of all layers with a matrix, explained at :class:`WeightedLayer`."""

    data: QuantizerConfig | Quantizer
    weight: QuantizerConfig
    bias: QuantizerConfig | None
    norm: Norm
    mask: NDArray[np.bool_] | None
    is_reloadable: bool


class WeightedLayer(QuantLayer):
    """A matrix, quantized element by element, after a quantizer of its input.

    Parameters
    ----------
    shape : sequence of int
        Shape of the input without the batch axis.
    num_inputs, num_outputs : int
        Rows and columns of the matrix, as the input multiplies it.
    data : QuantizerConfig or Quantizer
        Quantizer of the input; or the one that the signal has passed already.
    weight : QuantizerConfig
        Quantizer of the weights.
    bias : QuantizerConfig or None
        Quantizer of the bias; None for a layer without.
    norm : {"none", "input", "output"}
        Batch normalisation of the quantized input or of the output, folded into weight and bias.
    mask : ndarray of bool, (num_inputs, num_outputs), optional
        Where there is a weight.
    is_reloadable : bool
        Keep the weights in registers that can be written at run time.

    Notes
    -----
    The output keeps full precision: the accumulator never rounds.
    """

    weight_mask: Tensor | None
    is_arranged = True
    """Whether the input has the shape of the product before it is quantized."""

    def __init__(
        self,
        shape: Sequence[int],
        num_inputs: int,
        num_outputs: int,
        *,
        data: QuantizerConfig | Quantizer = DATA,
        weight: QuantizerConfig = WEIGHT,
        bias: QuantizerConfig | None = WEIGHT,
        norm: Norm = "none",
        mask: NDArray[np.bool_] | None = None,
        is_reloadable: bool = False,
    ) -> None:
        super().__init__()
        self.data = DataQuantizer(data, tuple(shape))
        self.weight = nn.Parameter(torch.empty(num_outputs, num_inputs))
        self.weight_quantizer = Quantizer(weight, (num_outputs, num_inputs), is_constant=True)
        self.has_bias = bias is not None
        if bias is not None:
            self.bias = nn.Parameter(torch.zeros(num_outputs))
            self.bias_quantizer = Quantizer(bias, (num_outputs,), is_constant=True)
        elif norm != "none":
            raise InputError(f"norm={norm!r}: a folded normalisation needs a bias")
        self.side = norm
        if norm != "none":
            self.norm = FoldedNorm(num_inputs if norm == "input" else num_outputs)
        self.is_reloadable = is_reloadable
        self.register_buffer("weight_mask", None if mask is None else torch.from_numpy(mask.T.astype(np.float32)))
        bound = math.sqrt(6.0 / (num_inputs + num_outputs))
        nn.init.uniform_(self.weight, -bound, bound)

    def arrange(self, x: Signal) -> Signal:
        """Bring the quantized input into the shape (..., num_inputs)."""
        return x

    def compute(self, x: Tensor) -> Tensor:
        """Quantize the input, and multiply."""
        if self.training and self.is_fused:
            return self._fused(x)
        x = self.arrange(self.data(x))
        weight, bias = self._folded(x)
        quantized = self.weight_quantizer(weight).to(x.dtype)
        offset = None if bias is None else self.bias_quantizer(bias).to(x.dtype)
        return functional.linear(x, quantized, offset)

    @property
    def is_fused(self) -> bool:
        """Whether all operands are only rounded in training, and none depends on another."""
        quantizers = [self.data.quantizer, self.weight_quantizer, *([self.bias_quantizer] if self.has_bias else [])]
        return self.side == "none" and all(quantizer.is_free for quantizer in quantizers)

    def _fused(self, x: Tensor) -> Tensor:
        """Quantize all operands and multiply, in one differentiable step."""
        data = self.data.quantizer if self.data.is_applied and self.is_arranged else None
        if data is None:
            x = self.arrange(self.data(x))
        weight, bias = self._folded(x)
        offset = self.bias_quantizer if self.has_bias else None
        out, *seen = quant_linear(
            Operand.of(x, data),
            Operand.of(weight, self.weight_quantizer),
            None if bias is None else Operand.of(bias, offset),
        )
        for quantizer, value in zip((data, self.weight_quantizer, offset), seen, strict=True):
            if quantizer is not None and value is not None and quantizer.is_tracked:
                quantizer.see(value)
        return out

    def ebops(self) -> Tensor:
        """Sum over all scalar products of the bits of both factors, and the bits of the bias."""
        bits = self.arrange(self.data.bits()[None]).reshape(-1, self.weight.shape[1])
        weight = self.weight_quantizer.bits()
        if self.weight_mask is not None:
            weight = weight * self.weight_mask
        cost = torch.dot(bits.sum(0) if len(bits) > 1 else bits[0], weight.sum(0))
        return cost + self.bias_quantizer.bits().sum() * len(bits) if self.has_bias else cost

    def freeze(self, x: Wire) -> Wire:
        """Make the quantizer and the matrix of the deployed layer."""
        x = self.arrange(self.data(x))
        with torch.no_grad():
            weight, bias = self._folded(None)
        codes, f = self.weight_quantizer.codes(weight)
        offset, offset_f = (None, np.int64(0)) if bias is None else self.bias_quantizer.codes(bias)
        registers: dict[str, Formats] = {}
        if self.is_reloadable:
            if offset is None:
                raise InputError("is_reloadable: registers are for weight and bias together, the layer has no bias")
            rows = self.weight_quantizer.formats(codes.shape)
            registers = {
                "weight_formats": Formats(rows.k.T, rows.i.T, rows.f.T),
                "bias_formats": self.bias_quantizer.formats(offset.shape),
            }
        return x.graph.add(Linear(x.graph.name("linear"), x.name, codes.T, f.T, offset, offset_f, **registers))

    def _folded(self, x: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Weight and bias with mask and normalisation, in full precision."""
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias if self.has_bias else None
        if x is None or not self.training:
            weight, bias = weight.double(), None if bias is None else bias.double()
        if self.weight_mask is not None:
            weight = weight * self.weight_mask
        if bias is None or self.side == "none":
            return weight, bias
        if self.side == "input":
            scale, shift = self.norm.affine(x)
            return weight * scale, bias + weight @ shift
        scale, shift = self.norm.affine(functional.linear(x, weight) if self.training and x is not None else None)
        return weight * scale[:, None], bias + shift


class QuantDense(WeightedLayer):
    """A dense layer on the last axis, the same for all places of the others.

    Parameters
    ----------
    shape : sequence of int
        Shape of the input without the batch axis, e.g. ``(P, F)``.
    num_outputs : int
        Size of the last axis of the output.
    **options
        As in :class:`WeightedLayer`.

    Examples
    --------
    >>> layer = QuantDense((16,), 64)
    >>> layer(torch.zeros(3, 16)).shape
    torch.Size([3, 64])
    """

    def __init__(self, shape: Sequence[int], num_outputs: int, **options: Unpack[MatrixOptions]) -> None:
        super().__init__(shape, shape[-1], num_outputs, **options)
