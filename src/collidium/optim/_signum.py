"""Signum: the sign of the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor
from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._elementwise import SIGN, ElementwiseComposition
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import new_momentum, update_momentum_
from collidium.optim._pipeline import MatrixStep, Options, Slot, require


def _check(options: Options) -> None:
    require(options, "momentum", 0.0 <= options["momentum"] < 1.0, "a number in [0, 1)")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"momentum": new_momentum(weight)}


def _average(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        buffer = matrix.state["momentum"]
        matrix.update = update_momentum_(buffer, matrix.update.to(buffer.dtype), float(options["momentum"]), "ema")


AVERAGE = Slot(
    number=2,
    variant="EMA",
    defaults={"momentum": 0.9},
    check=_check,
    initial_state=_initial_state,
    advance=_average,
)
SIGNUM = ElementwiseComposition((AVERAGE, SIGN, DECOUPLED_DECAY, APPLY))


class Signum(MatrixOptimizer):
    """Sign of the momentum, for parameters of any shape.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups.
    lr : float
        Learning rate ``eta``, the size of the step of every number.
    momentum : float
        ``mu`` in [0, 1).
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.

    Raises
    ------
    ValueError
        On an option outside its range.

    Notes
    -----
    ``M <- mu M + (1 - mu) G``; ``W <- (1 - eta lam) W - eta sign(M)``. The sign of zero is zero. The buffer is float32
    for half-precision weights.

    References
    ----------
    J. Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, arXiv:1802.04434, Algorithm 2.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(3))
    >>> optimizer = Signum([weight], lr=0.5)
    >>> weight.grad = torch.tensor([1e-9, -7.0, 0.0])
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000,  0.5000,  0.0000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"signum": SIGNUM}

    def __init__(self, params: ParamsT, lr: float = 1e-4, *, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        defaults: dict[str, Any] = {"rule": "signum", "lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)


SIGNUM_INFO = OptimizerInfo(
    name="signum",
    build=Signum,
    rule=SIGNUM,
    lr=1e-4,
    recipe=MappingProxyType({"weight_decay": 0.1}),
    reference="J. Bernstein et al., arXiv:1802.04434",
    state_bytes=4.0,
    claim="one bit per gradient entry converges as fast as SGD where gradients are as dense as noise and curvature",
)
