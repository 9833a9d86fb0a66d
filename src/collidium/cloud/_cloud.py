"""The batch record that models see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cloud:
    """N jets with T particles in all, packed: padding does not exist.

    Attributes
    ----------
    p4 : Tensor, (T, 4), GeV
        E, px, py, pz of each particle.
    x : Tensor, (T, F), 1
        Transformed particle features.
    offsets : Tensor of int64, (N + 1,)
        The particles of jet i are rows ``offsets[i]:offsets[i + 1]``.
    g : Tensor, (N, G), 1
        Transformed jet features; G may be 0.
    y : Tensor of int64, (N,)
        Class of each jet, -1 for unlabelled.
    w : Tensor, (N,), 1
        Weight of each jet, may be negative.
    event_id : Tensor of int64, (N,)
        Number of each jet (the bits of the stored unsigned number).

    Examples
    --------
    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> cloud = Cloud.from_padded(torch.zeros(2, 2, 3), torch.zeros(2, 2, 4), mask)
    >>> cloud.lengths.tolist(), cloud.padded().mask.tolist()
    ([2, 1], [[True, True], [True, False]])
    """

    p4: Tensor
    x: Tensor
    offsets: Tensor
    g: Tensor
    y: Tensor
    w: Tensor
    event_id: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Particles in each jet, (N,)."""
        return self.offsets.diff()

    def to(self, device: torch.device | str) -> Cloud:
        """Copy to a device; returns the moved cloud."""
        return Cloud(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))

    def double(self) -> Cloud:
        """The same cloud in float64, for tests and exact evaluation."""
        return replace(self, p4=self.p4.double(), x=self.x.double(), g=self.g.double(), w=self.w.double())

    def take(self, index: Tensor) -> Cloud:
        """Select jets.

        Parameters
        ----------
        index : Tensor of int64, (M,)
            Jets to keep, in this order.

        Returns
        -------
        Cloud
            M jets.
        """
        lengths = self.lengths[index]
        offsets = _offsets(lengths)
        rows = torch.arange(int(offsets[-1]), device=index.device)
        rows = rows + torch.repeat_interleave(self.offsets[index] - offsets[:-1], lengths)
        p4, x = self.p4.index_select(0, rows), self.x.index_select(0, rows)
        return Cloud(p4, x, offsets, self.g[index], self.y[index], self.w[index], self.event_id[index])

    def slice(self, start: int, stop: int) -> Cloud:
        """Jets ``start`` to ``stop``, without copying.

        Parameters
        ----------
        start, stop : int
            First jet and the one after the last, within the cloud.

        Returns
        -------
        Cloud
            ``stop - start`` jets in the same memory.
        """
        jets = slice(start, stop)
        rows = slice(int(self.offsets[start]), int(self.offsets[stop]))
        offsets = self.offsets[start : stop + 1] - self.offsets[start]
        scalars = (self.g[jets], self.y[jets], self.w[jets], self.event_id[jets])
        return Cloud(self.p4[rows], self.x[rows], offsets, *scalars)

    @staticmethod
    def concat(parts: Sequence[Cloud]) -> Cloud:
        """Join clouds with the same features.

        Parameters
        ----------
        parts : sequence of Cloud
            At least one.

        Returns
        -------
        Cloud
            All jets in order.
        """
        joined = {
            field.name: torch.cat([getattr(part, field.name) for part in parts])
            for field in fields(Cloud)
            if field.name != "offsets"
        }
        return Cloud(offsets=_offsets(torch.cat([part.lengths for part in parts])), **joined)

    def padded(self, num_particles: int | None = None) -> PaddedCloud:
        """Lay the cloud out as (N, P, ...) arrays with a mask.

        Parameters
        ----------
        num_particles : int, optional
            P; the longest jet by default. Jets that are longer lose their last (softest) particles.

        Returns
        -------
        PaddedCloud
            Padded rows are exact zeros.
        """
        longest = int(self.lengths.max()) if len(self) else 0
        P = longest if num_particles is None else num_particles
        position = torch.arange(P, device=self.offsets.device)
        mask = position < self.lengths[:, None]
        rows = (self.offsets[:-1, None] + position)[mask]
        p4 = self.p4.new_zeros(len(self), P, 4)
        x = self.x.new_zeros(len(self), P, self.x.shape[1])
        p4[mask] = self.p4[rows]
        x[mask] = self.x[rows]
        return PaddedCloud(p4, x, mask, self.g, self.y, self.w)

    @staticmethod
    def from_padded(
        x: Tensor,
        p4: Tensor,
        mask: Tensor,
        *,
        g: Tensor | None = None,
        y: Tensor | None = None,
        w: Tensor | None = None,
    ) -> Cloud:
        """Pack padded arrays; the mask decides, values are never looked at.

        Parameters
        ----------
        x : Tensor, (N, P, F), 1
            Transformed particle features.
        p4 : Tensor, (N, P, 4), GeV
            E, px, py, pz.
        mask : Tensor of bool, (N, P)
            True for a real particle.
        g : Tensor, (N, G), optional
            Jet features.
        y : Tensor of int64, (N,), optional
            Classes; -1 by default.
        w : Tensor, (N,), optional
            Weights; 1 by default.

        Returns
        -------
        Cloud
            The packed cloud; gradients with respect to padded rows are exactly zero.
        """
        N = len(mask)
        return Cloud(
            p4=p4[mask],
            x=x[mask],
            offsets=_offsets(mask.sum(1)),
            g=x.new_zeros(N, 0) if g is None else g,
            y=torch.full((N,), -1, device=x.device) if y is None else y,
            w=x.new_ones(N) if w is None else w,
            event_id=torch.arange(N, device=x.device),
        )


@dataclass(frozen=True)
class PaddedCloud:
    """The same record as rectangular arrays.

    Attributes
    ----------
    p4 : Tensor, (N, P, 4), GeV
        E, px, py, pz; padded rows are zero.
    x : Tensor, (N, P, F), 1
        Transformed particle features; padded rows are zero.
    mask : Tensor of bool, (N, P)
        True for a real particle: the only source of truth about padding.
    g : Tensor, (N, G), 1
        Jet features.
    y : Tensor of int64, (N,)
        Classes.
    w : Tensor, (N,), 1
        Weights.
    """

    p4: Tensor
    x: Tensor
    mask: Tensor
    g: Tensor
    y: Tensor
    w: Tensor


def _offsets(lengths: Tensor) -> Tensor:
    """Row offsets of packed jets of these lengths, (N + 1,)."""
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
