"""Dense layers one after the other, trained as one step of the automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from collidium.firmware import Overflow, Rounding
from collidium.trigger._dense import QuantDense
from collidium.trigger._fixed_point import LN2, Powers
from collidium.trigger._layer import QuantInput, QuantLayer
from collidium.trigger._quantizer import Quantizer

_SAMPLES_AT_ONCE = 2048


class DenseChain:
    """A quantized input and dense layers with a relu between them, in training.

    The values and gradients are those of the layers one by one. Weights, biases and widths of all layers are treated in
    one long tensor each, and activations with the samples along the last axis, so that a step takes few operations.

    Parameters
    ----------
    entry : QuantInput
        The input, which is the first layer's quantizer of data too.
    layers : sequence of QuantDense
        Layers, each with a bias; a relu follows all but the last.
    """

    def __init__(self, entry: QuantInput, layers: Sequence[QuantDense]) -> None:
        self.layers = list(layers)
        self.data = [entry.quantizer, *(layer.data.quantizer for layer in layers[1:])]
        self.constants = [layer.weight_quantizer for layer in layers] + [layer.bias_quantizer for layer in layers]
        self.quantizers = [*self.constants, *self.data]
        self.widths = [quantizer.f for quantizer in self.quantizers]
        self.weights = [layer.weight for layer in layers] + [layer.bias for layer in layers]
        self.sizes = [width.numel() for width in self.widths]
        self.shapes = [width.shape for width in self.widths]
        self.num_constants = sum(self.sizes[: len(self.constants)])
        self.f_min = max(quantizer.config.f_min for quantizer in self.quantizers)
        self.f_max = min(quantizer.config.f_max for quantizer in self.quantizers)
        self.decay = self._flat([torch.full_like(quantizer.i, quantizer.config.decay) for quantizer in self.data])
        self._powers: tuple[tuple[int, ...], Powers] | None = None
        self._seen: Tensor | None = None

    @classmethod
    def of(cls, entry: QuantInput, layers: Sequence[QuantLayer]) -> DenseChain | None:
        """The chain of these layers; None where one of them is of another kind or has other modes."""
        dense = [layer for layer in layers if isinstance(layer, QuantDense)]
        if not dense or len(dense) < len(layers):
            return None
        if not all(layer.has_bias and layer.is_fused and layer.weight_mask is None for layer in dense):
            return None
        is_joined = not dense[0].data.is_applied and dense[0].data.quantizer is entry.quantizer
        if not is_joined or not all(layer.data.is_applied for layer in dense[1:]):
            return None
        chain = cls(entry, dense)
        shapes = [layer.weight.shape for layer in dense]
        wanted = [*shapes, *(shape[:1] for shape in shapes), *(shape[1:] for shape in shapes)]
        are_possible = all(
            quantizer.config.rounding is Rounding.RND and quantizer.is_tracked and quantizer.f.shape == shape
            for quantizer, shape in zip(chain.quantizers, wanted, strict=True)
        )
        are_wrapped = all(quantizer.config.overflow is Overflow.WRAP for quantizer in chain.quantizers[: -len(dense)])
        return chain if are_possible and are_wrapped else None

    @property
    def is_possible(self) -> bool:
        """Whether the layers are where the chain computes: in float32, on the processor."""
        weight = self.layers[0].weight
        return weight.dtype == torch.float32 and weight.device.type == "cpu"

    def takes(self, x: Tensor) -> bool:
        """Whether a batch can be computed here."""
        return self.is_possible and x.dtype == torch.float32 and x.device.type == "cpu" and x.dim() == 2

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, F) to (N, K)."""
        out, seen = _Chain.apply(self, x, *self.weights, *self.widths)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        self._seen = seen
        result: Tensor = out
        return result

    def cost(self) -> Tensor:
        """Effective bit operations, as the layers count them."""
        self.follow()
        out: Tensor = _Cost.apply(self, *self.widths)  # type: ignore[no-untyped-call]  # as above
        return out

    @torch.no_grad()
    def clip(self) -> None:
        """Bring trained widths back into their limits; then their powers, as optimizers may count no versions."""
        widths = self._flat(self.widths)
        low, high = torch.aminmax(widths)
        if low < self.f_min or high > self.f_max:
            for quantizer in self.quantizers:
                quantizer.clip_widths()
            widths = self._flat(self.widths)
        self._powers = self._versions, Powers.of(widths, torch.float32)

    @property
    def powers(self) -> Powers:
        """Powers of two of all widths, in one tensor; computed once for each value of them."""
        if self._powers is None or self._powers[0] != self._versions:
            self._powers = self._versions, Powers.of(self._flat(self.widths), torch.float32)
        return self._powers[1]

    @property
    def _versions(self) -> tuple[int, ...]:
        return tuple(width._version for width in self.widths)

    def split(self, flat: Tensor) -> list[Tensor]:
        """Parts of a long tensor in the shapes of the quantizers' widths."""
        return [part.view(shape) for part, shape in zip(torch.split(flat, self.sizes), self.shapes, strict=True)]

    def bits(self) -> Tensor:
        """Bits that count in products, of all quantizers in one tensor."""
        integer = self._flat(self._integer_bits(self.quantizers)).round_()
        bits = integer.add_(self.powers.whole).clamp_min_(0)
        for quantizer, part in zip(self.data, self.split(bits)[-len(self.data) :], strict=True):
            if quantizer.counted_sign is not None:
                part.add_(quantizer.counted_sign * (part > 0))
        return bits

    @torch.no_grad()
    def follow(self) -> None:
        """Set the integer bits from what the last batch showed, unless it was done."""
        seen, self._seen = self._seen, None
        if seen is None:
            return
        needed = torch.frexp(seen * self.powers.scale).exponent - self.powers.whole
        data = needed[self.num_constants :]
        torch.maximum(data, self._flat(self._integer_bits(self.data)).sub_(self.decay), out=data)
        torch._foreach_copy_(self._integer_bits(self.quantizers), self.split(needed))

    @staticmethod
    def _integer_bits(quantizers: Sequence[Quantizer]) -> list[Tensor]:
        return [quantizer.get_buffer("i") for quantizer in quantizers]

    @staticmethod
    def _flat(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.flatten() for part in parts])


class _Part(NamedTuple):
    """Some samples on their way: what each layer was given, before and after it was rounded, (size, N)."""

    inputs: list[Tensor]
    near: list[Tensor]


class _Chain(torch.autograd.Function):
    """Forward and backward through all layers, in parts that stay in the cache, samples along the last axis."""

    @staticmethod
    def forward(ctx: Any, chain: DenseChain, x: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        powers, num_layers, count = chain.powers, len(chain.layers), chain.num_constants
        half = torch.full((), 0.5, dtype=x.dtype)
        values = chain._flat(tensors[: 2 * num_layers])
        rounded = torch.addcmul(half, values, powers.scale[:count]).floor_().mul_(powers.step[:count])
        ctx.chain, ctx.weights = chain, _views(rounded, chain)
        biases = [bias[:, None] for bias in ctx.weights[num_layers:]]
        sizes = chain.sizes[2 * num_layers :]
        scales, steps = (torch.split(p[count:, None], sizes) for p in (powers.scale, powers.step))
        ctx.parts, outputs, highest = [], [], []
        for rows in torch.split(x, _SAMPLES_AT_ONCE):
            part, signal = _Part([], []), rows.t().contiguous()
            for index, (scale, step) in enumerate(zip(scales, steps, strict=True)):
                signal = signal.relu_() if index else signal
                near = torch.addcmul(half, signal, scale).floor_().mul_(step)
                part.inputs.append(signal)
                part.near.append(near)
                highest.append(near.amax(1) if index else torch.maximum(near.amax(1), -near.amin(1)))
                signal = torch.addmm(biases[index], ctx.weights[index], near)
            ctx.parts.append(part)
            outputs.append(signal)
        seen = torch.cat(highest).view(len(ctx.parts), -1).amax(0)
        ctx.error = values.sub_(rounded)
        noted = torch.cat([rounded.abs(), seen])
        ctx.mark_non_differentiable(noted)
        return torch.cat(outputs, dim=1).t(), noted

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        chain, count = ctx.chain, ctx.chain.num_constants
        num_layers = len(chain.layers)
        values, widths = grads[0].new_zeros(count), grads[0].new_zeros(sum(chain.sizes))
        views, width_views = _views(values, chain), torch.split(widths, chain.sizes)[2 * num_layers :]
        inputs = []
        for part, rows in zip(ctx.parts, torch.split(grads[0], _SAMPLES_AT_ONCE), strict=True):
            grad = rows.t().contiguous()
            for index in reversed(range(num_layers)):
                x, near = part.inputs[index], part.near[index]
                views[index].addmm_(grad, near.t())
                views[num_layers + index].add_(grad.sum(1))
                grad = ctx.weights[index].t() @ grad
                width_views[index].add_(torch.sub(x, near).mul_(grad).sum(1))
                if index:
                    grad = torch.ops.aten.threshold_backward.grad_input(grad, x, 0, grad_input=grad)
            inputs.append(grad)
        torch.mul(values, ctx.error, out=widths[:count])
        grad_x = torch.cat(inputs, dim=1).t() if ctx.needs_input_grad[1] else None
        return None, grad_x, *views, *chain.split(widths.mul_(LN2))


def _views(flat: Tensor, chain: DenseChain) -> list[Tensor]:
    """Weights and biases, one after the other in a long tensor."""
    count = 2 * len(chain.layers)
    parts = torch.split(flat, chain.sizes[:count])
    return [part.view(shape) for part, shape in zip(parts, chain.shapes, strict=False)]


class _Cost(torch.autograd.Function):
    """Sum over layers of the bits of all products and of the biases, with the gradient of the real-valued widths."""

    @staticmethod
    def forward(ctx: Any, chain: DenseChain, *widths: Tensor) -> Tensor:
        num_layers, count = len(chain.layers), chain.num_constants
        bits = chain.bits()
        slopes = torch.ones_like(bits)
        parts, slope_parts = chain.split(bits), chain.split(slopes)
        data = parts[2 * num_layers :]
        for index, own in enumerate(data):
            slope_parts[index].copy_(own.expand_as(parts[index]))
            torch.sum(parts[index], 0, out=slope_parts[2 * num_layers + index])
        num_weights = sum(chain.sizes[:num_layers])
        cost = torch.dot(bits[count:], slopes[count:]).add_(bits[num_weights:count].sum())
        ctx.chain, ctx.slopes = chain, slopes.mul_(bits > 0)
        return cost

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.chain.split(ctx.slopes * grads[0])
