"""AdEMAMix: Adam with a second, much slower, average of the gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
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


def warmed_mixing(step: int, alpha: float, warmup: int) -> float:
    """Weight of the slow average during warm-up, ``min(step / warmup, 1) alpha``.

    Parameters
    ----------
    step : int
        From 1.
    alpha : float
        Weight after the warm-up.
    warmup : int
        Steps of warm-up; 0 for none.

    Returns
    -------
    float

    References
    ----------
    M. Pagliardini et al., The AdEMAMix Optimizer: Better, Faster, Older, arXiv:2409.03137, section 3.

    Examples
    --------
    >>> warmed_mixing(25, 8.0, 100), warmed_mixing(1, 8.0, 0)
    (2.0, 8.0)
    """
    return alpha * min(step / warmup, 1.0) if warmup else alpha


def warmed_slow_decay(step: int, beta3: float, start: float, warmup: int) -> float:
    """Decay of the slow average during warm-up, from ``start`` to ``beta3`` with a linearly growing half-life.

    Parameters
    ----------
    step : int
        From 1.
    beta3 : float
        Decay after the warm-up, in [0, 1).
    start : float
        Decay at its start, that of the fast average.
    warmup : int
        Steps of warm-up; 0 for none.

    Returns
    -------
    float

    Notes
    -----
    With ``x = step / warmup`` the logarithm of the decay is
    ``ln(start) ln(beta3) / ((1 - x) ln(beta3) + x ln(start))``, capped at that of ``beta3``.

    References
    ----------
    M. Pagliardini et al., The AdEMAMix Optimizer: Better, Faster, Older, arXiv:2409.03137, section 3.

    Examples
    --------
    >>> round(warmed_slow_decay(0, 0.9999, 0.9, 100), 6), warmed_slow_decay(100, 0.9999, 0.9, 100)
    (0.9, 0.9999)
    """
    if not warmup or step >= warmup or min(start, beta3) == 0.0:
        return beta3
    x, low, high = step / warmup, math.log(start), math.log(beta3)
    return min(math.exp(low * high / ((1.0 - x) * high + x * low)), beta3)


def _check(options: Options) -> None:
    check_betas(3)(options)
    require(options, "alpha", options["alpha"] >= 0.0, "a number >= 0")
    require(options, "warmup", options["warmup"] >= 0, "a number of steps >= 0")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), dtype=torch.float32),
        "momentum": new_momentum(weight),
        "slow_momentum": new_momentum(weight),
        "second_moment": new_momentum(weight),
    }


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    beta1, beta2, beta3 = (float(beta) for beta in options["betas"])
    for matrix in matrices:
        state = matrix.state
        gradient = matrix.update.to(state["momentum"].dtype)
        step = int(state["step"].add_(1.0))
        slow_decay = warmed_slow_decay(step, beta3, beta1, options["warmup"])
        state["momentum"].lerp_(gradient, 1.0 - beta1)
        state["slow_momentum"].lerp_(gradient, 1.0 - slow_decay)
        state["second_moment"].mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
        mixed = torch.div(state["momentum"], 1.0 - beta1**step)
        mixed.add_(state["slow_momentum"], alpha=warmed_mixing(step, options["alpha"], options["warmup"]))
        root = state["second_moment"].sqrt().div_(math.sqrt(1.0 - beta2**step)).add_(options["eps"])
        matrix.update = mixed.div_(root)


TWO_AVERAGES = Slot(
    number=2,
    variant="fast and slow EMA over the root of the second moment",
    defaults={"betas": (0.9, 0.999, 0.9999), "alpha": 5.0, "warmup": 0, "eps": 1e-8},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
ADEMAMIX = ElementwiseComposition((TWO_AVERAGES, IDENTITY, DECOUPLED_DECAY, APPLY))


class AdEMAMix(MatrixOptimizer):
    """Adam with a mixture of two averages, for parameters of any shape.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups.
    lr : float
        Learning rate ``eta``.
    betas : (float, float, float)
        Decay of the fast average, of the second moment and of the slow average, in [0, 1).
    alpha : float
        Weight of the slow average; 4 to 10 in the publication.
    warmup : int
        Steps over which ``alpha`` and the slow decay grow to their values; 0 for none. The publication uses the
        whole length of the training.
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
    ``M1 <- b1 M1 + (1 - b1) G``, ``M2 <- b3 M2 + (1 - b3) G``, ``V <- b2 V + (1 - b2) G G``;
    ``W <- (1 - eta lam) W - eta (M1 / (1 - b1^t) + alpha M2) / (sqrt(V / (1 - b2^t)) + eps)``. The slow average has no
    bias correction. The buffers are float32 for half-precision weights.

    References
    ----------
    M. Pagliardini et al., The AdEMAMix Optimizer: Better, Faster, Older, arXiv:2409.03137, Algorithm 1.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = AdEMAMix([weight], lr=0.5, alpha=0.0)
    >>> weight.grad = torch.tensor([3.0, -1.0])
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000,  0.5000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"ademamix": ADEMAMIX}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        alpha: float = 5.0,
        warmup: int = 0,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "ademamix",
            "lr": lr,
            "betas": betas,
            "alpha": alpha,
            "warmup": warmup,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)


ADEMAMIX_INFO = OptimizerInfo(
    name="ademamix",
    build=AdEMAMix,
    rule=ADEMAMIX,
    lr=1e-3,
    recipe=MappingProxyType({"weight_decay": 0.1}),
    reference="M. Pagliardini et al., arXiv:2409.03137",
    state_bytes=12.0,
    claim="1.3B parameters on 101B tokens like AdamW on 197B tokens, and slower forgetting",
)
