"""Slot 5: entries of the direction divided by the root of their running mean square."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of
from collidium.optim._step_count import count_step, new_step_count


def equalized_(
    second_moment: Tensor, direction: Tensor, *, step: int, beta2: float, eps: float, spare: Tensor | None = None
) -> Tensor:
    """Advance the second moment in place and return the normalised direction in another tensor.

    Parameters
    ----------
    second_moment : Tensor, (..., m, n), 1
        ``v``, changed in place.
    direction : Tensor, (..., m, n), 1
        ``O``, only read.
    step : int
        Steps taken, this one included.
    beta2 : float
        Decay of the old second moment.
    eps : float
        Added to the root of the second moment.
    spare : Tensor, (..., m, n), optional
        Working memory.

    Returns
    -------
    Tensor, (..., m, n), 1
        ``O / (sqrt(v / (1 - b2^t)) + eps)``, rescaled per matrix to the Frobenius norm ``sqrt(min(m, n))`` of a
        polar factor; zeros for zeros.

    Examples
    --------
    >>> equalized_(torch.zeros(2, 2), torch.tensor([[0.6, -0.8], [0.8, 0.6]]), step=1, beta2=0.9, eps=1e-8)
    tensor([[ 0.7071, -0.7071],
            [ 0.7071,  0.7071]])
    """
    wide = direction.to(second_moment.dtype)
    second_moment.mul_(beta2).addcmul_(wide, wide, value=1.0 - beta2)
    root = torch.div(second_moment, 1.0 - beta2**step, out=spare).sqrt_().add_(eps)
    scaled = torch.div(wide, root, out=root)
    norm = frobenius_norm(scaled)
    target = math.sqrt(min(direction.shape[-2:]))
    return scaled.mul_(target / norm.clamp_(min=torch.finfo(norm.dtype).tiny))


def _check(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "entry_eps", options["entry_eps"] > 0.0, "a number > 0")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    shape = view_of(options).matrix_shape(weight.shape)
    return {**new_step_count(weight, options), "second_moment": weight.new_zeros(shape, dtype=storage_dtype(weight))}


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        step = count_step(matrix.state)
        moments = matrix.view.row_pieces(matrix.state["second_moment"])
        matrix.blocks = [
            equalized_(
                moment,
                block,
                step=step,
                beta2=options["beta2"],
                eps=options["entry_eps"],
                spare=matrix.scratch.like(moment),
            )
            for moment, block in zip(moments, matrix.blocks, strict=True)
        ]


ELEMENTWISE_NORMALISATION = Slot(
    number=5,
    variant="entries divided by the root of their second moment, Frobenius norm of a polar factor",
    defaults={"beta2": 0.95, "entry_eps": 1e-8},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
