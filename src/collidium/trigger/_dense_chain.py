"""Dense layers one after the other, trained as one step of the automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from collidium.firmware import Rounding
from collidium.trigger._dense import QuantDense
from collidium.trigger._layer import QuantInput, QuantLayer


class DenseChain:
    """A quantized input and dense layers with a relu between them, in training on the processor.

    The values and gradients are those of the layers one by one. Machine code computes them tile by tile; weights,
    biases and widths of all layers are treated in one long array each.

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
        constants = [layer.weight_quantizer for layer in layers] + [layer.bias_quantizer for layer in layers]
        self.quantizers = [*constants, *self.data]
        self.widths = [quantizer.f for quantizer in self.quantizers]
        self.weights = [layer.weight for layer in layers] + [layer.bias for layer in layers]
        self.sizes = np.array([layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers)])
        self.f_min = max(quantizer.config.f_min for quantizer in self.quantizers)
        self.f_max = min(quantizer.config.f_max for quantizer in self.quantizers)
        self.decay = _flat([torch.full_like(quantizer.i, quantizer.config.decay) for quantizer in self.data]).numpy()
        self._unsigned = [torch.zeros_like(quantizer.k) for quantizer in self.quantizers]
        self._packed: Packed | None = None
        self._powers: tuple[tuple[int, ...], Tensor] | None = None
        self._signs: tuple[tuple[tuple[int, int], ...], Tensor] | None = None
        self._cost: tuple[tuple[int, ...], Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to the tensors and the graph of the original."""
        return {**vars(self), "_packed": None, "_signs": None, "_cost": None}

    @classmethod
    def of(cls, entry: QuantInput, layers: Sequence[QuantLayer]) -> DenseChain | None:
        """The chain of these layers; None where one of them is of another kind or has other modes."""
        dense = [layer for layer in layers if isinstance(layer, QuantDense)]
        if not dense or len(dense) < len(layers) or find_spec("numba") is None:
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
            quantizer.config.rounding is Rounding.RND
            and quantizer.config.is_trained
            and quantizer.is_tracked
            and quantizer.f.shape == shape
            for quantizer, shape in zip(chain.quantizers, wanted, strict=True)
        )
        return chain if are_possible else None

    @property
    def is_possible(self) -> bool:
        """Whether the layers are where the chain computes: in float32, on the processor."""
        return _is_plain(self.layers[0].weight)

    def takes(self, x: Tensor) -> bool:
        """Whether a batch can be computed here; the gradient of the input cannot."""
        return self.is_possible and _is_plain(x) and x.shape[1:] == (self.sizes[0],) and not x.requires_grad

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, F) to (N, K)."""
        packed = self.packed
        tensors = (*self.weights, *self.widths) if packed is None else (packed.values, packed.widths)
        out: Tensor
        out, cost = _Chain.apply(self, x, *tensors)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        self._cost = self._versions, cost
        return out

    def run(self, x: Tensor, values: Tensor) -> _Run:
        """Take a batch (N, F) through all layers, whose weights and biases are ``values``."""
        kernel, powers = _kernel(), self.powers
        rounded, seen = torch.empty_like(values), torch.zeros(len(self.decay))
        kernel.quantize(values.numpy(), powers.numpy(), rounded.numpy())
        kept = torch.empty(-(-len(x) // kernel.TILE), kernel.num_rows(self.sizes) * kernel.TILE)
        out, x = torch.empty(len(x), int(self.sizes[-1])), x.contiguous()
        arrays = x.numpy(), rounded.numpy(), self.sizes, powers.numpy(), kept.numpy(), out.numpy(), seen.numpy()
        kernel.forward(*arrays)
        slopes, integers, cost = torch.empty_like(powers[0]), self.follow(rounded, seen), torch.empty(())
        kernel.cost(self.sizes, powers.numpy(), integers.numpy(), self.signs.numpy(), slopes.numpy(), cost.numpy())
        return _Run(out, cost, slopes, values, rounded, kept, powers)

    def gradients(self, run: _Run, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weights and biases, and of widths without the cost's, from that of the output (N, K)."""
        values, widths = torch.empty_like(run.values), torch.empty_like(run.slopes)
        arrays = run.kept.numpy(), run.values.numpy(), run.rounded.numpy(), self.sizes, run.powers.numpy()
        _kernel().backward(grad.contiguous().numpy(), *arrays, values.numpy(), widths.numpy())
        return values, widths

    def set_gradients(self, x: Tensor, loss: Callable[[Tensor], Tensor], beta: float) -> tuple[Tensor, Tensor] | None:
        """Set the gradients of what :meth:`pack` made; only the loss has a graph.

        Parameters
        ----------
        x : Tensor, (N, F)
            Batch.
        loss : callable
            Of the output (N, K).
        beta : float
            Factor on the cost.

        Returns
        -------
        loss, cost : Tensor, ()
            Without graph; None where nothing is packed or the batch cannot be computed here.
        """
        packed = self.packed
        if packed is None or not self.takes(x):
            return None
        run = self.run(x, packed.values.detach())
        value = loss(run.out.requires_grad_())
        (grad,) = torch.autograd.grad(value, run.out)
        packed.values.grad, packed.widths.grad = self.gradients(run, grad)
        packed.widths.grad.add_(run.slopes, alpha=beta)
        return value.detach(), run.cost

    def cost(self) -> Tensor | None:
        """Effective bit operations of the last batch's network, as the layers count them, once; None: not known."""
        found, self._cost = self._cost, None
        return found[1] if found is not None and found[0] == self._versions else None

    def pack(self) -> Packed:
        """Lay weights and biases, widths and integer bits side by side in memory, to be trained as long tensors.

        Returns
        -------
        Packed
            From now on the gradients are those of its tensors, of which the layers' are parts.
        """
        integers = [quantizer.get_buffer("i") for quantizer in self.quantizers]
        values, widths, whole = (
            _flat([tensor.detach() for tensor in tensors]) for tensors in (self.weights, self.widths, integers)
        )
        for flat, tensors in ((values, self.weights), (widths, self.widths), (whole, integers)):
            for tensor, part in zip(tensors, _parts(flat, tensors), strict=True):
                tensor.data = part
        self._packed = Packed(values.requires_grad_(), widths.requires_grad_(), whole)
        return self._packed

    @property
    def packed(self) -> Packed | None:
        """What :meth:`pack` made, as long as the layers' tensors are parts of it; those of a copy are not."""
        if self._packed is not None and self.weights[0].data_ptr() != self._packed.values.data_ptr():
            self._packed = None
        return self._packed

    @torch.no_grad()
    def clip(self) -> None:
        """Bring trained widths back into their limits; then their powers, as optimizers may count no versions."""
        self._cost = None
        for quantizer in self.quantizers:
            quantizer.known_powers = None
        self._powers, are_within = self._new_powers()
        if not are_within:
            for quantizer in self.quantizers:
                quantizer.clip_widths()
            self._powers, _ = self._new_powers()

    @property
    def powers(self) -> Tensor:
        """Rounded widths of all quantizers and their powers of two, (3, quantizers); computed once for each value."""
        if self._powers is None or self._powers[0] != self._versions:
            self._powers, _ = self._new_powers()
        return self._powers[1]

    @torch.no_grad()
    def _new_powers(self) -> tuple[tuple[tuple[int, ...], Tensor], bool]:
        """Powers with the versions of the widths they belong to, and whether the widths are within all limits."""
        packed = self.packed
        widths = _flat(self.widths) if packed is None else packed.widths.detach()
        found = torch.empty(3, len(widths))
        are_within: bool = _kernel().widths_to_powers(widths.numpy(), self.f_min, self.f_max, found.numpy())
        return (self._versions, found), are_within

    @property
    def signs(self) -> Tensor:
        """Sign bits of all quantizers that count where there is another bit; laid together once for each value."""
        key = tuple([(id(quantizer.k), quantizer.k._version) for quantizer in self.quantizers])
        if self._signs is None or self._signs[0] != key:
            counted = [quantizer.counted_sign for quantizer in self.quantizers]
            pairs = zip(counted, self._unsigned, strict=True)
            self._signs = key, _flat([none if sign is None else sign for sign, none in pairs])
        return self._signs[1]

    @property
    def _versions(self) -> tuple[int, ...]:
        return tuple([width._version for width in self.widths])

    def follow(self, rounded: Tensor, seen: Tensor) -> Tensor:
        """Set the integer bits from the constants (rounded) and the largest data of a batch, and return them."""
        packed = self.packed
        kept = [] if packed else [quantizer.get_buffer("i") for quantizer in self.quantizers]
        integers = packed.integers if packed else _flat(kept)
        _kernel().follow(rounded.numpy(), seen.numpy(), self.powers.numpy(), self.decay, integers.numpy())
        if not packed:
            torch._foreach_copy_(kept, _parts(integers, kept))
        return integers


class Packed(NamedTuple):
    """Weights and biases, widths, and integer bits of all layers, one after the other."""

    values: Tensor
    widths: Tensor
    integers: Tensor


class _Run(NamedTuple):
    """A batch that went through all layers, with what its gradients need."""

    out: Tensor
    cost: Tensor
    slopes: Tensor
    values: Tensor
    rounded: Tensor
    kept: Tensor
    powers: Tensor


class _Chain(torch.autograd.Function):
    """Forward and backward through all layers, and the cost of the layers."""

    @staticmethod
    def forward(ctx: Any, chain: DenseChain, x: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        ctx.is_packed = len(tensors) < len(chain.widths)
        values = tensors[0].detach() if ctx.is_packed else _flat(tensors[: len(chain.weights)])
        ctx.chain, ctx.run = chain, chain.run(x, values)
        return ctx.run.out, ctx.run.cost

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        chain: DenseChain = ctx.chain
        values, widths = chain.gradients(ctx.run, grads[0])
        widths.addcmul_(ctx.run.slopes, grads[1])
        if ctx.is_packed:
            return None, None, values, widths
        return None, None, *_parts(values, chain.weights), *_parts(widths, chain.widths)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    out: Tensor = _flatten_dense_tensors(tensors)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return out


def _parts(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A long tensor in the shapes of these."""
    return list(_unflatten_dense_tensors(flat, like))  # type: ignore[no-untyped-call]  # as above


def _kernel() -> ModuleType:
    """The machine code, whose compiler takes a while to load."""
    from collidium.trigger import _dense_kernel

    return _dense_kernel
