"""Transport of charge between cells as a loss: the earth mover's distance with a little entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_FLOOR = 1e-12
_SELF_ITERATIONS = 8


@dataclass(frozen=True)
class TransportKernel:
    """A metric between C cells, as the transport needs it.

    Attributes
    ----------
    weight : Tensor, (C, C), 1
        ``exp(-distance / blur)``.
    blur : float, mm
        Strength of the entropy; what moves less far than this counts for less than it costs.
    """

    weight: Tensor
    blur: float

    @classmethod
    def of(cls, distance: Tensor, *, blur: float = 6.0) -> TransportKernel:
        """Prepare a metric (C, C), mm, which must not be much longer than 25 times the blur."""
        return cls(torch.exp(-distance / blur), blur)

    def to(self, device: torch.device | str) -> TransportKernel:
        """Move to a device."""
        return TransportKernel(self.weight.to(device), self.blur)


def transport_distance(predicted: Tensor, target: Tensor, kernel: TransportKernel, *, iterations: int = 20) -> Tensor:
    """Sinkhorn divergence of distributions over cells.

    Parameters
    ----------
    predicted, target : Tensor, (N, C), 1
        Rows of sum 1, none negative.
    kernel : TransportKernel
        The metric.
    iterations : int
        Alternating projections.

    Returns
    -------
    Tensor, (N,), mm
        ``W(a, b) - W(a, a) / 2 - W(b, b) / 2`` with the entropic transport cost W; 0 at a = b. Its gradient with
        respect to ``predicted`` is the difference of two potentials and needs no memory of the iterations.

    References
    ----------
    J. Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", arXiv:1810.08278,
    equations (3) and (9) to (11).

    Examples
    --------
    >>> kernel = TransportKernel.of(torch.tensor([[0.0, 50.0], [50.0, 0.0]]))
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> [round(float(transport_distance(a, other, kernel)), 1) for other in (a, b)]
    [0.0, 50.0]
    """
    out: Tensor = _Transport.apply(predicted, target, kernel, iterations)  # type: ignore[no-untyped-call]  # by torch
    return out


class _Transport(torch.autograd.Function):
    """The value by iterations without gradients; the gradient is what the iterations converge to."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, target: Tensor, kernel: TransportKernel, iterations: int) -> Tensor:
        a, b = predicted.clamp_min(_FLOOR), target.clamp_min(_FLOOR)
        u, v = torch.ones_like(a), torch.ones_like(a)
        for _ in range(iterations):
            v = b / (u @ kernel.weight)
            u = a / (v @ kernel.weight)
        own_a, own_b = _own_scaling(a, kernel.weight), _own_scaling(b, kernel.weight)
        potential = kernel.blur * (u.log() - own_a.log())
        ctx.save_for_backward(potential)
        return (a * potential + kernel.blur * b * (v.log() - own_b.log())).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (potential,) = ctx.saved_tensors
        return grads[0][:, None] * potential, None, None, None


def _own_scaling(a: Tensor, weight: Tensor) -> Tensor:
    """Scaling of the transport of a distribution to itself, by damped fixed-point steps."""
    u = torch.ones_like(a)
    for _ in range(_SELF_ITERATIONS):
        u = (u * a / (u @ weight)).sqrt()
    return u
