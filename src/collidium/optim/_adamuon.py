"""AdaMuon: Adam's second moment on Muon's direction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._elementwise_normalisation import ELEMENTWISE_NORMALISATION
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR

ADAMUON = Composition(
    (MOMENTUM, DIRECTION, ELEMENTWISE_NORMALISATION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"momentum": 0.9, "shape_factor": "match_rms", "weight_decay": 0.1}),
)


class AdaMuon(MatrixOptimizer):
    """Muon whose entries are divided by the root of their running mean square.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``; that of AdamW carries over.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, shape_factor
        As in `Muon`.
    beta2 : float
        Decay ``b2`` of the second moment of the entries, in [0, 1).
    entry_eps : float
        Added to the root of the second moment.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``O = polar(u)``; ``v <- b2 v + (1 - b2) O O`` by entry; ``O <- O / (sqrt(v / (1 - b2^t)) + eps)``, rescaled to the
    Frobenius norm ``sqrt(min(m, n))``; ``W <- (1 - eta lam) W - 0.2 eta sqrt(max(m, n)) O``. Taken from public
    implementations, not from the paper: some of them orthogonalise the sign of the momentum, this one the momentum.

    References
    ----------
    AdaMuon: Adaptive Muon Optimizer, arXiv:2507.11005.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = AdaMuon([weight], lr=0.1, direction="exact")
    >>> weight.grad = torch.tensor([[3.0, 1.0], [-1.0, 3.0]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.0200, -0.0200],
            [ 0.0200, -0.0200]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"adamuon": ADAMUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.9,
        nesterov: bool = True,
        beta2: float = 0.95,
        entry_eps: float = 1e-8,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "adamuon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "beta2": beta2,
            "entry_eps": entry_eps,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


ADAMUON_INFO = OptimizerInfo(
    name="adamuon",
    build=AdaMuon,
    rule=ADAMUON,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference="AdaMuon, arXiv:2507.11005",
    state_bytes=8.0 + 8.0 / 256**2,
    claim="element-wise adaptivity on orthogonal directions, with AdamW's learning rates",
)
