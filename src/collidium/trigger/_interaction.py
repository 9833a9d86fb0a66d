"""Interaction network: every particle sums what all others send to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from collidium.trigger._dense import QuantDense
from collidium.trigger._layer import DataQuantizer, QuantLayer
from collidium.trigger._network_config import Stack
from collidium.trigger._norm import Norm
from collidium.trigger._particles import ParticleConfig, ParticleNetwork
from collidium.trigger._quantizer_config import DATA, QuantizerConfig
from collidium.trigger._signal import Signal, concatenate, masked, relu, take, total
from collidium.trigger._wire import Wire


@dataclass(frozen=True, kw_only=True)
class InteractionConfig(ParticleConfig):
    """Interaction network: features of pairs, summed over senders, then layers on particles, sum, perceptron.

    Attributes
    ----------
    pair_features : int
        E, features of an ordered pair.
    widths : tuple of int
        Widths of the layers on particles, which see a particle and its sum over senders.
    norm : {"none", "input", "output"}
        Batch normalisation of the layers on particles, folded.

    Notes
    -----
    The relation network is ``W relu(R x_i + S x_j + b)``. Its first layer is linear in receiver and sender, so that it
    is a matrix for each particle and an addition for each pair; the second is linear in the sum over senders, so that
    it is the first layer on particles. No product is left that grows with the number of pairs.

    References
    ----------
    JEDI-net, arXiv:1908.05318, section 4, with no second hidden layer in the relation network; the decomposition of
    its first layer is that of LL-GNN, arXiv:2209.14065.

    Examples
    --------
    >>> import torch
    >>> network = InteractionConfig().build(seed=0)
    >>> network(torch.randn(2, 8, 3), torch.ones(2, 8)).shape
    torch.Size([2, 5])
    """

    pair_features: int = 8
    widths: tuple[int, ...] = (16, 16)
    norm: Norm = "none"

    def make(self) -> InteractionNetwork:
        """Make the network."""
        return InteractionNetwork(self)


class PairSum(QuantLayer):
    """Sum over the other valid particles j of ``relu(receiver_i + sender_j)``, both quantized first.

    Parameters
    ----------
    shape : (P, E)
        Particles and features of a pair.
    data : QuantizerConfig
        Quantizer of both parts; particles share widths.

    Examples
    --------
    >>> layer = PairSum((2, 1))
    >>> layer(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[0.5], [-4.0]]]), torch.ones(1, 2)).tolist()
    [[[0.0], [2.5]]]
    """

    def __init__(self, shape: tuple[int, int], data: QuantizerConfig = DATA) -> None:
        super().__init__()
        self.shape = shape
        self.receiver = DataQuantizer(data, shape)
        self.sender = DataQuantizer(data, shape)

    def compute(self, receiver: Tensor, sender: Tensor, valid: Tensor) -> Tensor:
        """Map (N, P, E) twice, and validity (N, P), to (N, P, E)."""
        left: Tensor = self.receiver(receiver)
        right: Tensor = self.sender(sender)
        pairs = torch.relu(left[:, :, None] + right[:, None])
        others = 1 - torch.eye(self.shape[0], dtype=pairs.dtype, device=pairs.device)
        return torch.einsum("nije,nij->nie", pairs, others * valid[:, None].to(pairs.dtype))

    def freeze(self, receiver: Wire, sender: Wire, valid: Wire) -> Wire:
        """Two additions for each pair and feature."""
        left: Wire = self.receiver(receiver)
        right: Wire = self.sender(sender)
        pairs = relu(take(left, self._places(0)) + take(right, self._places(1)))
        return total(masked(pairs, take(valid, _others(self.shape[0])[1][..., None])), -2)

    def ebops(self) -> Tensor:
        """Bits of both additions of each pair, taken as long as its parts are on average."""
        P, _ = self.shape
        return (P - 1) * (self.receiver.bits().sum() + self.sender.bits().sum())

    def _places(self, role: int) -> NDArray[np.int64]:
        """Places of the receivers' (0) or senders' (1) features for each pair, (P, P - 1, E)."""
        P, E = self.shape
        return np.arange(P * E).reshape(P, E)[_others(P)[role]]


class InteractionNetwork(ParticleNetwork):
    """Sums over pairs, layers on particles, sum over particles, perceptron."""

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__(config)
        P, F, E = config.num_particles, config.num_features, config.pair_features
        self.receive = config.dense((P, F), E, passed=self.entry.quantizer)
        self.send = QuantDense((P, F), E, data=self.entry.quantizer, weight=config.weight, bias=None)
        self.pairs = PairSum((P, E), config.data)
        self.particles = Stack(
            [config.dense((P, a), b, norm=config.norm) for a, b in pairwise((F + E, *config.widths))],
            has_last_relu=True,
        )
        sizes = pairwise((config.widths[-1], *config.head, config.num_outputs))
        self.head = Stack([config.dense((a,), b) for a, b in sizes], has_last_relu=False)

    def forward(self, x: Signal, valid: Signal) -> Signal:
        """Map particles (N, P, F) and their validity (N, P) to logits (N, K)."""
        flags: Signal = self.valid(valid)
        codes: Signal = self.entry(x)
        effects: Signal = self.pairs(self.receive(codes), self.send(codes), flags)
        inner: Signal = self.particles(concatenate([codes, effects]))
        out: Signal = self.head(self.pool(inner, flags))
        return out


def _others(num_particles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each particle itself and each of the others, (P, P - 1)."""
    first, second = np.nonzero(~np.eye(num_particles, dtype=bool))
    shape = (num_particles, num_particles - 1)
    return first.reshape(shape), second.reshape(shape)
