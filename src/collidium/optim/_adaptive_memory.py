"""Slot 2: a momentum coefficient that is recomputed in every step from two planes under the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._elementwise import IDENTITY, ElementwiseComposition, check_betas
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import new_momentum
from collidium.optim._pipeline import MatrixStep, Options, Slot, require


def adaptive_coefficient(
    gradients: Sequence[Tensor], directions: Sequence[Tensor], proximity: float, largest: float
) -> Tensor:
    """Momentum coefficient of the SGD form, one for all tensors.

    Parameters
    ----------
    gradients, directions : sequence of Tensor, gradient units
        ``g`` and the stored directions ``d``.
    proximity : float
        ``l``, strength with which the step is held near the previous one.
    largest : float
        Upper limit of the coefficient.

    Returns
    -------
    Tensor, scalar, 1
        ``clip(((1 + l) <g, d> - <d - g, g + l d>) / ||d - g||^2, 0, largest)``; 0 for ``d = g``.

    References
    ----------
    K. Topollai and A. Choromanska, Adaptive Memory Momentum via a Model-Based Framework, arXiv:2510.04988.

    Examples
    --------
    >>> gradient, direction = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 1.0])
    >>> adaptive_coefficient([gradient], [direction], 0.0, 0.9)
    tensor(0.8000)
    """
    device = gradients[0].device
    numerator = torch.zeros((), dtype=gradients[0].dtype, device=device)
    denominator = torch.zeros_like(numerator)
    for gradient, direction in zip(gradients, directions, strict=True):
        difference = direction - gradient
        mixed = torch.add(gradient, direction, alpha=proximity)
        gap = (1.0 + proximity) * (gradient * direction).sum() - (difference * mixed).sum()
        numerator += gap.to(device)
        denominator += difference.square().sum().to(device)
    return _clipped_ratio(numerator, denominator, largest)


def _clipped_ratio(numerator: Tensor, denominator: Tensor, largest: float) -> Tensor:
    ratio = (numerator / denominator.clamp(min=torch.finfo(denominator.dtype).tiny)).clamp(0.0, largest)
    return torch.where(denominator > 0.0, ratio, torch.zeros_like(ratio))


def _check_proximity(options: Options) -> None:
    require(options, "proximity", options["proximity"] >= 0.0, "a number >= 0")


def _check_sgd(options: Options) -> None:
    _check_proximity(options)
    require(options, "momentum", 0.0 <= options["momentum"] <= 1.0, "a number in [0, 1]")


def _sgd_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"step": torch.zeros((), dtype=torch.float32), "direction": new_momentum(weight)}


def _advance_sgd(matrices: list[MatrixStep], options: Options) -> None:
    gradients = [matrix.gradient.to(matrix.state["direction"].dtype) for matrix in matrices]
    for matrix, gradient in zip(matrices, gradients, strict=True):
        if int(matrix.state["step"].add_(1.0)) == 1:
            matrix.state["direction"].copy_(gradient)
    proximity = float(options["proximity"])
    if matrices:
        directions = [matrix.state["direction"] for matrix in matrices]
        beta = adaptive_coefficient(gradients, directions, proximity, float(options["momentum"]))
    for matrix, gradient in zip(matrices, gradients, strict=True):
        direction = matrix.state["direction"]
        share = ((1.0 - beta) / (1.0 + proximity)).to(direction.device, direction.dtype)
        matrix.update = direction.lerp_(gradient, share)


ADAPTIVE_MEMORY = Slot(
    number=2,
    variant="EMA with one adaptive coefficient for the group",
    defaults={"proximity": 0.1, "momentum": 0.9},
    check=_check_sgd,
    initial_state=_sgd_state,
    advance=_advance_sgd,
    scope="group",
)


def _check_adamw(options: Options) -> None:
    _check_proximity(options)
    check_betas(2)(options)


def _adamw_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    direction = new_momentum(weight)
    return {
        "step": torch.zeros((), dtype=torch.float32),
        "previous_rate": torch.zeros((), dtype=torch.float64),
        "direction": direction,
        "second_moment": torch.zeros_like(direction),
        "coefficient_product": torch.ones((), dtype=direction.dtype, device=weight.device),
    }


def _advance_adamw(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        _advance_one(matrix, options)


def _advance_one(matrix: MatrixStep, options: Options) -> None:
    largest, beta2 = (float(beta) for beta in options["betas"])
    state, proximity = matrix.state, float(options["proximity"])
    direction, second = state["direction"], state["second_moment"]
    gradient = matrix.update.to(direction.dtype)
    step = int(state["step"].add_(1.0))
    second.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
    metric = second.sqrt().div_(math.sqrt(1.0 - beta2**step)).add_(options["eps"])
    metric.mul_(1.0 - largest * state["coefficient_product"])
    if step == 1:
        beta = torch.full_like(state["coefficient_product"], largest)
    else:
        beta = _coefficient_in_metric(matrix, gradient, metric, options)
    pull = metric * proximity
    direction.copy_(((1.0 - beta) * gradient + (pull + beta) * direction) / (1.0 + pull))
    state["coefficient_product"].mul_(beta)
    state["previous_rate"].fill_(matrix.rate)
    matrix.update = direction / metric


def _coefficient_in_metric(matrix: MatrixStep, gradient: Tensor, metric: Tensor, options: Options) -> Tensor:
    """Coefficient of the AdamW form, with the loss gap of the previous step estimated from the gradient."""
    proximity, decay, rate = float(options["proximity"]), float(options["weight_decay"]), matrix.rate
    direction, weight = matrix.state["direction"], matrix.weight.to(gradient.dtype)
    difference = direction - gradient
    weighted = difference / (metric * (1.0 + proximity * metric))
    numerator = -(weighted * (gradient + proximity * metric * direction)).sum() - decay * (weight * difference).sum()
    if rate > 0.0:
        gap = (gradient * (direction / metric + decay * weight)).sum()
        numerator += (1.0 + decay * rate) * float(matrix.state["previous_rate"]) / rate * gap
    return _clipped_ratio(numerator, (difference * weighted).sum(), float(options["betas"][0]))


ADAPTIVE_MOMENTS = Slot(
    number=2,
    variant="EMA with an adaptive coefficient per tensor, over the root of the second moment",
    defaults={"betas": (0.89, 0.999), "proximity": 0.1, "eps": 1e-8},
    check=_check_adamw,
    initial_state=_adamw_state,
    advance=_advance_adamw,
)
ADAPTIVE_MEMORY_SGD = ElementwiseComposition((ADAPTIVE_MEMORY, IDENTITY, DECOUPLED_DECAY, APPLY))
ADAPTIVE_MEMORY_ADAMW = ElementwiseComposition((ADAPTIVE_MOMENTS, IDENTITY, DECOUPLED_DECAY, APPLY))


class AdaptiveMemorySGD(MatrixOptimizer):
    """Momentum SGD that chooses its momentum coefficient in every step, for parameters of any shape.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups. One coefficient serves a group: the publication's one for
        the whole model needs one group.
    lr : float
        Learning rate ``eta``.
    proximity : float
        ``l``, strength with which a step is held near the previous one.
    momentum : float
        Upper limit of the coefficient, in [0, 1].
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.

    Raises
    ------
    ValueError
        On an option outside its range.

    Notes
    -----
    ``b = clip(((1 + l) <g, d> - <d - g, g + l d>) / ||d - g||^2, 0, b_max)``,
    ``d <- ((b + l) d + (1 - b) g) / (1 + l)``, ``W <- (1 - eta lam) W - eta d``; the first direction is the first
    gradient, and ``b = 0`` for ``d = g``.

    References
    ----------
    K. Topollai and A. Choromanska, Adaptive Memory Momentum via a Model-Based Framework for Deep Learning Optimization,
    arXiv:2510.04988; formulas read from a third party's code.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = AdaptiveMemorySGD([weight], lr=0.5)
    >>> weight.grad = torch.tensor([1.0, -2.0])
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000,  1.0000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"adaptive_memory_sgd": ADAPTIVE_MEMORY_SGD}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.1,
        *,
        proximity: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "adaptive_memory_sgd",
            "lr": lr,
            "proximity": proximity,
            "momentum": momentum,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)


class AdaptiveMemoryAdamW(MatrixOptimizer):
    """AdamW that chooses its first momentum coefficient in every step, for parameters of any shape.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups.
    lr : float
        Learning rate ``eta``.
    betas : (float, float)
        Upper limit ``b_max`` of the coefficient and decay of the second moment, in [0, 1).
    proximity : float
        ``l``, strength with which a step is held near the previous one; the limit is published as ``0.9 - 0.1 l``.
    eps : float
        Added to the root of the second moment, in gradient units.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.

    Raises
    ------
    ValueError
        On an option outside its range.

    Notes
    -----
    One coefficient per tensor. With ``P = (1 - b_max prod_(i<t) b_i) (sqrt(v / (1 - b2^t)) + eps)`` and inner products
    in the metric ``P^-1 (1 + l P)^-1``,
    ``b = clip((gap - <d - g, g + l P d> - lam W (d - g)) / ||d - g||^2, 0, b_max)``, where
    ``gap = (1 + lam eta) eta_prev <g, d / P + lam W> / eta`` stands for the fall of the loss in the previous step;
    ``d <- ((1 - b) g + (l P + b) d) / (1 + l P)``; ``W <- (1 - eta lam) W - eta d / P``. The first step takes
    ``b = b_max``; at rate zero the gap is left out.

    References
    ----------
    K. Topollai and A. Choromanska, Adaptive Memory Momentum via a Model-Based Framework for Deep Learning Optimization,
    arXiv:2510.04988, Algorithm 3; formulas read from a third party's code.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = AdaptiveMemoryAdamW([weight], lr=0.5, proximity=0.0)
    >>> weight.grad = torch.tensor([1.0, -2.0])
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000,  0.5000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"adaptive_memory_adamw": ADAPTIVE_MEMORY_ADAMW}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.89, 0.999),
        proximity: float = 0.1,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "adaptive_memory_adamw",
            "lr": lr,
            "betas": betas,
            "proximity": proximity,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)


REFERENCE = "K. Topollai and A. Choromanska, arXiv:2510.04988"
CLAIM = "beats hand-tuned constant momentum, without a hyperparameter"
ADAPTIVE_MEMORY_SGD_INFO = OptimizerInfo(
    name="adaptive_memory_sgd",
    build=AdaptiveMemorySGD,
    rule=ADAPTIVE_MEMORY_SGD,
    lr=0.1,
    recipe=MappingProxyType({}),
    reference=REFERENCE,
    state_bytes=4.0,
    claim=CLAIM,
)
ADAPTIVE_MEMORY_ADAMW_INFO = OptimizerInfo(
    name="adaptive_memory_adamw",
    build=AdaptiveMemoryAdamW,
    rule=ADAPTIVE_MEMORY_ADAMW,
    lr=1e-3,
    recipe=MappingProxyType({"weight_decay": 0.1}),
    reference=REFERENCE,
    state_bytes=8.0,
    claim=CLAIM,
)
