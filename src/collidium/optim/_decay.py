"""Slot 8: weight decay."""

from __future__ import annotations

from torch import Tensor

from collidium.optim._apply import capped
from collidium.optim._pipeline import MatrixStep, Options, Slot, require


def decay_(weight: Tensor, rate: float, weight_decay: float) -> Tensor:
    """Decoupled decay in place, ``W <- (1 - rate weight_decay) W``.

    Parameters
    ----------
    weight : Tensor, any shape, 1
        Changed in place.
    rate : float
        Learning rate of the step, without the shape factor.
    weight_decay : float
        Decay per unit of learning rate.

    Returns
    -------
    Tensor
        The same tensor.

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, arXiv:1711.05101, Algorithm 2.

    Examples
    --------
    >>> import torch
    >>> decay_(torch.tensor([2.0]), 0.1, 0.5)
    tensor([1.9000])
    """
    return weight.mul_(1.0 - rate * weight_decay) if weight_decay != 0.0 else weight


def _check(options: Options) -> None:
    require(options, "weight_decay", options["weight_decay"] >= 0.0, "a number >= 0")


def _decay(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        decay_(matrix.weight, matrix.rate, options["weight_decay"])


DECOUPLED_DECAY = Slot(
    number=8,
    variant="decoupled decay",
    defaults={"weight_decay": 0.0},
    check=_check,
    advance=_decay,
)


def _adaptive_decay(matrices: list[MatrixStep], options: Options) -> None:
    """``W <- (1 - lam min(1, rate scale)) W``: decay with the adaptive rate, without the shape factor."""
    decay = float(options["weight_decay"])
    if decay == 0.0:
        return
    for matrix in matrices:
        for piece, scale in zip(matrix.weight_pieces(), matrix.scales, strict=True):
            step = matrix.view.on_piece(capped(scale, matrix.rate), piece)
            piece.addcmul_(piece, step, value=-decay * matrix.rate)


ADAPTIVE_DECAY = Slot(
    number=8,
    variant="decoupled decay with the adaptive rate",
    defaults={"weight_decay": 0.1},
    check=_check,
    advance=_adaptive_decay,
)
DECAY_AFTER_STEP = Slot(
    number=9,
    variant="decoupled decay after the step",
    defaults={"weight_decay": 0.0},
    check=_check,
    advance=_decay,
)
