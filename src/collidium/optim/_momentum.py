"""Slot 2: momentum, as a running average or as a running sum, with or without Nesterov's look-ahead."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._names import unknown_name
from collidium.optim._pipeline import MatrixStep, Options, Slot, require

MOMENTUM_FORMS: dict[str, str] = {
    "ema": "M <- mu M + (1 - mu) G",
    "sum": "M <- mu M + G",
}


def update_momentum_(momentum: Tensor, gradient: Tensor, mu: float, form: str) -> Tensor:
    """Advance the momentum buffer in place.

    Parameters
    ----------
    momentum : Tensor, any shape, gradient units
        Buffer ``M``, changed in place.
    gradient : Tensor, same shape and dtype
        ``G``, only read.
    mu : float
        Decay of the old momentum per step, in [0, 1).
    form : {"ema", "sum"}
        ``mu M + (1 - mu) G`` or ``mu M + G``.

    Returns
    -------
    Tensor
        The same buffer.

    Examples
    --------
    >>> update_momentum_(torch.tensor([1.0]), torch.tensor([3.0]), 0.5, "ema")
    tensor([2.])
    >>> update_momentum_(torch.tensor([1.0]), torch.tensor([3.0]), 0.5, "sum")
    tensor([3.5000])
    """
    if form == "ema":
        return momentum.lerp_(gradient, 1.0 - mu)
    return momentum.mul_(mu).add_(gradient)


def nesterov(momentum: Tensor, gradient: Tensor, mu: float, form: str, out: Tensor | None = None) -> Tensor:
    """Look-ahead mix of gradient and new momentum, in another tensor.

    Parameters
    ----------
    momentum, gradient : Tensor, same shape and dtype, gradient units
        Buffer after its update, and the gradient of this step; both only read.
    mu : float
        Decay of the momentum.
    form : {"ema", "sum"}
        ``(1 - mu) G + mu M`` or ``G + mu M``; the same direction.
    out : Tensor, same shape and dtype, optional
        Where to write; a new tensor if not given.

    Returns
    -------
    Tensor, same shape

    Examples
    --------
    >>> nesterov(torch.tensor([2.0]), torch.tensor([4.0]), 0.5, "ema")
    tensor([3.])
    """
    if form == "ema":
        return torch.lerp(gradient, momentum, mu, out=out)
    return torch.add(gradient, momentum, alpha=mu, out=out)


def storage_dtype(weight: Tensor) -> torch.dtype:
    """Float32 for half-precision weights, else the weight's own dtype."""
    return torch.promote_types(weight.dtype, torch.float32)


def new_momentum(weight: Tensor) -> Tensor:
    """Zeros like the weight, in the precision that buffers are kept in."""
    return torch.zeros_like(weight, dtype=storage_dtype(weight))


def _check(options: Options) -> None:
    require(options, "momentum", 0.0 <= options["momentum"] < 1.0, "a number in [0, 1)")
    if options["momentum_form"] not in MOMENTUM_FORMS:
        raise unknown_name("momentum_form", options["momentum_form"], MOMENTUM_FORMS)


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"momentum": new_momentum(weight)}


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    mu, form = float(options["momentum"]), options["momentum_form"]
    for matrix in matrices:
        buffer = matrix.state["momentum"]
        gradient = matrix.update.to(buffer.dtype)
        update_momentum_(buffer, gradient, mu, form)
        matrix.update = buffer
        if options["nesterov"]:
            matrix.update = nesterov(buffer, gradient, mu, form, out=matrix.scratch.like(buffer))


MOMENTUM = Slot(
    number=2,
    variant="EMA or sum, Nesterov or not",
    defaults={"momentum": 0.95, "nesterov": True, "momentum_form": "ema"},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
