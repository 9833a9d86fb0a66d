"""Slot 6: step sizes that adapt to the norms of gradients, one per matrix or per column."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of
from collidium.optim._step_count import count_step, new_step_count


def adagrad_norm_(accumulator: Tensor, gradient_norm: Tensor, cap: float, floor: float) -> Tensor:
    """Advance the accumulator of AdaGO in place and return the step size relative to the learning rate.

    Parameters
    ----------
    accumulator : Tensor, any shape, gradient units squared
        Sum of squared capped norms, changed in place.
    gradient_norm : Tensor, same shape, gradient units
        Frobenius norm of the raw gradient.
    cap : float
        ``gamma``; larger norms count as this.
    floor : float
        Smallest step size relative to the learning rate.

    Returns
    -------
    Tensor, same shape, 1
        ``max(floor, min(||G||, gamma) / sqrt(accumulator))``.

    Examples
    --------
    >>> accumulator = torch.zeros(1)
    >>> [round(float(adagrad_norm_(accumulator, torch.tensor([3.0]), 10.0, 0.01)), 4) for _ in range(4)]
    [1.0, 0.7071, 0.5774, 0.5]
    """
    capped = gradient_norm.clamp(max=cap)
    accumulator.addcmul_(capped, capped)
    return capped.div_(accumulator.sqrt()).clamp_(min=floor)


def adam_norm_(
    second_moment: Tensor,
    gradient_norm: Tensor,
    momentum_norm: Tensor,
    *,
    step: int,
    momentum: float,
    beta2: float,
    eps: float,
) -> Tensor:
    """Advance the second moment of the gradient norm in place and return the signal-to-noise step size of NAMO.

    Parameters
    ----------
    second_moment : Tensor, any shape, gradient units squared
        ``v``, changed in place.
    gradient_norm, momentum_norm : Tensor, same shape, gradient units
        Norms of the raw gradient and of the momentum mix.
    step : int
        Steps taken, this one included.
    momentum, beta2 : float
        Decays of momentum and second moment, for the correction of their bias.
    eps : float
        Added to ``sqrt(v)``, gradient units.

    Returns
    -------
    Tensor, same shape, 1
        ``sqrt(1 - b2^t) / (1 - mu^t) ||u|| / (sqrt(v) + eps)``.

    Examples
    --------
    >>> v, norm = torch.zeros(1), torch.ones(1)
    >>> adam_norm_(v, norm, 0.1 * norm, step=1, momentum=0.9, beta2=0.99, eps=1e-8)
    tensor([1.0000])
    """
    second_moment.lerp_(gradient_norm.square(), 1.0 - beta2)
    correction = math.sqrt(1.0 - beta2**step) / (1.0 - momentum**step)
    return momentum_norm.mul(correction).div_(second_moment.sqrt().add_(eps))


def clamp_to_mean(scales: Tensor, closeness: float) -> Tensor:
    """Scales limited to ``[c mean, mean / c]`` of their own matrix.

    Parameters
    ----------
    scales : Tensor, (..., 1, n), 1
        One per column.
    closeness : float
        ``c`` in (0, 1]; 1 makes all columns equal.

    Returns
    -------
    Tensor, (..., 1, n), 1

    Examples
    --------
    >>> clamp_to_mean(torch.tensor([[1.0, 2.0, 6.0]]), 0.75)
    tensor([[2.2500, 2.2500, 4.0000]])
    """
    mean = scales.mean(dim=-1, keepdim=True)
    return scales.clamp(mean * closeness, mean / closeness)


def _norms(matrix: MatrixStep, tensor: Tensor) -> list[Tensor]:
    """Frobenius norm of every matrix."""
    dtype = storage_dtype(matrix.weight)
    blocks = matrix.view.blocks(tensor)
    return [torch.linalg.vector_norm(block, dim=(-2, -1), keepdim=True, dtype=dtype) for block in blocks]


def _column_norms(matrix: MatrixStep, tensor: Tensor) -> list[Tensor]:
    """Norm of every column of every matrix; by squares, which a CPU sums much faster along columns than norms."""
    dtype = storage_dtype(matrix.weight)
    blocks = [block.to(dtype) for block in matrix.view.blocks(tensor)]
    squares = (torch.mul(block, block, out=matrix.scratch.like(block)) for block in blocks)
    return [square.sum(dim=-2, keepdim=True).sqrt_() for square in squares]


def _per_block(weight: Tensor, options: Options, columns: int, value: float) -> Tensor:
    view = view_of(options)
    lead = view.matrix_shape(weight.shape)[:-2]
    num_blocks = len(view.split_sizes) or 1
    return torch.full((*lead, num_blocks, columns), value, dtype=storage_dtype(weight), device=weight.device)


def _check_adagrad(options: Options) -> None:
    require(options, "gradient_cap", options["gradient_cap"] > 0.0, "a number > 0")
    require(options, "floor", 0.0 <= options["floor"] <= 1.0, "a number in [0, 1]")


def _adagrad_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"accumulator": _per_block(weight, options, 1, ACCUMULATOR_START)}


def _adagrad(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        accumulators = matrix.view.per_block(matrix.state["accumulator"])
        matrix.scales = [
            adagrad_norm_(accumulator, norm, options["gradient_cap"], options["floor"])
            for accumulator, norm in zip(accumulators, _norms(matrix, matrix.gradient), strict=True)
        ]


def _check_adam(options: Options) -> None:
    require(options, "beta2", 0.0 <= options["beta2"] < 1.0, "a number in [0, 1)")
    require(options, "norm_eps", options["norm_eps"] > 0.0, "a number > 0")


def _check_adam_columns(options: Options) -> None:
    _check_adam(options)
    require(options, "closeness", 0.0 < options["closeness"] <= 1.0, "a number in (0, 1]")


def _adam_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {**new_step_count(weight, options), "norm_second_moment": _per_block(weight, options, 1, 0.0)}


def _adam_column_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    columns = view_of(options).matrix_shape(weight.shape)[-1]
    return {**new_step_count(weight, options), "norm_second_moment": _per_block(weight, options, columns, 0.0)}


def _adam_scales(
    matrix: MatrixStep, options: Options, norms_of: Callable[[MatrixStep, Tensor], list[Tensor]]
) -> list[Tensor]:
    step = count_step(matrix.state)
    moments = matrix.view.per_block(matrix.state["norm_second_moment"])
    norms = (norms_of(matrix, tensor) for tensor in (matrix.gradient, matrix.update))
    return [
        adam_norm_(
            moment,
            of_gradient,
            of_momentum,
            step=step,
            momentum=options["momentum"],
            beta2=options["beta2"],
            eps=options["norm_eps"],
        )
        for moment, of_gradient, of_momentum in zip(moments, *norms, strict=True)
    ]


def _adam(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        matrix.scales = _adam_scales(matrix, options, _norms)


def _adam_columns(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        scales = _adam_scales(matrix, options, _column_norms)
        matrix.scales = [clamp_to_mean(scale, options["closeness"]) for scale in scales]


ACCUMULATOR_START = 1e-6
ADAGRAD_NORM = Slot(
    number=6,
    variant="AdaGrad of the gradient norm",
    defaults={"gradient_cap": 10.0, "floor": 0.01},
    check=_check_adagrad,
    initial_state=_adagrad_state,
    advance=_adagrad,
)
ADAM_NORM = Slot(
    number=6,
    variant="ratio of momentum norm to root mean square gradient norm",
    defaults={"beta2": 0.99, "norm_eps": 1e-8},
    check=_check_adam,
    initial_state=_adam_state,
    advance=_adam,
)
ADAM_COLUMN_NORM = Slot(
    number=6,
    variant="the ratio of norms for every column, close to its mean",
    defaults={"beta2": 0.99, "norm_eps": 1e-8, "closeness": 0.75},
    check=_check_adam_columns,
    initial_state=_adam_column_state,
    advance=_adam_columns,
)
