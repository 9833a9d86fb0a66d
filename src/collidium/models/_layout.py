"""Where particles lie in memory: packed without padding, or padded with a mask.

Backbones are written once against :class:`Layout`. Linear layers, activations and layer norms act on rows and need no
layout; it owns what mixes the rows of a jet: sums, class tokens, pairs and attention.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import torch
from torch import Tensor

from collidium.cloud import PairKinematics, pair_features
from collidium.models._attention import dense_attention, packed_attention, packed_pooling
from collidium.models._buckets import Buckets, make_buckets
from collidium.models._dropout import dropout_threshold
from collidium.models._pairs import PairEmbedding, mirror, triangle_index, triangle_pair

_MASKED = -3e4


class Layout(ABC):
    """How the rows of a batch of N jets are stored.

    Attributes
    ----------
    num_jets : int
        N.
    mask : Tensor of bool, (N, P), or None
        Valid rows; None when all are.
    """

    num_jets: int
    mask: Tensor | None

    @abstractmethod
    def sum(self, x: Tensor) -> Tensor:
        """Sum rows over the particles of each jet: (N, d)."""

    @abstractmethod
    def prepend(self, token: Tensor, x: Tensor) -> tuple[Layout, Tensor]:
        """Put one row (N, d) before the particles of each jet; returns the layout of the result with it."""

    @abstractmethod
    def first(self, x: Tensor) -> Tensor:
        """Take the first row of each jet, (N, d); every jet must have one."""

    @abstractmethod
    def pair_bias(self, p4: Tensor, embedding: PairEmbedding) -> Tensor:
        """Attention bias from the pair features of particles with momenta ``p4`` (rows of 4, GeV)."""

    @abstractmethod
    def attend(self, qkv: Tensor, *, num_heads: int, bias: Tensor | None = None, dropout: float = 0.0) -> Tensor:
        """Let every row attend to the rows of its jet, given queries, keys and values side by side.

        ``bias`` is what :meth:`pair_bias` makes.
        """

    @abstractmethod
    def pool(self, q: Tensor, x: Tensor) -> Tensor:
        """Average the rows of each jet with the weights softmax(q x^T) of its queries ``q`` (N, H, d): (N, H, d).

        Every jet must have a row.
        """


class Packed(Layout):
    """T rows of N jets one after another; padding does not exist.

    Parameters
    ----------
    lengths : Tensor of int64, (N,)
        Rows of each jet, in ascending order.

    Examples
    --------
    >>> Packed(torch.tensor([1, 2])).sum(torch.tensor([[1.0], [2.0], [3.0]])).tolist()
    [[1.0], [5.0]]
    """

    mask = None

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths
        self.num_jets = len(lengths)

    @cached_property
    def starts(self) -> Tensor:
        """First row of each jet, (N,)."""
        return self.lengths.cumsum(0) - self.lengths

    @cached_property
    def buckets(self) -> Buckets:
        """The groups in which attention is computed."""
        return make_buckets(self.lengths.tolist(), device=self.lengths.device)

    def sum(self, x: Tensor) -> Tensor:
        """Sum rows over the particles of each jet: (N, d)."""
        total: Tensor = torch.segment_reduce(x, "sum", lengths=self.lengths, initial=0, unsafe=True)
        return total

    def prepend(self, token: Tensor, x: Tensor) -> tuple[Packed, Tensor]:
        """Put one row (N, d) before the particles of each jet."""
        layout = Packed(self.lengths + 1)
        shift = torch.repeat_interleave(torch.arange(1, self.num_jets + 1, device=x.device), self.lengths)
        rows = x.new_empty(len(x) + self.num_jets, x.shape[1])
        rows = rows.index_copy_(0, layout.starts, token.to(x.dtype))
        return layout, rows.index_copy_(0, torch.arange(len(x), device=x.device) + shift, x)

    def first(self, x: Tensor) -> Tensor:
        """Take the first row of each jet, (N, d)."""
        return x[self.starts]

    def pair_bias(self, p4: Tensor, embedding: PairEmbedding) -> Tensor:
        """Attention bias (H, S) in the order of the buckets' ``pairs``, minus infinity on padding keys.

        Only true pairs i >= j are computed.
        """
        sizes = self.lengths * (self.lengths + 1) // 2
        pair_starts = sizes.cumsum(0) - sizes
        jet = torch.repeat_interleave(torch.arange(self.num_jets, device=p4.device), sizes)
        i, j = triangle_pair(torch.arange(len(jet), device=p4.device) - pair_starts[jet])
        row = self.starts[jet]
        with torch.no_grad():
            particles = PairKinematics.of(p4)
            features = pair_features(particles[row + i], particles[row + j], dtype=p4.dtype)
        index, base, stride = self._score_order(pair_starts, len(jet))
        slots = base[jet] + i * stride[jet] + j, base[jet] + j * stride[jet] + i
        return mirror(embedding(features), index, slots)

    def _score_order(self, pair_starts: Tensor, num_pairs: int) -> tuple[Tensor, Tensor, Tensor]:
        """The pair of each of S scores, ``num_pairs`` for padding keys; first score and row stride of each jet."""
        base, stride = torch.zeros_like(self.lengths), torch.zeros_like(self.lengths)
        shown = [base[:0]]
        for bucket in self.buckets.buckets:
            n = bucket.length
            position = torch.arange(n, device=base.device)
            table = pair_starts[bucket.jets, None, None] + triangle_index(position[:, None], position)
            if bucket.pad is not None:
                table = table.clamp_(max=num_pairs - 1).masked_fill_(bucket.pad[:, None], num_pairs)
            shown.append(table.flatten())
            base[bucket.jets] = bucket.pairs.start + n * n * torch.arange(bucket.num_jets, device=base.device)
            stride[bucket.jets] = n
        return torch.cat(shown), base, stride

    def attend(self, qkv: Tensor, *, num_heads: int, bias: Tensor | None = None, dropout: float = 0.0) -> Tensor:
        """Let every row attend to the rows of its jet."""
        q, kv = _split(self.buckets.spread(qkv))
        threshold = dropout_threshold(dropout)
        slots = packed_attention(q, kv, self.buckets, num_heads=num_heads, bias=bias, threshold=threshold)
        return self.buckets.collect(slots)

    def pool(self, q: Tensor, x: Tensor) -> Tensor:
        """Average the rows of each jet with the weights softmax(q x^T): (N, H, d)."""
        return packed_pooling(q, self.buckets.spread(x), self.buckets)


class Dense(Layout):
    """Rows (N, P, d), of which a mask tells the valid ones. All shapes may be dynamic in an exported graph.

    Parameters
    ----------
    mask : Tensor of bool, (N, P)
        True for a particle.

    Examples
    --------
    >>> Dense(torch.tensor([[True, False]])).sum(torch.tensor([[[1.0], [9.0]]])).tolist()
    [[1.0]]
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask
        self.num_jets = mask.shape[0]

    def sum(self, x: Tensor) -> Tensor:
        """Sum rows over the particles of each jet: (N, d)."""
        return (x * self.mask[..., None]).sum(1)

    def prepend(self, token: Tensor, x: Tensor) -> tuple[Dense, Tensor]:
        """Put one row (N, d) before the particles of each jet."""
        valid = torch.ones_like(token[:, :1], dtype=torch.bool)
        return Dense(torch.cat([valid, self.mask], 1)), torch.cat([token[:, None].to(x.dtype), x], 1)

    def first(self, x: Tensor) -> Tensor:
        """Take the first row of each jet, (N, d)."""
        return x[:, 0]

    def pair_bias(self, p4: Tensor, embedding: PairEmbedding) -> Tensor:
        """Attention bias (N, H, P, P), very negative on padded keys."""
        P = p4.shape[1]
        i, j = triangle_pair(torch.arange(P * (P + 1) // 2, device=p4.device))
        with torch.no_grad():
            particles = PairKinematics.of(p4)
            features = pair_features(particles[:, i], particles[:, j], dtype=p4.dtype)
        bias = embedding(features, self.mask[:, i] & self.mask[:, j])
        position = torch.arange(P, device=p4.device)
        square: Tensor = bias[:, triangle_index(position[:, None], position)]
        return square.permute(0, 3, 1, 2).masked_fill(~self.mask[:, None, None, :], _MASKED)

    def attend(self, qkv: Tensor, *, num_heads: int, bias: Tensor | None = None, dropout: float = 0.0) -> Tensor:
        """Let every row attend to the valid rows of its jet."""
        q, kv = _split(qkv)
        bias = self._key_bias(q) if bias is None else bias
        return dense_attention(q, kv, num_heads=num_heads, bias=bias, dropout=dropout)

    def pool(self, q: Tensor, x: Tensor) -> Tensor:
        """Average the valid rows of each jet with the weights softmax(q x^T): (N, H, d)."""
        scores = q @ x.transpose(1, 2)
        return (scores + self._key_bias(scores)[:, 0]).softmax(-1) @ x

    def _key_bias(self, like: Tensor) -> Tensor:
        """Zero for valid keys and very negative for padded ones, (N, 1, 1, P)."""
        zeros = torch.zeros_like(self.mask, dtype=like.dtype)
        bias: Tensor = zeros.masked_fill(~self.mask, _MASKED)[:, None, None]
        return bias


def _split(qkv: Tensor) -> tuple[Tensor, Tensor]:
    """Queries, and keys with values."""
    d = qkv.shape[-1] // 3
    return qkv[..., :d], qkv[..., d:]
