"""NAMO and NAMO-D: Adam's step size from norms, for orthogonal directions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import CAPPED_APPLY
from collidium.optim._decay import ADAPTIVE_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR
from collidium.optim._step_size import ADAM_COLUMN_NORM, ADAM_NORM

MATCHED = MappingProxyType({"shape_factor": "match_rms"})
NAMO_RULE = Composition((MOMENTUM, DIRECTION, ADAM_NORM, SHAPE_FACTOR, ADAPTIVE_DECAY, CAPPED_APPLY), MATCHED)
NAMO_D_RULE = Composition((MOMENTUM, DIRECTION, ADAM_COLUMN_NORM, SHAPE_FACTOR, ADAPTIVE_DECAY, CAPPED_APPLY), MATCHED)


class NAMO(MatrixOptimizer):
    """Muon's direction with a step that is the smaller, the noisier the gradient of the matrix is.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decay ``lam`` per unit of the adaptive rate.
    momentum, nesterov, shape_factor
        As in `Muon`.
    beta2 : float
        Decay of the second moment of the gradient norm, in [0, 1).
    norm_eps : float
        Added to the root of the second moment, in gradient units.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``v <- b2 v + (1 - b2) ||G||_F^2``; ``alpha = sqrt(1 - b2^t) / (1 - mu^t) ||u||_F / (sqrt(v) + eps)`` with the
    momentum mix ``u``; ``W <- (1 - lam min(1, eta alpha)) W - min(1, 0.2 sqrt(max(m, n)) eta alpha) polar(u)``.
    As in the authors' code, decay follows the adaptive rate without the shape factor and no step exceeds the
    direction. State beside the momentum: one number per matrix, and the number of steps.

    References
    ----------
    M. Zhang et al., NAMO: adaptive moment estimation with orthogonalized momentum, arXiv:2602.17080.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(1, 1))
    >>> optimizer = NAMO([weight], lr=0.5, direction="exact", nesterov=False)
    >>> weight.grad = torch.full((1, 1), 7.0)
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.1000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"namo": NAMO_RULE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        beta2: float = 0.99,
        norm_eps: float = 1e-8,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "namo",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "beta2": beta2,
            "norm_eps": norm_eps,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


class NAMOD(MatrixOptimizer):
    """`NAMO` with a step for every column, each close to the mean of the matrix.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr, weight_decay, momentum, nesterov, beta2, norm_eps, shape_factor
        As in `NAMO`.
    closeness : float
        ``c`` in (0, 1]: the ratio of a column lies between ``c`` and ``1 / c`` times the mean ratio.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``V_j <- b2 V_j + (1 - b2) ||G_:j||^2``; ``s_j = ||u_:j|| / (sqrt(V_j) + eps)``, limited to
    ``[c mean(s), mean(s) / c]`` and corrected for bias like `NAMO`'s. Column ``j`` steps by
    ``min(1, 0.2 sqrt(max(m, n)) eta s_j)`` and decays by ``lam min(1, eta s_j)``. State beside the momentum: one
    number per column, and the number of steps. Published values of ``c`` differ: 0.75 in the code, 0.12 to 0.9 in the
    sweeps.

    References
    ----------
    M. Zhang et al., NAMO: adaptive moment estimation with orthogonalized momentum, arXiv:2602.17080.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = NAMOD([weight], lr=0.5, direction="exact", nesterov=False, shape_factor="none")
    >>> weight.grad = torch.tensor([[7.0, 0.0], [0.0, 0.1]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.5000,  0.0000],
            [ 0.0000, -0.5000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"namo_d": NAMO_D_RULE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        beta2: float = 0.99,
        norm_eps: float = 1e-8,
        closeness: float = 0.75,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "namo_d",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "beta2": beta2,
            "norm_eps": norm_eps,
            "closeness": closeness,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


NAMO_INFO = OptimizerInfo(
    name="namo",
    build=NAMO,
    rule=NAMO_RULE,
    lr=1e-2,
    recipe=MappingProxyType({}),
    reference="M. Zhang et al., arXiv:2602.17080",
    state_bytes=4.0 + 12.0 / 256**2,
    claim="better than AdamW and Muon in pre-training GPT-2",
)
NAMO_D_INFO = OptimizerInfo(
    name="namo_d",
    build=NAMOD,
    rule=NAMO_D_RULE,
    lr=1e-2,
    recipe=MappingProxyType({}),
    reference="M. Zhang et al., arXiv:2602.17080",
    state_bytes=4.0 + 4.0 / 256 + 8.0 / 256**2,
    claim="better than NAMO in pre-training GPT-2",
)
