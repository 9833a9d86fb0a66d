"""The symmetric pair features of the Particle Transformer as an attention bias."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from collidium.models._norm import CloudBatchNorm

NUM_PAIR_FEATURES = 4
_PART_PAIRS = 8192


class PairEmbedding(nn.Module):
    """Pointwise network from the features of a pair to one attention bias per head.

    Parameters
    ----------
    widths : tuple of int
        Hidden widths.
    num_heads : int
        H.

    Notes
    -----
    BatchNorm, then Linear-BatchNorm-GELU for every width and Linear-BatchNorm for the last, which has no activation.

    References
    ----------
    Qu, Li, Qian, "Particle Transformer for jet tagging", arXiv:2202.03772, section 3.

    Examples
    --------
    >>> PairEmbedding((64, 64, 64), 8)(torch.randn(10, 4)).shape
    torch.Size([10, 8])
    """

    def __init__(self, widths: tuple[int, ...], num_heads: int) -> None:
        super().__init__()
        sizes = (NUM_PAIR_FEATURES, *widths, num_heads)
        self.norms = nn.ModuleList(CloudBatchNorm(size) for size in sizes)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embed pairs.

        Parameters
        ----------
        features : Tensor, (..., 4)
            ln Delta, ln kT, ln z, ln m^2.
        mask : Tensor of bool, (...), optional
            Pairs that exist; all by default.

        Returns
        -------
        Tensor, (..., H)
            Bias per head, in the type of the features even under autocast.
        """
        if not self.training:
            # On a CPU the activations of a part stay in the cache.
            in_parts = mask is None and features.device.type == "cpu" and not torch.is_grad_enabled()
            parts = torch.split(features, _PART_PAIRS) if in_parts else [features]
            return torch.cat([self._with_averages(part) for part in parts])
        x: Tensor = self.norms[0](features, mask)
        for linear, norm in zip(self.linears[:-1], self.norms[1:-1], strict=True):
            x = functional.gelu(norm(linear(x), mask))
        out: Tensor = self.norms[-1](self.linears[-1](x).to(features.dtype), mask)
        return out

    def _with_averages(self, features: Tensor) -> Tensor:
        """Embed by the running averages; but for the first, each norm is absorbed by the matrix before it."""
        x: Tensor = self.norms[0](features)
        for linear, norm in zip(self.linears[:-1], self.norms[1:-1], strict=True):
            x = functional.gelu(_normed(linear, norm, x))
        return _normed(self.linears[-1], self.norms[-1], x).to(features.dtype)


def _normed(linear: nn.Module, norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise ``linear(x)`` by the running averages, in one matrix product."""
    assert isinstance(linear, nn.Linear)
    assert isinstance(norm, CloudBatchNorm)
    scale, shift = norm.affine()
    return functional.linear(x, scale[:, None] * linear.weight, scale * linear.bias + shift)


def triangle_index(i: Tensor, j: Tensor) -> Tensor:
    """Number of the unordered pair (i, j) in the order (0,0), (1,0), (1,1), (2,0), ...

    Parameters
    ----------
    i, j : Tensor of int64, broadcastable
        Particles of the same jet.

    Returns
    -------
    Tensor of int64
        ``max (max + 1) / 2 + min``, whatever the number of particles in the jet.

    Examples
    --------
    >>> triangle_index(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])).tolist()
    [0, 1, 2]
    """
    larger, smaller = torch.maximum(i, j), torch.minimum(i, j)
    return larger * (larger + 1) // 2 + smaller


def triangle_pair(index: Tensor) -> tuple[Tensor, Tensor]:
    """Particles i >= j of the pair with this number; the inverse of :func:`triangle_index`.

    Examples
    --------
    >>> [t.tolist() for t in triangle_pair(torch.arange(4))]
    [[0, 1, 1, 2], [0, 0, 1, 0]]
    """
    i = ((8 * index + 1).double().sqrt() / 2 - 0.5).floor().long()
    return i, index - i * (i + 1) // 2


def mirror(pairs: Tensor, index: Tensor, slots: tuple[Tensor, Tensor]) -> Tensor:
    """Spread unordered pairs over both triangles of the score matrices.

    Parameters
    ----------
    pairs : Tensor, (M, H)
        One row for each unordered pair.
    index : Tensor of int64, (S,)
        The pair that each score shows; M for minus infinity.
    slots : tuple of two Tensors of int64, (M,)
        The scores (i, j) and (j, i) of each pair; equal for i = j.

    Returns
    -------
    Tensor, (H, S)
        ``pairs[index]`` transposed. Gradients of scores that are nobody's slot are dropped.

    Examples
    --------
    >>> pairs = torch.tensor([[1.0], [2.0], [3.0]])
    >>> slots = torch.tensor([0, 2, 3]), torch.tensor([0, 1, 3])
    >>> mirror(pairs, torch.tensor([0, 1, 1, 2]), slots).tolist()
    [[1.0, 2.0, 2.0, 3.0]]
    """
    gather: Callable[..., Tensor] = _Mirror.apply
    return gather(pairs, index, *slots)


class _Mirror(torch.autograd.Function):
    """Gather both ways: scattering with repeated indices is slow and unordered."""

    @staticmethod
    def forward(ctx: Any, pairs: Tensor, index: Tensor, slot: Tensor, twin: Tensor) -> Tensor:
        ctx.save_for_backward(slot, twin)
        return functional.pad(pairs.t(), (0, 1), value=-torch.inf).index_select(1, index)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slot, twin = ctx.saved_tensors
        both = grad.index_select(1, slot) + grad.index_select(1, twin).masked_fill_(slot == twin, 0)
        return both.t().contiguous(), None, None, None
