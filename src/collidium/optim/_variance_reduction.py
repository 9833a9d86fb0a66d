"""Slots 1 and 2 of MARS: a gradient corrected by the previous one."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import MOMENTUM, new_momentum
from collidium.optim._names import unknown_name
from collidium.optim._newton_schulz import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require

VARIANTS = {
    "approximate": "the previous gradient stands for the gradient at the previous weights",
    "efficient": "the correction is folded into the momentum; nothing else is stored",
}


def corrected_gradient(
    gradient: Tensor, previous: Tensor, gamma: float, mu: float, out: Tensor | None = None
) -> Tensor:
    """Variance-reduced gradient, in another tensor.

    Parameters
    ----------
    gradient, previous : Tensor, any shape, gradient units
        ``G`` of this step and of the one before; only read, unless the second is ``out``.
    gamma : float
        Strength of the correction.
    mu : float
        Decay of the momentum.
    out : Tensor, same shape and dtype, optional
        Where to write; a new tensor if not given.

    Returns
    -------
    Tensor, same shape
        ``G + gamma mu / (1 - mu) (G - G_previous)``.

    Examples
    --------
    >>> corrected_gradient(torch.tensor([2.0]), torch.tensor([1.0]), 0.5, 0.5)
    tensor([2.5000])
    """
    return torch.lerp(previous, gradient, 1.0 + gamma * mu / (1.0 - mu), out=out)


def folded_momentum_(momentum: Tensor, gradient: Tensor, gamma: float, mu: float) -> Tensor:
    """Advance the momentum in place and return the corrected mix in a new tensor.

    Parameters
    ----------
    momentum : Tensor, any shape, gradient units
        ``M``, changed in place.
    gradient : Tensor, same shape
        ``G``, only read.
    gamma : float
        Strength of the correction.
    mu : float
        Decay of the momentum, not 0.

    Returns
    -------
    Tensor, same shape
        ``gamma G + mu M`` after ``M <- mu M + (1 - gamma) (1 - mu) / mu G``.

    Examples
    --------
    >>> folded_momentum_(torch.tensor([2.0]), torch.tensor([4.0]), 0.5, 0.5)
    tensor([3.5000])
    """
    momentum.mul_(mu).add_(gradient, alpha=(1.0 - gamma) * (1.0 - mu) / mu)
    return momentum.mul(mu).add_(gradient, alpha=gamma)


def clip_factor(matrix: Tensor, max_norm: float) -> Tensor:
    """What shrinks a matrix to the largest allowed Frobenius norm.

    Parameters
    ----------
    matrix : Tensor, (..., m, n)
        Matrix or stack of matrices.
    max_norm : float
        Largest norm.

    Returns
    -------
    Tensor, (..., 1, 1), 1
        ``min(1, max_norm / ||X||_F)``.

    Examples
    --------
    >>> clip_factor(torch.ones(2, 8), 1.0)
    tensor([[0.2500]])
    """
    return max_norm / frobenius_norm(matrix).clamp_(min=max_norm)


def _check(options: Options) -> None:
    require(options, "gamma", options["gamma"] >= 0.0, "a number >= 0")
    if options["variant"] not in VARIANTS:
        raise unknown_name("variant", options["variant"], VARIANTS)
    max_norm = options["max_norm"]
    require(options, "max_norm", max_norm is None or max_norm > 0.0, "a number > 0 or None")
    if options["variant"] == "efficient":
        require(options, "momentum", options["momentum"] > 0.0, "a number > 0 for the efficient variant")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"previous_gradient": new_momentum(weight)} if options["variant"] == "approximate" else {}


def _correct(matrices: list[MatrixStep], options: Options) -> None:
    """The corrected gradient takes the place of the previous one, until `_momentum` has seen it: one pass less."""
    if options["variant"] == "efficient":
        return
    for matrix in matrices:
        previous = matrix.state["previous_gradient"]
        gradient = matrix.gradient.to(previous.dtype)
        corrected = corrected_gradient(gradient, previous, options["gamma"], options["momentum"], out=previous)
        if options["max_norm"] is not None:
            rows = zip(matrix.view.pieces(corrected), matrix.view.blocks(corrected), strict=True)
            for piece, block in rows:
                piece.mul_(matrix.view.on_piece(clip_factor(block, options["max_norm"]), piece))
        matrix.update = corrected


def _momentum(matrices: list[MatrixStep], options: Options) -> None:
    if options["variant"] != "efficient":
        MOMENTUM.advance(matrices, options)
        for matrix in matrices:
            matrix.state["previous_gradient"].copy_(matrix.gradient)
        return
    for matrix in matrices:
        buffer = matrix.state["momentum"]
        matrix.update = folded_momentum_(
            buffer, matrix.gradient.to(buffer.dtype), options["gamma"], options["momentum"]
        )


VARIANCE_REDUCTION = Slot(
    number=1,
    variant="gradient corrected by the previous one, clipped per matrix",
    defaults={"gamma": 0.025, "variant": "approximate", "max_norm": 1.0},
    check=_check,
    initial_state=_initial_state,
    advance=_correct,
)
CORRECTED_MOMENTUM = Slot(
    number=2,
    variant="EMA, with the correction folded in for the efficient variant",
    defaults={**MOMENTUM.defaults, "nesterov": False},
    check=MOMENTUM.check,
    initial_state=MOMENTUM.initial_state,
    advance=_momentum,
)
