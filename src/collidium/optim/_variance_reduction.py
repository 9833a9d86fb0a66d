"""Slots 1 and 2 of MARS: a gradient corrected by the previous one."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import MOMENTUM, new_momentum
from collidium.optim._names import unknown_name
from collidium.optim._norms import frobenius_norm
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


def add_scaled_(total: Tensor, term: Tensor, scale: Tensor, *, beta: float, alpha: float) -> Tensor:
    """Weighted sum in place, with a scale per matrix.

    Parameters
    ----------
    total : Tensor, (..., m, n)
        Changed in place.
    term : Tensor, same shape and dtype
        Only read.
    scale : Tensor, (..., 1, 1), same dtype
        Further factor of the term.
    beta, alpha : float
        Factors of both.

    Returns
    -------
    Tensor
        ``beta T + alpha s X``, the same tensor as ``total``.

    Examples
    --------
    >>> add_scaled_(torch.ones(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.5]]), beta=2.0, alpha=10.0)
    tensor([[17., 22.]])
    """
    if _has_exact_products(total.device) and total.is_contiguous() and term.is_contiguous():
        # As a product of matrices with one row: one pass over memory, where scaling and adding are two.
        shape = (scale.numel(), 1, total.numel() // scale.numel())
        total.view(shape).baddbmm_(scale.view(-1, 1, 1), term.view(shape), beta=beta, alpha=alpha)
        return total
    return total.mul_(beta).addcmul_(term, scale, value=alpha)


def _has_exact_products(device: torch.device) -> bool:
    """Whether products of float32 matrices are not done in a shorter precision, as the user may allow."""
    return device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"


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
    """The corrected gradient takes the place of the previous one until `_momentum` has seen it: less memory moves."""
    if options["variant"] == "efficient":
        return
    for matrix in matrices:
        previous = matrix.state["previous_gradient"]
        gradient = matrix.gradient.to(previous.dtype)
        matrix.update = corrected_gradient(gradient, previous, options["gamma"], options["momentum"], out=previous)


def _momentum(matrices: list[MatrixStep], options: Options) -> None:
    if options["variant"] == "efficient":
        for matrix in matrices:
            buffer = matrix.state["momentum"]
            gradient = matrix.gradient.to(buffer.dtype)
            matrix.update = folded_momentum_(buffer, gradient, options["gamma"], options["momentum"])
        return
    if options["max_norm"] is None:
        MOMENTUM.advance(matrices, options)
    else:
        for matrix in matrices:
            _add_clipped(matrix, options)
    for matrix in matrices:
        matrix.state["previous_gradient"].copy_(matrix.gradient)


def _add_clipped(matrix: MatrixStep, options: Options) -> None:
    """The momentum of slot 2, of updates shrunk to a norm: by ``max_norm / max(||C||, max_norm)``."""
    mu, max_norm, view = float(options["momentum"]), float(options["max_norm"]), matrix.view
    alpha = max_norm * (1.0 - mu if options["momentum_form"] == "ema" else 1.0)
    terms = view.pieces(matrix.update)
    norms = [frobenius_norm(block) for block in view.blocks(matrix.update)]
    scales = [norm.clamp_(min=max_norm).reciprocal_() for norm in norms]

    def add_to(total: Tensor) -> Tensor:
        for piece, term, scale in zip(view.pieces(total), terms, scales, strict=True):
            add_scaled_(piece, term, view.on_piece(scale, piece), beta=mu, alpha=alpha)
        return total

    buffer = matrix.state["momentum"]
    matrix.update = add_to(buffer)
    if options["nesterov"]:
        matrix.update = add_to(matrix.scratch.like(buffer).copy_(buffer))


VARIANCE_REDUCTION = Slot(
    number=1,
    variant="gradient corrected by the previous one",
    defaults={"gamma": 0.025, "variant": "approximate", "max_norm": 1.0},
    check=_check,
    initial_state=_initial_state,
    advance=_correct,
)
CORRECTED_MOMENTUM = Slot(
    number=2,
    variant="EMA of matrices clipped to a norm, or with the correction folded in",
    defaults={**MOMENTUM.defaults, "nesterov": False},
    check=MOMENTUM.check,
    initial_state=MOMENTUM.initial_state,
    advance=_momentum,
)
