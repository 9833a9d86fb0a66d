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


def adam_norms_(
    second_moments: list[Tensor],
    gradient_norms: list[Tensor],
    momentum_norms: list[Tensor],
    *,
    steps: list[int],
    momentum: float,
    beta2: float,
    eps: float,
) -> list[Tensor]:
    """Advance second moments of gradient norms in place and return the signal-to-noise step sizes of NAMO.

    Parameters
    ----------
    second_moments : list of Tensor, any shapes, gradient units squared
        ``v`` of every parameter, changed in place.
    gradient_norms, momentum_norms : list of Tensor, same shapes, gradient units
        Norms of the raw gradients and of the momentum mixes.
    steps : list of int
        Steps that every parameter has taken, this one included.
    momentum, beta2 : float
        Decays of momentum and second moment, for the correction of their bias.
    eps : float
        Added to ``sqrt(v)``, gradient units.

    Returns
    -------
    list of Tensor, same shapes, 1
        ``sqrt(1 - b2^t) / (1 - mu^t) ||u|| / (sqrt(v) + eps)``.

    Examples
    --------
    >>> v, norm = torch.zeros(1), torch.ones(1)
    >>> adam_norms_([v], [norm], [0.1 * norm], steps=[1], momentum=0.9, beta2=0.99, eps=1e-8)
    [tensor([1.0000])]
    """
    torch._foreach_mul_(second_moments, beta2)
    torch._foreach_addcmul_(second_moments, gradient_norms, gradient_norms, value=1.0 - beta2)
    roots = torch._foreach_sqrt(second_moments)
    torch._foreach_add_(roots, eps)
    scales = torch._foreach_div(momentum_norms, roots)
    torch._foreach_mul_(scales, [math.sqrt(1.0 - beta2**step) / (1.0 - momentum**step) for step in steps])
    return list(scales)


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
    return torch.cat([square.sum(dim=-2, keepdim=True) for square in squares], dim=-2).sqrt_()


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
        norms = torch.cat(matrix.gradient_norms(), dim=-2)
        scales = adagrad_norm_(matrix.state["accumulator"], norms, options["gradient_cap"], options["floor"])
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


def _adam_scales(
    matrices: list[MatrixStep], options: Options, gradient_norms: list[Tensor], update_norms: list[Tensor]
) -> list[Tensor]:
    return adam_norms_(
        [matrix.state["norm_second_moment"] for matrix in matrices],
        gradient_norms,
        update_norms,
        steps=[count_step(matrix.state) for matrix in matrices],
        momentum=options["momentum"],
        beta2=options["beta2"],
        eps=options["norm_eps"],
    )


def _adam(matrices: list[MatrixStep], options: Options) -> None:
    gradient_norms = [torch.cat(matrix.gradient_norms(), dim=-2) for matrix in matrices]
    update_norms = [torch.cat(matrix.update_norms(), dim=-2) for matrix in matrices]
    all_scales = _adam_scales(matrices, options, gradient_norms, update_norms)
    for matrix, scales in zip(matrices, all_scales, strict=True):
        matrix.scales = list(matrix.view.per_block(scales))


def _adam_columns(matrices: list[MatrixStep], options: Options) -> None:
    gradient_norms = [_column_norms(matrix, matrix.gradient) for matrix in matrices]
    update_norms = [_column_norms(matrix, matrix.update) for matrix in matrices]
    all_scales = _adam_scales(matrices, options, gradient_norms, update_norms)
    for matrix, scales in zip(matrices, all_scales, strict=True):
        matrix.scales = list(matrix.view.per_block(clamp_to_mean(scales, options["closeness"])))


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
    is_batched=True,
)
