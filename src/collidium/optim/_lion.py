"""Lion: the sign of a look-ahead mix of momentum and gradient."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor
from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._elementwise import SIGN, ElementwiseComposition, check_betas
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import new_momentum
from collidium.optim._pipeline import MatrixStep, Options, Slot


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"momentum": new_momentum(weight)}


def _interpolate(matrices: list[MatrixStep], options: Options) -> None:
    beta1, beta2 = (float(beta) for beta in options["betas"])
    for matrix in matrices:
        buffer = matrix.state["momentum"]
        gradient = matrix.update.to(buffer.dtype)
        matrix.update = gradient.lerp(buffer, beta1)
        buffer.lerp_(gradient, 1.0 - beta2)


INTERPOLATION = Slot(
    number=2,
    variant="EMA, one decay for the step and one for the buffer",
    defaults={"betas": (0.9, 0.99)},
    check=check_betas(2),
    initial_state=_initial_state,
    advance=_interpolate,
)
LION = ElementwiseComposition((INTERPOLATION, SIGN, DECOUPLED_DECAY, APPLY))


class Lion(MatrixOptimizer):
    """Evolved sign momentum, for parameters of any shape.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups.
    lr : float
        Learning rate ``eta``, the size of the step of every number; 3 to 10 times below that of AdamW.
    betas : (float, float)
        Decay ``b1`` in the mix that is stepped along and ``b2`` of the buffer, in [0, 1).
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.

    Raises
    ------
    ValueError
        On an option outside its range.

    Notes
    -----
    ``W <- (1 - eta lam) W - eta sign(b1 M + (1 - b1) G)``, then ``M <- b2 M + (1 - b2) G``. The buffer is float32 for
    half-precision weights.

    References
    ----------
    X. Chen et al., Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675, Program 1.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = Lion([weight], lr=0.5)
    >>> weight.grad = torch.tensor([3.0, -1e-3])
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000,  0.5000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"lion": LION}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        defaults: dict[str, Any] = {"rule": "lion", "lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults)


LION_INFO = OptimizerInfo(
    name="lion",
    build=Lion,
    rule=LION,
    lr=1e-4,
    recipe=MappingProxyType({"weight_decay": 0.1}),
    reference="X. Chen et al., arXiv:2302.06675",
    state_bytes=4.0,
    claim="less memory than Adam and up to 5 times less pre-training compute on JFT",
)
