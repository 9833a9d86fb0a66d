"""NorMuon: Muon with equal learning rates for all neurons."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._row_normalisation import ROW_NORMALISATION
from collidium.optim._shape_factor import SHAPE_FACTOR

NORMUON = Composition((MOMENTUM, DIRECTION, ROW_NORMALISATION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY))


class NorMuon(MatrixOptimizer):
    """Muon whose rows (neurons) are divided by the root of their running mean square.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, momentum_form, shape_factor
        As in `Muon`.
    beta2 : float
        Decay ``b2`` of the second moment of the rows, in [0, 1).
    row_eps : float
        Added to the root of the second moment.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``O = polar(u)`` with Muon's momentum mix ``u``; ``v_i <- b2 v_i + (1 - b2) mean_j O_ij^2`` for every row ``i``;
    ``O'_ij = O_ij / (sqrt(v_i) + eps)``; ``W <- (1 - eta lam) W - eta f(m, n) O' ||O||_F / ||O'||_F``.
    Rows are neurons for every shape: public versions that average over the shorter side do so for tall weights only.
    Each block of a fused weight keeps its own Frobenius norm. State beside the momentum: one number per row.

    References
    ----------
    Z. Li et al., NorMuon: Making Muon more efficient and scalable, arXiv:2510.05491.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 3))
    >>> optimizer = NorMuon([weight], lr=0.1, direction="exact")
    >>> weight.grad = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 0.0]])
    >>> optimizer.step()
    >>> weight.detach().norm(dim=1)
    tensor([0.1000, 0.1000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"normuon": NORMUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        beta2: float = 0.95,
        row_eps: float = 1e-10,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "original",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "normuon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "beta2": beta2,
            "row_eps": row_eps,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


NORMUON_INFO = OptimizerInfo(
    name="normuon",
    build=NorMuon,
    rule=NORMUON,
    lr=0.02,
    recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
    reference="Z. Li et al., arXiv:2510.05491",
    state_bytes=4.0 + 4.0 / 256,
    claim="21.74 % better training efficiency than Adam and 11.31 % than Muon at 1.1B parameters",
)
