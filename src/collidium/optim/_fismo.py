"""FISMO: Muon in the geometry of the Fisher matrix."""

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
from collidium.optim._shape_factor import SHAPE_FACTOR
from collidium.optim._whitening import MAP_BACK, WHITENING

FISMO_RULE = Composition(
    (WHITENING, MOMENTUM, DIRECTION, MAP_BACK, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"nesterov": False, "shape_factor": "none"}),
)


class FISMO(MatrixOptimizer):
    """Momentum of the whitened gradient, orthogonalised and mapped back.

    Parameters
    ----------
    params : iterable
        As in `Muon`. Both sides of a matrix enter with their cube: for sides of some hundred.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``; none is published.
    momentum, nesterov, shape_factor
        As in `Muon`; published without look-ahead and without a factor.
    factor_decay : float
        ``g`` in [0, 1], weight of the old Fisher factors; 1 is Muon.
    damping : float
        ``d``, share of the identity in the Fisher factors.
    refresh_every : int
        Steps between two decompositions of the factors.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    From ``P = Q = I``: ``P <- norm(g P + (1 - g) (G Q^-1 G^T / n + d tr(P) / m I))``, with ``norm`` to trace ``m``;
    ``Q`` likewise with the new ``P``, from ``G^T P^-1 G / m``, to trace ``n``;
    ``M <- mu M + (1 - mu) P^-1/2 G Q^-1/2``; ``W <- (1 - eta lam) W - eta P^-1/2 polar(M) Q^-1/2``.
    The equations are those of a summary of the paper. The numbers are a reading, no defaults were found: ``g = 0.95``,
    ``d = 1e-3`` and inverse roots every ten steps, in between the last ones are used.

    References
    ----------
    C. Xu, W. Yan and Y. Zhang, FISMO: Fisher-Structured Momentum-Orthogonalized Optimizer, arXiv:2601.21750.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = FISMO([weight], lr=0.1, direction="exact", factor_decay=1.0)
    >>> weight.grad = torch.tensor([[3.0, 0.0], [0.0, -0.1]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.1000,  0.0000],
            [ 0.0000,  0.1000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"fismo": FISMO_RULE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = False,
        factor_decay: float = 0.95,
        damping: float = 1e-3,
        refresh_every: int = 10,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "none",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "fismo",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "factor_decay": factor_decay,
            "damping": damping,
            "refresh_every": refresh_every,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


FISMO_INFO = OptimizerInfo(
    name="fismo",
    build=FISMO,
    rule=FISMO_RULE,
    lr=0.02,
    recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
    reference="C. Xu, W. Yan and Y. Zhang, arXiv:2601.21750",
    state_bytes=20.0 + 8.0 / 256**2,
    claim="rate O(1/sqrt(T)); better than baselines on vision and language",
)
