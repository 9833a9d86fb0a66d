"""Groups of jets of nearly equal length, in which attention is a batched matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

MAX_WASTE = 0.10
MAX_PAIRS = 1 << 16


@dataclass(frozen=True)
class Bucket:
    """Consecutive jets whose attention is computed together, n slots for each.

    Attributes
    ----------
    jets : slice
        Jets first:last of the batch.
    slots : slice
        Their slots.
    pairs : slice
        Their entries in a flat array of attention scores, which holds n x n per jet.
    length : int
        n, the longest length in the bucket.
    pad : Tensor of bool, (jets, n), optional
        True for a slot that holds no particle; None when there is none.
    """

    jets: slice
    slots: slice
    pairs: slice
    length: int
    pad: Tensor | None

    @property
    def num_jets(self) -> int:
        """Jets in the bucket."""
        return int(self.jets.stop - self.jets.start)


@dataclass(frozen=True)
class Buckets:
    """All buckets of a batch, and the way from its T rows to their slots and back.

    Attributes
    ----------
    buckets : tuple of Bucket
        They cover all jets that have particles, in order.
    fill : Tensor of int64, (slots,), optional
        The row that each slot shows. None when all buckets hold equal lengths: then the slots are the rows.
    keep : Tensor of int64, (T,), optional
        The slot of each row.
    """

    buckets: tuple[Bucket, ...]
    fill: Tensor | None
    keep: Tensor | None

    def spread(self, rows: Tensor) -> Tensor:
        """Show rows (T, d) in their slots; padding slots repeat some row and pass no gradient."""
        if self.fill is None or self.keep is None:
            return rows
        gather: Callable[..., Tensor] = _Spread.apply
        return gather(rows, self.fill, self.keep)

    def collect(self, slots: Tensor) -> Tensor:
        """Take the rows (T, d) out of their slots."""
        return slots if self.keep is None else slots.index_select(0, self.keep)


class _Spread(torch.autograd.Function):
    """Gather both ways: every row has one slot of its own."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, fill: Tensor, keep: Tensor) -> Tensor:
        ctx.save_for_backward(keep)
        return rows.index_select(0, fill)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (keep,) = ctx.saved_tensors
        return grad.index_select(0, keep), None, None


def make_buckets(lengths: Sequence[int], *, device: torch.device) -> Buckets:
    """Group jets for attention.

    Parameters
    ----------
    lengths : sequence of int, (N,)
        Particles of each jet, in ascending order.
    device : torch.device
        Where the index tensors go.

    Returns
    -------
    Buckets
        Neighbouring lengths are merged while at most a tenth of a bucket's slots are padding; a bucket holds at most
        65536 pairs (or one jet), so that its scores stay in the cache.

    Examples
    --------
    >>> grouped = make_buckets([0, 3, 3, 3, 9, 10], device=torch.device("cpu"))
    >>> [(b.num_jets, b.length) for b in grouped.buckets]
    [(3, 3), (2, 10)]
    >>> grouped.fill.tolist()[9:]
    [9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]
    """
    size = torch.tensor(lengths, dtype=torch.int64)
    buckets: list[Bucket] = []
    fill = [size[:0]]
    first = int((size == 0).sum())
    row = slot = pair = 0
    while first < len(lengths):
        last = _bucket_end(lengths, first)
        n, position, inside = lengths[last - 1], torch.arange(lengths[last - 1]), size[first:last, None]
        starts = row + inside.cumsum(0) - inside
        fill.append((starts + torch.minimum(position, inside - 1)).flatten())
        pad = position >= inside if lengths[first] < n else None
        jets = slice(first, last)
        slots, pairs = slice(slot, slot + (last - first) * n), slice(pair, pair + (last - first) * n * n)
        buckets.append(Bucket(jets, slots, pairs, n, None if pad is None else pad.to(device)))
        first, row, slot, pair = last, row + int(inside.sum()), slots.stop, pairs.stop
    if slot == row:
        return Buckets(tuple(buckets), None, None)
    shown = torch.cat(fill)
    keep = shown.diff(prepend=shown.new_full((1,), -1)).nonzero().squeeze(1)
    return Buckets(tuple(buckets), shown.to(device), keep.to(device))


def _bucket_end(lengths: Sequence[int], first: int) -> int:
    """One past the last jet of the bucket that begins at ``first``."""
    filled, last = lengths[first], first + 1
    while last < len(lengths):
        n, num_jets = lengths[last], last - first + 1
        if filled + n < (1 - MAX_WASTE) * n * num_jets or n * n * num_jets > MAX_PAIRS:
            break
        filled, last = filled + n, last + 1
    return last
