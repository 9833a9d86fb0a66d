"""Slot 9: rescaling query and key weights of attention heads whose logits grow too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from collidium.optim._pipeline import MatrixStep, Options, Slot, require

HeadRole = Literal["query", "key", "rotary_query"]


@dataclass(frozen=True, kw_only=True)
class HeadRows:
    """Rows of a weight that belong to attention heads, in equal shares one after the other.

    Parameters
    ----------
    weight : Tensor, (M, n)
        The parameter.
    role : {"query", "key", "rotary_query"}
        Which power of the clip factor these rows take.
    num_heads : int
        Heads that share the rows; keys may have fewer than queries.
    rows : (int, int), optional
        First row and row after the last, for fused weights; all rows if not given.
    bias : Tensor, (M,), optional
        Scaled with the same rows.
    """

    weight: Tensor
    role: HeadRole
    num_heads: int
    rows: tuple[int, int] | None = None
    bias: Tensor | None = None

    def __post_init__(self) -> None:
        start, stop = self.span
        if not 0 <= start < stop <= len(self.weight) or (stop - start) % self.num_heads:
            raise ValueError(
                f"rows {start} to {stop} of a {self.role} weight of shape {tuple(self.weight.shape)} are not "
                f"{self.num_heads} equal heads"
            )

    @property
    def span(self) -> tuple[int, int]:
        """First row and row after the last."""
        return self.rows or (0, len(self.weight))


def clip_factors(max_logits: Tensor, threshold: float) -> Tensor:
    """By how much the logits of every head have to shrink, ``min(1, tau / S_h)``.

    Parameters
    ----------
    max_logits : Tensor, (H,), 1
        Largest logit ``S_h`` of each head; negative and non-finite ones are not clipped.
    threshold : float
        ``tau``.

    Returns
    -------
    Tensor, (H,), 1

    Examples
    --------
    >>> clip_factors(torch.tensor([50.0, 400.0, -3.0]), 100.0)
    tensor([1.0000, 0.2500, 1.0000])
    """
    exceeds = (max_logits > threshold) & max_logits.isfinite()
    return torch.where(exceeds, threshold / max_logits, torch.ones_like(max_logits))


def largest_logits(query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
    """Largest attention logit of every head over a batch, for `AttentionLogits.report`.

    Parameters
    ----------
    query : Tensor, (N, H, P, D), 1
    key : Tensor, (N, K, Q, D), 1
        ``K`` divides ``H``; every key head serves ``H / K`` consecutive query heads.
    mask : Tensor, (P, Q) or broadcastable to (N, H, P, Q), bool, optional
        True where attention looks.

    Returns
    -------
    Tensor, (H,), 1
        ``max q k / sqrt(D)``.

    Examples
    --------
    >>> query = torch.tensor([2.0, -2.0]).view(1, 2, 1, 1)
    >>> largest_logits(query, torch.ones(1, 1, 3, 1))
    tensor([ 2., -2.])
    """
    shared = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    logits = query @ shared.mT / query.shape[-1] ** 0.5
    if mask is not None:
        logits = logits.masked_fill(~mask, -torch.inf)
    largest: Tensor = logits.detach().amax(dim=(0, 2, 3))
    return largest


class AttentionLogits:
    """What one attention layer reports to its optimizer, and whose rows are to be scaled.

    Parameters
    ----------
    parts : sequence of HeadRows
        Query and key rows of the layer.
    num_heads : int
        Query heads.

    Raises
    ------
    ValueError
        If the heads of a part do not divide those of the layer.

    Examples
    --------
    >>> query, key = (torch.nn.Parameter(torch.ones(4, 3)) for _ in range(2))
    >>> attention = AttentionLogits.of(query, key, num_heads=2)
    >>> attention.report(torch.tensor([30.0, 500.0]))
    """

    def __init__(self, parts: Sequence[HeadRows], *, num_heads: int) -> None:
        for part in parts:
            if num_heads % part.num_heads:
                raise ValueError(
                    f"num_heads is {num_heads}; a multiple of the {part.num_heads} {part.role} heads needed"
                )
        self.parts = tuple(parts)
        self.num_heads = num_heads
        self._pending: list[Tensor | None] = [None] * len(self.parts)

    @classmethod
    def of(
        cls,
        query: Tensor,
        key: Tensor,
        *,
        num_heads: int,
        num_key_heads: int | None = None,
        query_rows: tuple[int, int] | None = None,
        key_rows: tuple[int, int] | None = None,
        query_bias: Tensor | None = None,
        key_bias: Tensor | None = None,
    ) -> AttentionLogits:
        """Ordinary and grouped-query attention; for a fused weight give it twice, with the rows."""
        parts = (
            HeadRows(weight=query, role="query", num_heads=num_heads, rows=query_rows, bias=query_bias),
            HeadRows(weight=key, role="key", num_heads=num_key_heads or num_heads, rows=key_rows, bias=key_bias),
        )
        return cls(parts, num_heads=num_heads)

    @classmethod
    def latent(cls, query: Tensor, key: Tensor, rotary_query: Tensor, *, num_heads: int) -> AttentionLogits:
        """Multi-head latent attention; the rotary key, common to all heads, stays, so rotary queries pay for both."""
        parts = (
            HeadRows(weight=query, role="query", num_heads=num_heads),
            HeadRows(weight=key, role="key", num_heads=num_heads),
            HeadRows(weight=rotary_query, role="rotary_query", num_heads=num_heads),
        )
        return cls(parts, num_heads=num_heads)

    def report(self, max_logits: Tensor) -> None:
        """Take note of the largest logits of one forward pass; the maximum since the last step counts.

        Parameters
        ----------
        max_logits : Tensor, (H,), 1
            Before the softmax, divided by ``sqrt(D)``, over the batch and all positions; over all processes too if
            there are several.

        Raises
        ------
        ValueError
            If it does not have one entry per head.
        """
        if max_logits.shape != (self.num_heads,):
            raise ValueError(f"max_logits has shape {tuple(max_logits.shape)}; ({self.num_heads},) is needed")
        new = max_logits.detach()
        self._pending = [new.clone() if old is None else torch.maximum(old, new) for old in self._pending]

    def clip_(self, weight: Tensor, threshold: float, alpha: float) -> None:
        """Scale the rows of one weight, in place, by what has been reported since they were last scaled.

        Parameters
        ----------
        weight : Tensor
            One of the parts' weights; others are left alone.
        threshold : float
            ``tau``.
        alpha : float
            Share of the queries in the factor.
        """
        powers = {"query": alpha, "key": 1.0 - alpha, "rotary_query": 1.0}
        for index, part in enumerate(self.parts):
            pending = self._pending[index]
            if part.weight is not weight or pending is None:
                continue
            self._pending[index] = None
            shared = clip_factors(pending, threshold).view(part.num_heads, -1).amin(dim=1) ** powers[part.role]
            start, stop = part.span
            per_row = shared.repeat_interleave((stop - start) // part.num_heads).to(weight.device)
            weight[start:stop].mul_(per_row.unsqueeze(1).to(weight.dtype))
            if part.bias is not None:
                part.bias.data[start:stop].mul_(per_row.to(part.bias.dtype))


def _check(options: Options) -> None:
    require(options, "threshold", options["threshold"] > 0.0, "a number > 0")
    require(options, "alpha", 0.0 <= options["alpha"] <= 1.0, "a number in [0, 1]")


def _clip(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        if matrix.rate == 0.0:
            continue
        for attention in options["attention"]:
            attention.clip_(matrix.weight, float(options["threshold"]), float(options["alpha"]))


QK_CLIP = Slot(
    number=9,
    variant="query and key rows of heads with large logits scaled down",
    defaults={"attention": (), "threshold": 100.0, "alpha": 0.5},
    check=_check,
    advance=_clip,
)
