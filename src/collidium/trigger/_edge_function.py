"""The function on each edge of a layer of tables: a private perceptron with one hidden layer, and normalisation."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

NORM_EPSILON = 1e-3


class EdgeWeights(NamedTuple):
    """Weights of the perceptrons of all edges.

    Attributes
    ----------
    w1 : Tensor, (D, K, G, U)
        From the K inputs to D hidden units.
    b1 : Tensor, (D, G, U)
        Their bias.
    w2 : Tensor, (D, G, U)
        To the output.
    b2 : Tensor, (G, U)
        Its bias.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor

    def double(self) -> EdgeWeights:
        """The same weights in float64."""
        return EdgeWeights(*(weight.detach().double() for weight in self))


def hidden_units(v: Tensor, weights: EdgeWeights) -> Tensor:
    """Hidden units of all edges.

    Parameters
    ----------
    v : Tensor, (K, G, C, U)
        Inputs of each edge in each cell.
    weights : EdgeWeights

    Returns
    -------
    Tensor, (D, G, C, U)
        ``tanh(b1 + sum_k w1_k v_k)``.
    """
    w1, b1 = weights.w1[..., None, :], weights.b1[..., None, :]
    units = torch.addcmul(b1, v[0], w1[:, 0])
    for k in range(1, len(v)):
        units.addcmul_(v[k], w1[:, k])
    return units.tanh_()


def edge_outputs(h: Tensor, weights: EdgeWeights) -> Tensor:
    """Outputs of all edges before normalisation, (G, C, U), summed over hidden units in their order."""
    w2 = weights.w2[..., None, :]
    out = torch.addcmul(weights.b2[:, None], h[0], w2[0])
    for d in range(1, len(h)):
        out.addcmul_(h[d], w2[d])
    return out


def unit_slopes(h: Tensor, weights: EdgeWeights) -> Tensor:
    """Derivative of the outputs by the argument of each hidden unit, (D, G, C, U)."""
    w2 = weights.w2[..., None, :]
    return torch.addcmul(w2, h * h, w2, value=-1)


def edge_slopes(units: Tensor, weights: EdgeWeights) -> Tensor:
    """Derivative of the outputs by each input, (K, G, C, U), from those by the hidden units."""
    return torch.stack([(units * weights.w1[:, k, :, None]).sum(0) for k in range(weights.w1.shape[1])])


def weight_gradients(v: Tensor, h: Tensor, units: Tensor, grad: Tensor) -> EdgeWeights:
    """Gradients of the perceptrons.

    Parameters
    ----------
    v : Tensor, (K, G, C, U)
        Inputs of each edge in each cell.
    h : Tensor, (D, G, C, U)
        Hidden units.
    units : Tensor, (D, G, C, U)
        As :func:`unit_slopes` gives them; overwritten.
    grad : Tensor, (G, C, U)
        Gradients of the outputs.

    Returns
    -------
    EdgeWeights
    """
    grad_units = units.mul_(grad)
    return EdgeWeights(
        w1=torch.stack([(grad_units * v[k]).sum(2) for k in range(len(v))], dim=1),
        b1=grad_units.sum(2),
        w2=(h * grad).sum(2),
        b2=grad.sum(1),
    )


def affine_norm(
    gain: Tensor | None, offset: Tensor | None, mean: Tensor, variance: Tensor, num_groups: int
) -> tuple[Tensor | float, Tensor | float]:
    """Scale and shift of the normalised outputs divided by sqrt(G); without gain, of the division alone."""
    divisor = math.sqrt(num_groups)
    if gain is None or offset is None:
        return 1 / divisor, 0.0
    scale = gain / torch.sqrt(variance + NORM_EPSILON) / divisor
    return scale, offset / divisor - mean * scale
