"""Slots 4 and 5 of AuON: one scale per matrix, from the hyperbolic cosine of its entries."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._names import unknown_name
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require

SCALINGS = {
    "paper": "the normalised matrix is divided by the root mean square of its hyperbolic cosines",
    "code": "the matrix as it comes is divided by it",
}
SHARPNESS = {"paper": 1.0, "code": 1.5}
ROOT_EPS = 1e-8


def cosh_scale(
    matrix: Tensor, scaling: str = "paper", *, gamma: float = 1.0, eps: float = 1e-7, spare: Tensor | None = None
) -> Tensor:
    """What AuON multiplies a matrix by.

    Parameters
    ----------
    matrix : Tensor, (..., m, n)
        Matrix or stack of matrices; only read.
    scaling : {"paper", "code"}
        ``1 / (||X||_F rho)`` or ``1 / rho``.
    gamma : float
        Factor in the argument of the hyperbolic cosine.
    eps : float
        Added to the Frobenius norm, in units of the matrix.
    spare : Tensor, shape of ``matrix``, optional
        Working memory.

    Returns
    -------
    Tensor, (..., 1, 1)
        With ``rho = sqrt(mean(cosh(gamma X / ||X||_F)^2))``, by ``cosh(x)^2 = 1/2 + (exp(2 x) + exp(-2 x)) / 4``: one
        exponential takes less time than a hyperbolic cosine, and sums of numbers near one keep their digits.

    Examples
    --------
    >>> cosh_scale(torch.tensor([[3.0, 0.0], [0.0, 4.0]])) * 5.0
    tensor([[0.8776]])
    """
    norm = frobenius_norm(matrix).add_(eps)
    rising = torch.mul(matrix, 2.0 * gamma / norm, out=spare).exp_()
    total = rising.sum(dim=(-2, -1), keepdim=True)
    total += rising.reciprocal_().sum(dim=(-2, -1), keepdim=True)
    rho = total.div_(4 * matrix.shape[-2] * matrix.shape[-1]).add_(0.5).sqrt_().add_(ROOT_EPS)
    return rho.mul_(norm).reciprocal_() if scaling == "paper" else rho.reciprocal_()


def _check(options: Options) -> None:
    if options["scaling"] not in SCALINGS:
        raise unknown_name("scaling", options["scaling"], SCALINGS)
    gamma = options["gamma"]
    require(options, "gamma", gamma is None or gamma > 0.0, "a number > 0 or None")
    require(options, "norm_eps", options["norm_eps"] > 0.0, "a number > 0")


def _scale(matrix: MatrixStep, block: Tensor, options: Options) -> Tensor:
    scaling = options["scaling"]
    gamma = SHARPNESS[scaling] if options["gamma"] is None else options["gamma"]
    return cosh_scale(block, scaling, gamma=gamma, eps=options["norm_eps"], spare=matrix.scratch.brief(block))


def _direct(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        matrix.blocks = list(matrix.view.blocks(matrix.update))
    _rescale(matrices, options)


def _rescale(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        wide = [block.to(storage_dtype(matrix.weight)) for block in matrix.blocks]
        matrix.scales = [_scale(matrix, block, options) for block in wide]


COSH_DIRECTION = Slot(
    number=4,
    variant="momentum over the root mean square of its hyperbolic cosines",
    defaults={"scaling": "paper", "gamma": None, "norm_eps": 1e-7},
    check=_check,
    advance=_direct,
)
COSH_SCALE = Slot(
    number=5,
    variant="over the root mean square of its hyperbolic cosines",
    defaults={"scaling": "paper", "gamma": None, "norm_eps": 1e-7},
    check=_check,
    advance=_rescale,
)
