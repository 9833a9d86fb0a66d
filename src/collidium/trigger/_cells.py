"""Cells: which codes of a batch a layer of tables has to know, and sums over the samples in each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from collidium.artifact import InputError
from collidium.trigger._fixed_point import exact_exp2

NOT_FINITE = "an input of a layer of tables is NaN or infinite"


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells that a batch of G table addresses falls into.

    Attributes
    ----------
    rows : Tensor of int64, (M, G)
        Cell of each sample, counted over all groups: group g owns rows ``g C`` to ``(g + 1) C - 1``.
    lower : Tensor, (K, G, C)
        Lower edge of each cell for each of the K inputs of a group.
    low, high : Tensor, (K, G)
        Lower edges of the lowest and highest cell with samples in it.
    """

    rows: Tensor
    lower: Tensor
    low: Tensor
    high: Tensor

    @property
    def num_cells(self) -> int:
        """C, cells of each group."""
        return self.lower.shape[2]


def find_cells(x: Tensor, f: Tensor) -> Cells:
    """Sort a batch into cells of width ``2**-f``; raise InputError if a value is not finite.

    Parameters
    ----------
    x : Tensor, (M, K, G)
        The K inputs of each of G groups.
    f : Tensor, (K, G)
        Whole fractional bits of the cells.

    Returns
    -------
    Cells
        Those with samples in them, ascending, padded to equal numbers.

    Examples
    --------
    >>> cells = find_cells(torch.tensor([[[0.6]], [[-0.1]], [[0.7]]]), torch.ones(1, 1))
    >>> cells.rows.flatten().tolist(), cells.lower.flatten().tolist()
    ([1, 0, 1], [-0.5, 0.5])
    """
    num, K, G = x.shape
    whole = torch.floor(x * exact_exp2(f, x.dtype))
    low, high = whole.amin(0), whole.amax(0)
    if not (high - low).isfinite().all():
        raise InputError(NOT_FINITE)
    sizes = [int(size) for size in (high - low).amax(1) + 1]
    radix = [math.prod(sizes[k + 1 :]) for k in range(K)]
    digits = (whole - low).to(torch.int64)
    address = digits[:, 0] if K == 1 else (digits * torch.tensor(radix, device=x.device)[:, None]).sum(1)
    size = math.prod(sizes)
    content, address = _visited_of_few(address, size) if size <= num else _visited(address)
    C = content.shape[1]
    place = torch.stack([content // radix[k] % sizes[k] for k in range(K)])
    step = exact_exp2(-f, x.dtype)
    return Cells(
        rows=address + torch.arange(0, G * C, C, device=x.device),
        lower=(place + low[..., None]) * step[..., None],
        low=low * step,
        high=high * step,
    )


def _visited_of_few(address: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """As :func:`_visited` for addresses below a size, found by marking them."""
    columns = address.T
    is_used = torch.zeros(len(columns), size, dtype=torch.bool, device=address.device).scatter_(1, columns, True)
    place = is_used.cumsum(1).sub_(1)
    group, used = is_used.nonzero(as_tuple=True)
    content = torch.zeros(len(columns), int(place[:, -1].max()) + 1, dtype=torch.int64, device=address.device)
    content[group, place[group, used]] = used
    return content, place.gather(1, columns).T


def _visited(address: Tensor) -> tuple[Tensor, Tensor]:
    """The addresses that occur in each column, padded to equal number, and the place of each sample among them."""
    columns = [torch.unique(column, return_inverse=True) for column in address.T]
    longest = max(len(values) for values, _ in columns)
    content = torch.stack([functional.pad(values, (0, longest - len(values))) for values, _ in columns])
    return content, torch.stack([place for _, place in columns], dim=1)


def look_up(tables: Tensor, rows: Tensor) -> Tensor:
    """Sum over groups of the table entries of each sample.

    Parameters
    ----------
    tables : Tensor, (G, C, U)
        Entries of the cells.
    rows : Tensor of int64, (M, G)
        As in :class:`Cells`.

    Returns
    -------
    Tensor, (M, U)
    """
    return functional.embedding_bag(rows, tables.reshape(-1, tables.shape[-1]), mode="sum")


class CellSums:
    """Sums over the samples in each cell.

    Parameters
    ----------
    rows : Tensor of int64, (M, G)
        As in :class:`Cells`.
    counts : Tensor of int64, (G, C)
        Samples in each cell.

    Notes
    -----
    Samples are sorted once by their cell, so that each sum reads its samples one after the other.
    """

    def __init__(self, rows: Tensor, counts: Tensor) -> None:
        G, num_cells = self.shape = counts.shape
        self.starts = counts.flatten().cumsum(0) - counts.flatten()
        columns = rows.T - torch.arange(0, G * num_cells, num_cells, device=rows.device)[:, None]
        if rows.device.type == "cpu":
            small = np.uint8 if num_cells <= 256 else np.uint16 if num_cells <= 65536 else np.int64
            # NumPy sorts short unsigned integers by radix, many times faster than torch sorts anything
            order = np.argsort(columns.contiguous().numpy().astype(small), axis=1, kind="stable")
            self.order = torch.from_numpy(order).flatten()
        else:
            self.order = columns.argsort(dim=1, stable=True).flatten()

    def sum(self, values: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sum values over the samples of each cell.

        Parameters
        ----------
        values : Tensor, (M, U)
            One row for each sample.
        weights : Tensor, (G, M), optional
            Factors, other for each group.

        Returns
        -------
        Tensor, (G, C, U)
        """
        factors = None
        if weights is not None:
            factors = weights.gather(1, self.order.reshape(weights.shape)).flatten()
        sums = functional.embedding_bag(self.order, values, self.starts, mode="sum", per_sample_weights=factors)
        return sums.reshape(*self.shape, -1)
