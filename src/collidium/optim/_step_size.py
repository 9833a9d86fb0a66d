"""Slot 6: step sizes that adapt to the norms of gradients, one per matrix or per column."""

from __future__ import annotations

import math

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


def adam_norm_(second_moment: Tensor, gradient_norm: Tensor, momentum_norm: Tensor, beta2: float, eps: float) -> Tensor:
    """Advance the second moment of the gradient norm in place and return NAMO's step size before its bias correction.

    Parameters
    ----------
    second_moment : Tensor, any shape, gradient units squared
        ``v``, changed in place.
    gradient_norm, momentum_norm : Tensor, same shape, gradient units
        Norms of the raw gradient and of the momentum mix.
    beta2 : float
        Decay of the second moment.
    eps : float
        Added to ``sqrt(v)``, gradient units.

    Returns
    -------
    Tensor, same shape, 1
        ``||u|| / (sqrt(v) + eps)`` after ``v <- b2 v + (1 - b2) ||G||^2``.

    Examples
    --------
    >>> second_moment = torch.zeros(1)
    >>> adam_norm_(second_moment, torch.ones(1), torch.tensor([0.05]), 0.75, 1e-8), second_moment
    (tensor([0.1000]), tensor([0.2500]))
    """
    second_moment.lerp_(gradient_norm.square(), 1.0 - beta2)
    return momentum_norm / second_moment.sqrt().add_(eps)


def bias_correction(step: int, momentum: float, beta2: float) -> float:
    """``sqrt(1 - b2^t) / (1 - mu^t)`` for the ratio of a first moment to the root of a second one.

    Examples
    --------
    >>> round(bias_correction(1, 0.9, 0.99), 12)
    1.0
    """
    return math.sqrt(1.0 - beta2**step) / (1.0 - momentum**step)


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


def _column_norms(matrix: MatrixStep, tensor: Tensor) -> Tensor:
    """Norms of the columns of the blocks, (..., blocks, n); by squares, which a CPU sums much faster than norms."""
    dtype = storage_dtype(matrix.weight)
    blocks = [block.to(dtype) for block in matrix.view.blocks(tensor)]
    squares = (torch.mul(block, block, out=matrix.scratch.brief(block)) for block in blocks)
    return matrix.view.joined([square.sum(dim=-2, keepdim=True) for square in squares]).sqrt_()


def _per_block(weight: Tensor, options: Options, columns: int, value: float) -> Tensor:
    *shape, _ = view_of(options).scalars_shape(weight.shape)
    return torch.full((*shape, columns), value, dtype=storage_dtype(weight), device=weight.device)


def _check_adagrad(options: Options) -> None:
    require(options, "gradient_cap", options["gradient_cap"] > 0.0, "a number > 0")
    require(options, "floor", 0.0 <= options["floor"] <= 1.0, "a number in [0, 1]")


def _adagrad_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"accumulator": _per_block(weight, options, 1, ACCUMULATOR_START)}


def _adagrad(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        norm = matrix.view.joined(matrix.gradient_norms())
        scales = adagrad_norm_(matrix.state["accumulator"], norm, options["gradient_cap"], options["floor"])
        matrix.scales = list(matrix.view.per_block(scales))


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


def _advance_adam(matrix: MatrixStep, options: Options, gradient_norm: Tensor, update_norm: Tensor) -> Tensor:
    """Step sizes of the matrix, one per entry of the second moment; their correction for bias goes into the rate."""
    beta2 = float(options["beta2"])
    matrix.rate *= bias_correction(count_step(matrix.state), options["momentum"], beta2)
    return adam_norm_(matrix.state["norm_second_moment"], gradient_norm, update_norm, beta2, options["norm_eps"])


def _adam(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        norms = (matrix.view.joined(norms) for norms in (matrix.gradient_norms(), matrix.update_norms()))
        matrix.scales = list(matrix.view.per_block(_advance_adam(matrix, options, *norms)))


def _adam_columns(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        norms = (_column_norms(matrix, tensor) for tensor in (matrix.gradient, matrix.update))
        scales = clamp_to_mean(_advance_adam(matrix, options, *norms), options["closeness"])
        matrix.scales = list(matrix.view.per_block(scales))


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
    is_batched=True,
)
ADAM_COLUMN_NORM = Slot(
    number=6,
    variant="the ratio of norms for every column, close to its mean",
    defaults={"beta2": 0.99, "norm_eps": 1e-8, "closeness": 0.75},
    check=_check_adam_columns,
    initial_state=_adam_column_state,
    advance=_adam_columns,
)
