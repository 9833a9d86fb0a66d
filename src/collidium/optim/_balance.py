"""Slot 4: rows and columns scaled to equal norms, instead of singular values."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collidium.optim._names import unknown_name
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require

SCHEMES = {
    "rows_first": "rows to norm one, then columns",
    "columns_first": "columns to norm one, then rows",
    "half_powers": "rows and columns at once, each by the root of its norm",
}
SAFE = 10.0
"""Norms above this multiple of the root of the smallest normal number have inverses whose squares are finite."""


def balance(matrix: Tensor, scheme: str = "rows_first", *, iterations: int = 1) -> Tensor:
    """Matrix with balanced rows and columns and Frobenius norm one.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices; only read.
    scheme : {"rows_first", "columns_first", "half_powers"}
        Order of the scalings.
    iterations : int
        Passes over rows and columns.

    Returns
    -------
    Tensor, (..., m, n), 1
        New tensor ``diag(a) X diag(b)`` with ``a, b > 0``: signs and rank stay. Empty rows, columns and matrices stay
        empty; so small that their squares underflow counts as empty.

    Examples
    --------
    >>> balance(torch.tensor([[1.0, 2.0], [30.0, 15.0]]), iterations=20).square()
    tensor([[0.1000, 0.4000],
            [0.4000, 0.1000]])
    """
    rows, columns = balancing_factors(matrix.square(), scheme, iterations=iterations)
    return matrix * columns * rows


def balancing_factors(squares: Tensor, scheme: str, *, iterations: int) -> tuple[Tensor, Tensor]:
    """Factors ``a`` of the rows and ``b`` of the columns for `balance`; a pass costs two matrix-vector products.

    Parameters
    ----------
    squares : Tensor, (..., m, n), 1
        Squared entries; only read.
    scheme, iterations
        As in `balance`.

    Returns
    -------
    rows : Tensor, (..., m, 1), 1
    columns : Tensor, (..., 1, n), 1

    Examples
    --------
    >>> rows, columns = balancing_factors(torch.tensor([[4.0, 0.0], [0.0, 9.0]]), "rows_first", iterations=1)
    >>> rows.T * 2**0.5, columns
    (tensor([[0.5000, 0.3333]]), tensor([[1., 1.]]))
    """
    rows, columns = torch.ones_like(squares[..., :1]), torch.ones_like(squares[..., :1, :])
    floor = SAFE * torch.finfo(squares.dtype).tiny ** 0.5
    for _ in range(iterations):
        if scheme == "half_powers":
            row_norms, column_norms = _row_norms(squares, columns), _column_norms(squares, rows)
            rows = torch.where(row_norms > floor, (rows / row_norms).sqrt_(), rows)
            columns = torch.where(column_norms > floor, (columns / column_norms).sqrt_(), columns)
            balanced = _row_norms(squares, columns) * rows
        elif scheme == "columns_first":
            columns = _inverse(_column_norms(squares, rows), floor)
            row_norms = _row_norms(squares, columns)
            rows = _inverse(row_norms, floor)
            balanced = row_norms * rows
        else:
            rows = _inverse(_row_norms(squares, columns), floor)
            column_norms = _column_norms(squares, rows)
            columns = _inverse(column_norms, floor)
            balanced = column_norms * columns
    total = frobenius_norm(balanced)
    return rows / torch.threshold_(total, 0.0, math.inf), columns


def _row_norms(squares: Tensor, columns: Tensor) -> Tensor:
    """Norms of the rows once the columns are scaled, (..., m, 1)."""
    return (squares @ columns.square().mT).sqrt_()


def _column_norms(squares: Tensor, rows: Tensor) -> Tensor:
    """Norms of the columns once the rows are scaled, (..., 1, n)."""
    return (rows.square().mT @ squares).sqrt_()


def _inverse(norms: Tensor, floor: float) -> Tensor:
    return torch.threshold(norms, floor, 1.0).reciprocal_()


def _check(options: Options) -> None:
    if options["scheme"] not in SCHEMES:
        raise unknown_name("scheme", options["scheme"], SCHEMES)
    require(options, "iterations", options["iterations"] >= 1, "a number >= 1")


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    scheme, iterations = options["scheme"], options["iterations"]
    for matrix in matrices:
        for block in matrix.view.blocks(matrix.update):
            squares = torch.mul(block, block, out=matrix.scratch.like(block))
            rows, columns = balancing_factors(squares, scheme, iterations=iterations)
            matrix.blocks.append(torch.mul(block, columns, out=squares))
            matrix.scales.append(rows)


BALANCE = Slot(
    number=4,
    variant="rows and columns scaled to equal norms, Frobenius norm one",
    defaults={"scheme": "rows_first", "iterations": 1},
    check=_check,
    advance=_advance,
)
