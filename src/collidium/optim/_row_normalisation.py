"""Slot 5: rows of the direction divided by the root of their running mean square."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of


def row_scales_(second_moment: Tensor, direction: Tensor, beta2: float, eps: float) -> Tensor:
    """Advance the second moments of the rows and return the factors that equalise them.

    Parameters
    ----------
    second_moment : Tensor, (..., m, 1), 1
        ``v``, changed in place.
    direction : Tensor, (..., m, n), 1
        ``O``, only read.
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
    >>> row_scales_(torch.zeros(2, 1), direction, 0.0, 1e-10) * direction
    tensor([[3.5355, 0.0000],
            [0.0000, 3.5355]])
    """
    norms = torch.linalg.vector_norm(direction, dim=-1, keepdim=True, dtype=second_moment.dtype)
    second_moment.mul_(beta2).addcmul_(norms, norms, value=(1.0 - beta2) / direction.shape[-1])
    root = second_moment.sqrt().add_(eps)
    total: Tensor = torch.linalg.vector_norm(norms, dim=-2, keepdim=True)
    scaled = torch.linalg.vector_norm(norms.div_(root), dim=-2, keepdim=True)
    return total.div_(scaled.clamp_(min=torch.finfo(scaled.dtype).tiny)).div(root)


def _check(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "row_eps", options["row_eps"] > 0.0, "a number > 0")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    rows = view_of(options).matrix_shape(weight.shape)[:-1]
    return {"row_second_moment": weight.new_zeros(*rows, 1, dtype=storage_dtype(weight))}


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        moments = matrix.view.row_pieces(matrix.state["row_second_moment"])
        matrix.blocks = [matrix.scratch.fast(block, moments[0].dtype) for block in matrix.blocks]
        matrix.scales = [
            row_scales_(moment, block, options["beta2"], options["row_eps"])
            for moment, block in zip(moments, matrix.blocks, strict=True)
        ]


ROW_NORMALISATION = Slot(
    number=5,
    variant="rows divided by the root of their second moment, same Frobenius norm",
    defaults={"beta2": 0.95, "row_eps": 1e-10},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
