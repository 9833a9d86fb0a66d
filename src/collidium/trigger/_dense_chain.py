"""Dense layers one after the other, trained as one step of the automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from collidium.firmware import Rounding
from collidium.trigger._dense import QuantDense
from collidium.trigger._layer import QuantInput, QuantLayer
from collidium.trigger._machine_code import Reals, has_compiler, is_plain


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
        self.limits = {(quantizer.config.f_min, quantizer.config.f_max) for quantizer in self.quantizers}
        self.decay = _flat([torch.full_like(quantizer.i, quantizer.config.decay) for quantizer in self.data]).numpy()
        self._unsigned = [torch.zeros_like(quantizer.k) for quantizer in self.quantizers]
        self._packed: Packed | None = None
        self._space: _Space | None = None
        self._powers: tuple[tuple[int, ...], Reals] | None = None
        self._signs: tuple[tuple[tuple[int, int], ...], Reals] | None = None
        self._cost: tuple[tuple[int, ...], Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to the tensors and the graph of the original."""
        return {**vars(self), "_packed": None, "_space": None, "_signs": None, "_cost": None}

    @classmethod
    def of(cls, entry: QuantInput, layers: Sequence[QuantLayer]) -> DenseChain | None:
        """The chain of these layers; None where one of them is of another kind or has other modes."""
        dense = [layer for layer in layers if isinstance(layer, QuantDense)]
        if not dense or len(dense) < len(layers) or not has_compiler():
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
        return is_plain(self.layers[0].weight)

    def takes(self, x: Tensor) -> bool:
        """Whether a batch can be computed here; the gradient of the input cannot."""
        return self.is_possible and is_plain(x) and x.shape[1:] == (self.sizes[0],) and not x.requires_grad

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, F) to (N, K)."""
        packed = self.packed
        tensors = (*self.weights, *self.widths) if packed is None else (packed.values, packed.widths)
        out: Tensor
        out, cost = _Chain.apply(self, x, *tensors)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        self._cost = self._versions, cost
        return out

    def run(self, x: Tensor, values: Tensor, space: _Space) -> Tensor:
        """Take a batch (N, F) through all layers, whose weights and biases are ``values``.

        Returns
        -------
        Tensor, ()
            The cost; the output, and what gradients need, are in ``space``.
        """
        packed, space.values, space.powers = self.packed, values.numpy(), self.powers
        kept = [] if packed else [quantizer.get_buffer("i") for quantizer in self.quantizers]
        integers, cost = packed.integers if packed else _flat(kept), torch.empty(())
        constants = space.values, self.sizes, space.powers, self.decay, self.signs
        written = space.rounded, space.kept, space.out, space.seen, space.slopes
        _kernel().run(x.contiguous().numpy(), *constants, *written, integers.numpy(), cost.numpy())
        if not packed:
            torch._foreach_copy_(kept, _parts(integers, kept))
        return cost

    def write_gradients(self, space: _Space, grad: Tensor, beta: float, values: Tensor, widths: Tensor) -> None:
        """Write the gradients of weights and biases, and of widths, from that of the output (N, K) and of the cost."""
        arrays = space.kept, space.values, space.rounded, self.sizes, space.powers, space.slopes
        _kernel().backward(grad.contiguous().numpy(), *arrays, beta, values.numpy(), widths.numpy())

    def set_gradients(
        self, x: Tensor, loss: Callable[[Tensor], tuple[Tensor, Tensor]], beta: float
    ) -> tuple[Tensor, Tensor] | None:
        """Set the gradients of what :meth:`pack` made, without a graph.

        Parameters
        ----------
        x : Tensor, (N, F)
            Batch.
        loss : callable
            Its value and gradient (N, K), of the output (N, K).
        beta : float
            Factor on the cost.

        Returns
        -------
        loss, cost : Tensor, ()
            None where nothing is packed or the batch cannot be computed here.
        """
        packed = self.packed
        if packed is None or not self.takes(x):
            return None
        if self._space is None or len(self._space.out) != len(x):
            self._space = _Space(self, len(x))
        cost = self.run(x, packed.values.detach(), self._space)
        value, grad = loss(torch.from_numpy(self._space.out))
        tensors = packed.values, packed.widths
        found = [torch.empty_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
        self.write_gradients(self._space, grad, beta, *found)
        packed.values.grad, packed.widths.grad = found
        return value, cost

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
        """Bring trained widths back into their limits; forget their powers, as optimizers may count no versions."""
        self._cost = self._powers = None
        for quantizer in self.quantizers:
            if quantizer.known_powers is not None:
                quantizer.known_powers = None
        if self.packed is not None and len(self.limits) == 1:
            _width_kernel().clip(self.packed.widths.detach().numpy(), *next(iter(self.limits)))
        else:
            for quantizer in self.quantizers:
                quantizer.clip_widths()

    @property
    def powers(self) -> Reals:
        """Rounded widths of all quantizers and their powers of two, (3, quantizers); computed once for each value."""
        versions = self._versions
        if self._powers is None or self._powers[0] != versions:
            widths = (_flat(self.widths) if self.packed is None else self.packed.widths).detach().numpy()
            found = np.empty((3, len(widths)), np.float32)
            _width_kernel().widths_to_powers(widths, found)
            self._powers = versions, found
        return self._powers[1]

    @property
    def signs(self) -> Reals:
        """Sign bits of all quantizers that count where there is another bit; laid together once for each value."""
        counted = [quantizer.counted_sign for quantizer in self.quantizers]
        key = tuple([(id(sign), sign._version) for sign in counted if sign is not None])
        if self._signs is None or self._signs[0] != key:
            pairs = zip(counted, self._unsigned, strict=True)
            self._signs = key, _flat([none if sign is None else sign for sign, none in pairs]).numpy()
        return self._signs[1]

    @property
    def _versions(self) -> tuple[int, ...]:
        return tuple([width._version for width in self.widths])


class Packed(NamedTuple):
    """Weights and biases, widths, and integer bits of all layers, one after the other."""

    values: Tensor
    widths: Tensor
    integers: Tensor


class _Space:
    """Memory of a batch of N samples on its way through all layers: the output, and what its gradients need."""

    def __init__(self, chain: DenseChain, num_samples: int) -> None:
        kernel, num_constants = _kernel(), sum(weight.numel() for weight in chain.weights)
        num_rows = kernel.num_rows(chain.sizes) * kernel.TILE
        self.kept = np.empty((-(-num_samples // kernel.TILE), num_rows), np.float32)
        self.out = np.empty((num_samples, chain.sizes[-1]), np.float32)
        self.rounded = np.empty(num_constants, np.float32)
        self.seen = np.empty(len(chain.decay), np.float32)
        self.slopes = np.empty(num_constants + len(chain.decay), np.float32)
        self.values = self.powers = self.rounded


class _Chain(torch.autograd.Function):
    """Forward and backward through all layers, and the cost of the layers."""

    @staticmethod
    def forward(ctx: Any, chain: DenseChain, x: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        ctx.is_packed = len(tensors) < len(chain.widths)
        values = tensors[0].detach() if ctx.is_packed else _flat(tensors[: len(chain.weights)])
        ctx.chain, ctx.space = chain, _Space(chain, len(x))
        cost = chain.run(x, values, ctx.space)
        return torch.from_numpy(ctx.space.out), cost

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        chain: DenseChain = ctx.chain
        values, widths = (torch.empty(len(array)) for array in (ctx.space.rounded, ctx.space.slopes))
        chain.write_gradients(ctx.space, grads[0], float(grads[1]), values, widths)
        if ctx.is_packed:
            return None, None, values, widths
        return None, None, *_parts(values, chain.weights), *_parts(widths, chain.widths)


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    out: Tensor = _flatten_dense_tensors(tensors)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return out


def _parts(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A long tensor in the shapes of these."""
    return list(_unflatten_dense_tensors(flat, like))  # type: ignore[no-untyped-call]  # as above


def _width_kernel() -> ModuleType:
    """The machine code of widths, as :func:`_kernel`."""
    from collidium.trigger import _width_kernel

    return _width_kernel


def _kernel() -> ModuleType:
    """The machine code, whose compiler takes a while to load."""
    from collidium.trigger import _dense_kernel

    return _dense_kernel
