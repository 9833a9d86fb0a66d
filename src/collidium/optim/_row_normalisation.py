"""Slot 5: rows of the direction divided by the root of their running mean square."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of


def row_mean_squares(direction: Tensor, spare: Tensor | None = None) -> Tensor:
    """Mean square of every row.

    Parameters
    ----------
    direction : Tensor, (..., m, n), 1
        Only read; fast for both ways that a matrix can lie in memory.
    spare : Tensor, (..., m, n), float32 or float64, optional
        Contiguous working memory, in whose precision the squares are summed.

    Returns
    -------
    Tensor, (..., m, 1), 1

    Examples
    --------
    >>> row_mean_squares(torch.tensor([[1.0, 7.0], [3.0, 4.0]]))
    tensor([[25.0000],
            [12.5000]])
    """
    spare = torch.empty_like(direction, memory_format=torch.contiguous_format) if spare is None else spare
    if direction.is_contiguous():
        squares = spare.copy_(direction)
        return squares.mul_(squares).mean(dim=-1, keepdim=True)
    squares = spare.view(direction.mT.shape).copy_(direction.mT)
    return squares.mul_(squares).mean(dim=-2, keepdim=True).mT


def row_scales_(second_moment: Tensor, mean_squares: Tensor, beta2: float, eps: float) -> Tensor:
    """Advance the second moments of the rows and return the factors that equalise them.

    Parameters
    ----------
    second_moment : Tensor, (..., m, 1), 1
        ``v``, changed in place.
    mean_squares : Tensor, (..., m, 1), 1
        ``mean_j O_ij^2`` of the direction ``O``.
    beta2 : float
        Decay of the old second moment.
    eps : float
        Added to the root of the second moment.

    Returns
    -------
    Tensor, (..., m, 1), 1
        ``c / (sqrt(v) + eps)`` with the one number ``c`` per matrix that keeps the Frobenius norm of ``O``.

    Notes
    -----
    ``v_i <- b2 v_i + (1 - b2) mean_j O_ij^2``.

    Examples
    --------
    >>> direction = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> row_scales_(torch.zeros(2, 1), row_mean_squares(direction), 0.0, 1e-10) * direction
    tensor([[3.5355, 0.0000],
            [0.0000, 3.5355]])
    """
    second_moment.lerp_(mean_squares, 1.0 - beta2)
    inverse = second_moment.sqrt().add_(eps).reciprocal_()
    total = mean_squares.sum(dim=-2, keepdim=True)
    scaled = (inverse.square().mul_(mean_squares)).sum(dim=-2, keepdim=True)
    return inverse.mul_(total.div_(scaled.clamp_(min=torch.finfo(scaled.dtype).tiny)).sqrt_())


def _check(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "row_eps", options["row_eps"] > 0.0, "a number > 0")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    rows = view_of(options).matrix_shape(weight.shape)[:-1]
    return {"row_second_moment": weight.new_zeros(*rows, 1, dtype=storage_dtype(weight))}


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    spares: dict[object, Tensor] = {}
    for matrix in matrices:
        moments = matrix.view.row_pieces(matrix.state["row_second_moment"])
        for moment, block in zip(moments, matrix.blocks, strict=True):
            key = (block.shape, moment.dtype)
            if key not in spares:
                spares[key] = matrix.scratch.like(block, moment.dtype)
            mean_squares = row_mean_squares(block, spares[key])
            matrix.scales.append(row_scales_(moment, mean_squares, options["beta2"], options["row_eps"]))


ROW_NORMALISATION = Slot(
    number=5,
    variant="rows divided by the root of their second moment, same Frobenius norm",
    defaults={"beta2": 0.95, "row_eps": 1e-10},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
