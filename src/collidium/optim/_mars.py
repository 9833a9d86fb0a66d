"""MARS-M: variance reduction in front of Muon."""

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
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR
from collidium.optim._variance_reduction import CORRECTED_MOMENTUM, VARIANCE_REDUCTION

MARS_M = Composition(
    (VARIANCE_REDUCTION, CORRECTED_MOMENTUM, DIRECTION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
)


class MarsM(MatrixOptimizer):
    """Muon on gradients that the previous gradient corrects.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum : float
        ``mu`` in [0, 1).
    gamma : float
        Strength of the correction.
    variant : {"approximate", "efficient"}
        Keep the previous gradient, or fold the correction into the momentum: half the state and no clip.
    max_norm : float, optional
        Largest Frobenius norm of a corrected gradient, per matrix; None for no clip.
    shape_factor
        As in `Muon`.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``approximate``: ``C = G + gamma mu / (1 - mu) (G - G_prev)``; ``C <- C / max(1, ||C||_F)``;
    ``M <- mu M + (1 - mu) C``; ``W <- (1 - eta lam) W - 0.2 eta sqrt(max(m, n)) polar(M)``. ``G_prev`` is zero at the
    first step. ``efficient``: ``M <- mu M + (1 - gamma) (1 - mu) / mu G`` and ``polar(gamma G + mu M)``.
    The exact form, with ``G_prev`` evaluated again on the present batch, costs a second backward pass and is not
    offered. The authors' code keeps a reference to the gradient, which a reused gradient buffer silently turns into
    the present one, and clips a batch of matrices by one norm; here the previous gradient is a copy and every matrix
    has its own norm.

    References
    ----------
    MARS-M: When Variance Reduction Meets Matrices, arXiv:2510.21800.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = MarsM([weight], lr=0.1, direction="exact", shape_factor="none")
    >>> weight.grad = torch.tensor([[0.0, 3.0], [-1.0, 0.0]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[ 0.0000, -0.1000],
            [ 0.1000,  0.0000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"mars_m": MARS_M}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        gamma: float = 0.025,
        variant: Literal["approximate", "efficient"] = "approximate",
        max_norm: float | None = 1.0,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "mars_m",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "gamma": gamma,
            "variant": variant,
            "max_norm": max_norm,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


MARS_M_INFO = OptimizerInfo(
    name="mars_m",
    build=MarsM,
    rule=MARS_M,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference="MARS-M, arXiv:2510.21800",
    state_bytes=8.0,
    claim="rate T^(-1/3) instead of T^(-1/4); lower losses than Muon",
)
