"""Slot 5: rows of the direction divided by the root of their running mean square."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of


def row_scales(norms: Tensor, roots: Tensor) -> Tensor:
    """Factors that equalise the rows of a matrix and keep its Frobenius norm.

    Parameters
    ----------
    norms : Tensor, (..., m, 1), 1
        Norms of the rows.
    roots : Tensor, (..., m, 1), 1
        What the rows are divided by, up to a common factor.

    Returns
    -------
    Tensor, (..., m, 1), 1
        ``c / roots`` with the one number ``c`` per matrix that keeps the norm; zeros for a matrix of zeros.

    Examples
    --------
    >>> norms = torch.tensor([[3.0], [4.0]])
    >>> row_scales(norms, norms) * norms
    tensor([[3.5355],
            [3.5355]])
    """
    total: Tensor = torch.linalg.vector_norm(norms, dim=-2, keepdim=True)
    scaled = torch.linalg.vector_norm(norms / roots, dim=-2, keepdim=True)
    return total.div_(scaled.clamp_(min=torch.finfo(scaled.dtype).tiny)) / roots


def _check(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "row_eps", options["row_eps"] > 0.0, "a number > 0")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    rows = view_of(options).matrix_shape(weight.shape)[:-1]
    return {"row_second_moment": weight.new_zeros(*rows, 1, dtype=storage_dtype(weight))}


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    """``v_i <- b2 v_i + (1 - b2) mean_j O_ij^2``, and rows divided by ``sqrt(v_i) + eps``."""
    beta2 = float(options["beta2"])
    for matrix in matrices:
        moment = matrix.state["row_second_moment"]
        matrix.blocks = [matrix.scratch.fast(block, moment.dtype) for block in matrix.blocks]
        norms = matrix.view.joined(
            [torch.linalg.vector_norm(block, dim=-1, keepdim=True, dtype=moment.dtype) for block in matrix.blocks]
        )
        # Not by a factor: torch makes a tensor of it first, which takes longer than this sum.
        moment.sub_(moment, alpha=1.0 - beta2)
        moment.addcmul_(norms, norms, value=(1.0 - beta2) / matrix.blocks[0].shape[-1])
        roots = moment.sqrt().add_(options["row_eps"])
        pairs = zip(matrix.view.row_pieces(norms), matrix.view.row_pieces(roots), strict=True)
        matrix.scales = [row_scales(*pair) for pair in pairs]


ROW_NORMALISATION = Slot(
    number=5,
    variant="rows divided by the root of their second moment, same Frobenius norm",
    defaults={"beta2": 0.95, "row_eps": 1e-10},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
