"""Slots 3 and 4 of Conda: Adam in the basis of singular vectors of the momentum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of
from collidium.optim._step_count import count_step, new_step_count


def singular_basis(matrix: Tensor) -> Tensor:
    """Singular vectors on the short side of a matrix, as columns.

    Parameters
    ----------
    matrix : Tensor, (..., m, n)
        Only read.

    Returns
    -------
    Tensor, (..., r, r), 1
        ``V`` for ``m >= n``, else ``U``; ``r = min(m, n)``.

    Examples
    --------
    >>> singular_basis(torch.diag(torch.tensor([1.0, 2.0]))).abs()
    tensor([[0., 1.],
            [1., 0.]])
    """
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    basis: Tensor = right.mT if matrix.shape[-2] >= matrix.shape[-1] else left
    return basis


def project(matrix: Tensor, basis: Tensor) -> Tensor:
    """Matrix in the basis of its short side: ``X V`` or ``U^T X``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n)
        Matrix or stack of matrices.
    basis : Tensor, (..., r, r), 1
        From `singular_basis`.

    Returns
    -------
    Tensor, (..., m, n)

    Examples
    --------
    >>> swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> project(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), swap)
    tensor([[2., 1.],
            [4., 3.],
            [6., 5.]])
    """
    return matrix @ basis if matrix.shape[-2] >= matrix.shape[-1] else basis.mT @ matrix


def back(matrix: Tensor, basis: Tensor) -> Tensor:
    """Inverse of `project`: ``X V^T`` or ``U X``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n)
        Matrix or stack of matrices in the basis.
    basis : Tensor, (..., r, r), 1
        From `singular_basis`.

    Returns
    -------
    Tensor, (..., m, n)

    Examples
    --------
    >>> turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    >>> matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> bool(torch.allclose(back(project(matrix, turn), turn), matrix))
    True
    """
    return project(matrix, basis.mT)


def adam_direction_(
    second_moment: Tensor, gradient: Tensor, momentum: Tensor, *, step: int, betas: tuple[float, float], eps: float
) -> Tensor:
    """Advance the second moment in place and return Adam's direction in a new tensor.

    Parameters
    ----------
    second_moment : Tensor, any shape, gradient units squared
        ``v``, changed in place.
    gradient, momentum : Tensor, same shape, gradient units
        Only read.
    step : int
        Steps taken, this one included.
    betas : (float, float)
        Decays of momentum and second moment.
    eps : float
        Added to ``sqrt(v)`` before the correction of bias, in gradient units.

    Returns
    -------
    Tensor, same shape, 1
        ``sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``.

    Examples
    --------
    >>> gradient = torch.tensor([2.0, -3.0])
    >>> adam_direction_(torch.zeros(2), gradient, 0.5 * gradient, step=1, betas=(0.5, 0.75), eps=1e-12)
    tensor([ 1., -1.])
    """
    second_moment.mul_(betas[1]).addcmul_(gradient, gradient, value=1.0 - betas[1])
    correction = math.sqrt(1.0 - betas[1] ** step) / (1.0 - betas[0] ** step)
    return momentum.mul(correction).div_(second_moment.sqrt().add_(eps))


def _check_rotation(options: Options) -> None:
    require(options, "refresh_every", options["refresh_every"] >= 1, "a number of steps >= 1")


def _rotation_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    state = new_step_count(weight, options)
    for index, (*lead, rows, columns) in enumerate(view_of(options).block_shapes(weight.shape)):
        basis = torch.eye(min(rows, columns), dtype=storage_dtype(weight), device=weight.device)
        state[f"basis_{index}"] = basis.expand(*lead, -1, -1).clone()
    return state


def _refresh(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        if (count_step(matrix.state) - 1) % options["refresh_every"] == 0:
            for index, block in enumerate(matrix.view.blocks(matrix.update)):
                matrix.state[f"basis_{index}"].copy_(singular_basis(block))


def _check_adam(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "eps", options["eps"] > 0.0, "a number > 0")
    require(options, "scale", options["scale"] > 0.0, "a number > 0")


def _adam_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    shape = view_of(options).matrix_shape(weight.shape)
    return {"second_moment": weight.new_zeros(shape, dtype=storage_dtype(weight))}


def _adam(matrices: list[MatrixStep], options: Options) -> None:
    betas = (float(options["momentum"]), float(options["beta2"]))
    for matrix in matrices:
        step = int(matrix.state["step"])
        gradients = matrix.view.blocks(matrix.gradient.to(matrix.update.dtype))
        moments = matrix.view.row_pieces(matrix.state["second_moment"])
        rows = zip(moments, gradients, matrix.view.blocks(matrix.update), strict=True)
        matrix.blocks = []
        for index, (moment, gradient, momentum) in enumerate(rows):
            basis = matrix.state[f"basis_{index}"]
            rotated = adam_direction_(
                moment, project(gradient, basis), project(momentum, basis), step=step, betas=betas, eps=options["eps"]
            )
            matrix.blocks.append(back(rotated, basis).mul_(options["scale"]))


ROTATION = Slot(
    number=3,
    variant="into the singular vectors of the momentum, refreshed now and then",
    defaults={"refresh_every": 2000},
    check=_check_rotation,
    initial_state=_rotation_state,
    advance=_refresh,
)
ADAM_IN_BASIS = Slot(
    number=4,
    variant="Adam in that basis, and back",
    defaults={"beta2": 0.999, "eps": 1e-8, "scale": 1.0},
    check=_check_adam,
    initial_state=_adam_state,
    advance=_adam,
)
