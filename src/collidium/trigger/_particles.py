"""Networks on particles: a plain perceptron, permutation-invariant sums, and a small transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from collidium.artifact import InputError
from collidium.firmware import Overflow
from collidium.trigger._dense import WeightedLayer
from collidium.trigger._layer import QuantInput
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import LayerKind, NetworkConfig, Stack
from collidium.trigger._norm import Norm
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import BIT, QuantizerConfig
from collidium.trigger._signal import Signal, masked, relu, reshape, shift, total
from collidium.trigger._softmax import ATTENTION, AttentionConfig, QuantAttention

EACH_PLACE = QuantizerConfig(overflow=Overflow.SAT, shared=())
"""Quantizer of the numbers from outside with a width for each."""


@dataclass(frozen=True, kw_only=True)
class ParticleConfig(NetworkConfig):
    """What networks on particles have in common.

    Attributes
    ----------
    num_particles, num_features, num_outputs : int
        P, F and the number of classes.
    head : tuple of int
        Hidden widths after the pooling.
    """

    num_particles: int = 8
    num_features: int = 3
    num_outputs: int = 5
    head: tuple[int, ...] = (16,)


class ParticleNetwork(QuantNetwork):
    """Base of networks on particles ``x`` (P, F) with one bit ``valid`` (P) each."""

    def __init__(self, config: ParticleConfig) -> None:
        P, F = config.num_particles, config.num_features
        super().__init__({"x": (P, F), "valid": (P,)})
        self.entry = QuantInput((P, F), config.entry)
        self.valid = QuantInput((P,), BIT)
        self.mean_bits = math.ceil(math.log2(P))

    def pool(self, x: Signal, valid: Signal) -> Signal:
        """Sum over valid particles, divided by the power of two above P, which costs nothing: (N, P, F) to (N, F)."""
        column = reshape(valid, (*self.inputs["valid"], 1))
        return shift(total(masked(x, column), -2), -self.mean_bits)


@dataclass(frozen=True, kw_only=True)
class ParticleMLPConfig(ParticleConfig):
    """Perceptron on the features of all particles in a row, each place with widths and weights of its own.

    Attributes
    ----------
    norm : {"none", "input", "output"}
        Batch normalisation of the layers, folded.

    Notes
    -----
    Its hidden widths are ``head``. It does not look at the validity: a particle that is absent has to come as zeros.

    Examples
    --------
    >>> import torch
    >>> network = ParticleMLPConfig().build(seed=0)
    >>> network(torch.zeros(2, 8, 3), torch.ones(2, 8)).shape
    torch.Size([2, 5])
    """

    entry: QuantizerConfig = EACH_PLACE
    head: tuple[int, ...] = (32, 32)
    norm: Norm = "none"

    def make(self) -> ParticleMLP:
        """Make the network."""
        return ParticleMLP(self)


class AllParticles(WeightedLayer):
    """A dense layer on the features of all particles in a row, which have passed a quantizer."""

    is_arranged = False

    def __init__(self, entry: Quantizer, shape: tuple[int, int], config: ParticleMLPConfig, num_outputs: int) -> None:
        self.num_inputs = math.prod(shape)
        super().__init__(
            shape,
            self.num_inputs,
            num_outputs,
            data=entry,
            weight=config.weight,
            bias=config.weight,
            norm=config.norm,
        )

    def arrange(self, x: Signal) -> Signal:
        """Bring (N, P, F) into the shape (N, P * F)."""
        return reshape(x, (self.num_inputs,))


class ParticleMLP(ParticleNetwork):
    """Perceptron on all particles."""

    def __init__(self, config: ParticleMLPConfig) -> None:
        super().__init__(config)
        shape = (config.num_particles, config.num_features)
        if not config.head:
            raise InputError("head is empty: at least one hidden width is needed")
        self.first = AllParticles(self.entry.quantizer, shape, config, config.head[0])
        sizes = pairwise((*config.head, config.num_outputs))
        self.body = Stack([config.dense((a,), b, norm=config.norm) for a, b in sizes], has_last_relu=False)

    def forward(self, x: Signal, valid: Signal) -> Signal:
        """Map particles (N, P, F) to logits (N, K)."""
        out: Signal = self.body(relu(self.first(self.entry(x))))
        return out


@dataclass(frozen=True, kw_only=True)
class DeepSetsConfig(ParticleConfig):
    """Permutation-invariant network: the same layers for every particle, sum, perceptron.

    Attributes
    ----------
    widths : tuple of int
        Widths of the layers on particles.
    kind : {"dense", "lut"}
        Kind of the layers on particles.
    norm : {"none", "input", "output"}
        Batch normalisation of the dense layers, folded.

    Examples
    --------
    >>> import torch
    >>> network = DeepSetsConfig().build(seed=0)
    >>> network(torch.zeros(2, 8, 3), torch.ones(2, 8)).shape
    torch.Size([2, 5])
    """

    widths: tuple[int, ...] = (32, 32)
    kind: LayerKind = "dense"
    norm: Norm = "none"

    def make(self) -> DeepSets:
        """Make the network."""
        return DeepSets(self)


class DeepSets(ParticleNetwork):
    """Layers on particles, sum over particles, perceptron."""

    def __init__(self, config: DeepSetsConfig) -> None:
        super().__init__(config)
        P = config.num_particles
        widths = (config.num_features, *config.widths)
        self.particles = Stack(
            [
                config.lut((P, a), b)
                if config.kind == "lut"
                else config.dense((P, a), b, norm=config.norm, passed=self.entry.quantizer if index == 0 else None)
                for index, (a, b) in enumerate(pairwise(widths))
            ],
            has_last_relu=True,
        )
        sizes = pairwise((widths[-1], *config.head, config.num_outputs))
        self.head = Stack([config.dense((a,), b) for a, b in sizes], has_last_relu=False)

    def forward(self, x: Signal, valid: Signal) -> Signal:
        """Map particles (N, P, F) and their validity (N, P) to logits (N, K)."""
        flags: Signal = self.valid(valid)
        inner: Signal = self.particles(self.entry(x))
        out: Signal = self.head(self.pool(inner, flags))
        return out


@dataclass(frozen=True, kw_only=True)
class JetFormerConfig(ParticleConfig):
    """Small transformer on particles: attention and feed-forward blocks with folded batch normalisation.

    Attributes
    ----------
    width : int
        Features of a particle inside.
    num_blocks : int
        Blocks of attention and feed-forward layers.
    attention : AttentionConfig
        Heads and their widths.
    feed_forward : int
        Hidden width of a feed-forward layer.

    References
    ----------
    JetFormer: pre-norm blocks with batch normalisation; here the sum over particles stands for the class token.

    Examples
    --------
    >>> import torch
    >>> network = JetFormerConfig().build(seed=0)
    >>> network(torch.randn(2, 8, 3), torch.ones(2, 8)).shape
    torch.Size([2, 5])
    """

    width: int = 8
    num_blocks: int = 1
    attention: AttentionConfig = ATTENTION
    feed_forward: int = 16

    def make(self) -> JetFormer:
        """Make the network."""
        return JetFormer(self)


class Block(nn.Module):
    """Attention and feed-forward layer, each around a residual connection."""

    def __init__(self, config: JetFormerConfig) -> None:
        super().__init__()
        shape = (config.num_particles, config.width)
        self.attention = QuantAttention(shape, config.attention)
        wide = config.dense(shape, config.feed_forward, norm="input")
        narrow = config.dense((config.num_particles, config.feed_forward), config.width)
        self.feed_forward = Stack([wide, narrow], has_last_relu=False)

    def forward(self, x: Signal, valid: Signal) -> Signal:
        """Map particles (N, P, F) to (N, P, F)."""
        x = x + self.attention(x, valid)
        out: Signal = x + self.feed_forward(x)
        return out


class JetFormer(ParticleNetwork):
    """Embedding, blocks, sum over particles, perceptron."""

    def __init__(self, config: JetFormerConfig) -> None:
        super().__init__(config)
        self.embed = config.dense(
            (config.num_particles, config.num_features), config.width, passed=self.entry.quantizer
        )
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.num_blocks)])
        sizes = pairwise((config.width, *config.head, config.num_outputs))
        self.head = Stack([config.dense((a,), b) for a, b in sizes], has_last_relu=False)

    def forward(self, x: Signal, valid: Signal) -> Signal:
        """Map particles (N, P, F) and their validity (N, P) to logits (N, K)."""
        flags: Signal = self.valid(valid)
        inner: Signal = self.embed(self.entry(x))
        for block in self.blocks:
            inner = block(inner, flags)
        out: Signal = self.head(self.pool(inner, flags))
        return out
