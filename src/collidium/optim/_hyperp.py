"""HyperP: Muon on the sphere of the initial norm."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._hypersphere import RETRACTION, STEP_OF_RADIUS
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition

HYPERP = Composition(
    (MOMENTUM, DIRECTION, STEP_OF_RADIUS, DECOUPLED_DECAY, APPLY, RETRACTION),
    presets=MappingProxyType({"momentum_form": "sum"}),
)


class HyperP(MatrixOptimizer):
    """Muon whose weights keep their Frobenius norm; the learning rate is a relative rotation.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Step in units of the norm of the weight: it turns by about ``lr`` radians. `transferred_rate` scales it to
        other lengths of training and batch sizes.
    momentum, nesterov, momentum_form
        As in `Muon`.
    radius_rms : float, optional
        RMS of the weights on the sphere; if not given, the norm at the first step is kept, and zero matrices are
        refused.
    weight_decay : float
        Decoupled decay per unit of ``lr``; without effect to first order, since the norm is restored.
    **direction
        As in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range, a parameter that is not a matrix under the group's view or, at the first step,
        a matrix of norm zero without ``radius_rms``.

    Notes
    -----
    ``U = polar(G + mu M)`` with ``M <- mu M + G``; ``W' = W - eta R U / ||U||_F``; ``W <- R W' / ||W'||_F``. The radius
    ``R`` is part of the state, per matrix of a stack and per block of a split weight; the public code keeps none, and
    its norms drift by rounding. Its depth scaling of residual branches and the square-root gates of expert mixtures
    belong to the model.

    References
    ----------
    L. Ren et al., Rethinking Language Model Scaling under Transferable Hypersphere Optimization, arXiv:2603.28743.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    >>> optimizer = HyperP([weight], lr=0.1)
    >>> weight.grad = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    >>> optimizer.step()
    >>> round(float(weight.detach().norm()), 5)
    5.0
    """

    rules: ClassVar[Mapping[str, Rule]] = {"hyperp": HYPERP}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 6e-4,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "sum",
        radius_rms: float | None = None,
        weight_decay: float = 0.0,
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "hyperp",
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "radius_rms": radius_rms,
            "weight_decay": weight_decay,
            **direction,
        }
        super().__init__(params, defaults)


HYPERP_INFO = OptimizerInfo(
    name="hyperp",
    build=HyperP,
    rule=HYPERP,
    lr=6e-4,
    recipe=MappingProxyType({"weight_decay": 0.0}),
    reference="L. Ren et al., arXiv:2603.28743",
    state_bytes=4.0,
    claim="one learning rate transfers across scales; 1.58 times the compute efficiency of Muon at 6e21 FLOPs",
)
