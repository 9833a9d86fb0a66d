"""REG: row and column scaling in place of the polar factor."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._balance import BALANCE
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR

REG_RULE = Composition(
    (MOMENTUM, BALANCE, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"shape_factor": "match_rms_frobenius", "weight_decay": 0.1}),
)


class REG(MatrixOptimizer):
    """Momentum with balanced rows and columns and a fixed RMS: no products of matrices.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``; that of AdamW carries over.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, momentum_form
        As in `Muon`.
    scheme : {"rows_first", "columns_first", "half_powers"}
        Order of the scalings.
    iterations : int
        Passes over rows and columns; many make all row norms and all column norms equal.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``X <- diag(||row||)^-1 X``; ``X <- X diag(||column||)^-1``;
    ``W <- (1 - eta lam) W - 0.2 eta sqrt(m n) X / ||X||_F``. A reading: the abstract names the row-and-column scaling
    operator (RACS) and 2-norms, but not whether rows and columns are scaled in turn or together, nor the defaults;
    learning rate and decay here are AdamW's. Not to be confused with the optimizer called RACS of arXiv:2502.07752,
    which keeps running means of row and column squares.

    References
    ----------
    Z. Liu et al., REG: A Regularization Optimizer for Robust Training Dynamics, arXiv:2510.03691.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = REG([weight], lr=0.1)
    >>> weight.grad = torch.tensor([[3.0, 0.0], [0.0, -0.001]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.0283,  0.0000],
            [ 0.0000,  0.0283]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"reg": REG_RULE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        scheme: Literal["rows_first", "columns_first", "half_powers"] = "rows_first",
        iterations: int = 1,
    ) -> None:
        defaults = {
            "rule": "reg",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "scheme": scheme,
            "iterations": iterations,
        }
        super().__init__(params, defaults)


REG_INFO = OptimizerInfo(
    name="reg",
    build=REG,
    rule=REG_RULE,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference="Z. Liu et al., arXiv:2510.03691",
    state_bytes=4.0,
    claim="better and more stable than AdamW, without degradation in fine-tuning what AdamW pre-trained",
)
