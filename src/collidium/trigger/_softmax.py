"""Softmax and attention in fixed point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.firmware import Add, Constant, Overflow, Rounding
from collidium.trigger._dense import QuantDense
from collidium.trigger._einsum import QuantContract
from collidium.trigger._fixed_point import exact_exp2
from collidium.trigger._function import QuantFunction
from collidium.trigger._layer import DataQuantizer, QuantLayer
from collidium.trigger._norm import Norm
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import DATA, QuantizerConfig
from collidium.trigger._signal import Signal, highest, masked, multiply, negate, reshape, total, transpose
from collidium.trigger._wire import Wire

SCORE = QuantizerConfig(f=4.0)
DISTANCE = QuantizerConfig(overflow=Overflow.SAT, i=3.0, f=3.0, is_signed=False, integer_bits="fixed")
EXPONENTIAL = QuantizerConfig(rounding=Rounding.RND_CONV, f=6.0, is_signed=False)
DENOMINATOR = QuantizerConfig(overflow=Overflow.SAT, f=3.0, is_signed=False)
RECIPROCAL = QuantizerConfig(rounding=Rounding.RND_CONV, f=6.0, is_signed=False)

PROBABILITY = QuantizerConfig(f=5.0, is_signed=False, shared=(0, 1, 2))


class QuantDistance(QuantLayer):
    """Distance of scores from the largest valid one along the last axis.

    Parameters
    ----------
    shape : sequence of int
        Shape of the scores without the batch axis.
    score : QuantizerConfig
        Quantizer of the scores, one width for all; not saturating symmetrically.

    Notes
    -----
    The firmware adds ``2**i`` to the scores, whose format has ``i`` integer bits, so that none is negative and a masked
    score, which is 0 then, is never the largest.

    Examples
    --------
    >>> layer = QuantDistance((3,))
    >>> layer(torch.tensor([[1.0, 0.5, 0.75]]), torch.tensor([[1.0, 1.0, 0.0]])).tolist()
    [[0.0, 0.5, 0.0]]
    """

    def __init__(self, shape: Sequence[int], score: QuantizerConfig = SCORE) -> None:
        super().__init__()
        if not score.is_signed and score.integer_bits != "tracked":
            raise InputError("score: a signed format is needed")
        self.shape = tuple(shape)
        self.quantizer = Quantizer(score, shape, shared=range(len(shape)))

    def compute(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Distances (N, *shape) of scores (N, *shape) by validity, broadcast; 0 where a score is not valid."""
        x = self.quantizer(x)
        if valid is None:
            return x.amax(-1, keepdim=True) - x
        low = x.detach().amin() if self.training else -exact_exp2(self._offset_bits(), x.dtype)
        largest = torch.where(valid > 0, x, low).amax(-1, keepdim=True)
        return (largest - x) * valid

    def freeze(self, x: Wire, valid: Wire | None = None) -> Wire:
        """Quantize, offset, find the largest, subtract."""
        x = x.quantize(self.quantizer, "scores")
        if valid is not None:
            offset = Constant(x.graph.name("offset"), [1], -int(self._offset_bits()))
            x = x.graph.add(Add(x.graph.name("positive"), x.name, x.graph.add(offset).name))
        largest = highest(x if valid is None else masked(x, valid), -1)
        distance = reshape(largest, (*largest.shape, 1)) + negate(x)
        return distance if valid is None else masked(distance, valid)

    def ebops(self) -> Tensor:
        """Bits of the subtractions: one and a choice for each comparison, one for each distance."""
        num = self.shape[-1]
        return math.prod(self.shape[:-1]) * (3 * num - 2) * self.quantizer.width().sum()

    def _offset_bits(self) -> Tensor:
        """Whole integer bits of the scores, at least enough for one step."""
        f = self.quantizer.f.detach().round()
        return torch.maximum(self.quantizer.i.detach().round(), -f).flatten()[0]


class QuantSoftmax(nn.Module):
    """Softmax along the last axis, with tables for the exponential and the reciprocal.

    Parameters
    ----------
    shape : sequence of int
        Shape of the scores without the batch axis.
    score, distance, exponential, denominator, reciprocal : QuantizerConfig
        Quantizers along the way.

    Notes
    -----
    ``z = max_j s_j - s_i``, ``e = exp(-z)``, ``p = e / sum e``. A score that is not valid takes part neither in the
    maximum nor in the sum, and its probability is 0; where no score is valid all are 0. Distances saturate below 8 by
    default, where the exponential is less than half a step of its table.

    Examples
    --------
    >>> QuantSoftmax((2,))(torch.tensor([[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        score: QuantizerConfig = SCORE,
        distance: QuantizerConfig = DISTANCE,
        exponential: QuantizerConfig = EXPONENTIAL,
        denominator: QuantizerConfig = DENOMINATOR,
        reciprocal: QuantizerConfig = RECIPROCAL,
    ) -> None:
        super().__init__()
        self.distance = QuantDistance(shape, score)
        self.exponential = QuantFunction("decay", shape, argument=distance, value=exponential)
        self.reciprocal = QuantFunction("inverse", (*shape[:-1], 1), argument=denominator, value=reciprocal)
        self.product = QuantProduct(self.exponential, self.reciprocal)

    def forward(self, x: Signal, valid: Signal | None = None) -> Signal:
        """Probabilities (N, *shape) of scores (N, *shape)."""
        terms: Signal
        terms = self.exponential(self.distance(x) if valid is None else self.distance(x, valid))
        if valid is not None:
            terms = masked(terms, valid)
        sums = total(terms, -1)
        shape = self.reciprocal.shape
        out: Signal = self.product(terms, self.reciprocal(reshape(sums, shape)))
        return out


class QuantProduct(QuantLayer):
    """Product of the entries of two tables, broadcast.

    Parameters
    ----------
    x, y : QuantFunction
        The layers whose outputs are multiplied.
    """

    def __init__(self, x: QuantFunction, y: QuantFunction) -> None:
        super().__init__()
        self.x = DataQuantizer(x.value, x.shape)
        self.y = DataQuantizer(y.value, y.shape)

    def compute(self, x: Tensor, y: Tensor) -> Tensor:
        """Elementwise product in full precision."""
        return multiply(x, y)

    def freeze(self, x: Wire, y: Wire) -> Wire:
        """One product for each element."""
        return multiply(x, y)

    def ebops(self) -> Tensor:
        """Products of the bits of both factors."""
        return (self.x.bits() * self.y.bits()).sum()


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Self-attention over particles.

    Attributes
    ----------
    num_heads : int
        Heads.
    head_size : int
        Features of a head's queries, keys and values.
    norm : {"none", "input"}
        Batch normalisation in front, folded into the projections.
    data : QuantizerConfig
        Quantizer of queries, keys, values and the heads' output.
    probability : QuantizerConfig
        Quantizer of the probabilities (heads, particles, particles); one width for all, as no particle is special.
    score, distance, exponential, denominator, reciprocal : QuantizerConfig
        Quantizers inside the softmax, in the order of :class:`QuantSoftmax`.
    """

    num_heads: int = 2
    head_size: int = 4
    norm: Norm = "input"
    data: QuantizerConfig = DATA
    probability: QuantizerConfig = PROBABILITY
    score: QuantizerConfig = SCORE
    distance: QuantizerConfig = DISTANCE
    exponential: QuantizerConfig = EXPONENTIAL
    denominator: QuantizerConfig = DENOMINATOR
    reciprocal: QuantizerConfig = RECIPROCAL


ATTENTION = AttentionConfig()


class QuantAttention(nn.Module):
    """Multi-head self-attention in fixed point, permutation-equivariant.

    Parameters
    ----------
    shape : (P, F)
        Particles and features.
    config : AttentionConfig
        Heads and widths.

    Notes
    -----
    The factor 1 / sqrt(head size) is in the weights of the queries at the start, not in the firmware.

    Examples
    --------
    >>> QuantAttention((4, 8))(torch.zeros(2, 4, 8), torch.ones(2, 4)).shape
    torch.Size([2, 4, 8])
    """

    def __init__(self, shape: tuple[int, int], config: AttentionConfig = ATTENTION) -> None:
        super().__init__()
        P, F = shape
        H, D = config.num_heads, config.head_size
        self.split = (P, 3, H, D)
        self.project = QuantDense(shape, 3 * H * D, norm=config.norm, data=config.data)
        with torch.no_grad():
            self.project.weight[: H * D] /= np.sqrt(D)
        self.scores = QuantContract("hik,hjk->hij", (H, P, D), (H, P, D), x=config.data, y=config.data)
        self.softmax = QuantSoftmax(
            (H, P, P),
            score=config.score,
            distance=config.distance,
            exponential=config.exponential,
            denominator=config.denominator,
            reciprocal=config.reciprocal,
        )
        self.mix = QuantContract("hij,hjk->hik", (H, P, P), (H, P, D), x=config.probability, y=config.data)
        self.merge = QuantDense((P, H * D), F, data=config.data)

    def forward(self, x: Signal, valid: Signal | None = None) -> Signal:
        """Map particles (N, P, F) to (N, P, F); ``valid`` (N, P) is 1 for a particle, others are attended by nobody."""
        P, _, H, D = self.split
        heads: Signal = transpose(reshape(self.project(x), self.split), (1, 2, 0, 3))
        query, key, value = (take_part(heads, part) for part in range(3))
        scores: Signal = self.scores(query, key)
        weights = self.softmax(scores) if valid is None else self.softmax(scores, reshape(valid, (1, 1, P)))
        mixed: Signal = self.mix(weights, value)
        out: Signal = self.merge(reshape(transpose(mixed, (1, 0, 2)), (P, H * D)))
        return out


def take_part(x: Signal, part: int) -> Signal:
    """One slice of the first axis after the batch axis."""
    if isinstance(x, Wire):
        return x[part]
    return x[:, part]
