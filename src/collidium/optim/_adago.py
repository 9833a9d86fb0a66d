"""AdaGO: AdaGrad step sizes for orthogonal directions."""

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
from collidium.optim._step_size import ADAGRAD_NORM

ADAGO = Composition(
    (MOMENTUM, DIRECTION, ADAGRAD_NORM, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"nesterov": False, "shape_factor": "none"}),
)


class AdaGO(MatrixOptimizer):
    """Muon's direction with a step that shrinks with the accumulated squared gradient norm of the matrix.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``; none is published.
    momentum, nesterov, shape_factor
        As in `Muon`; published without look-ahead and without a factor.
    gradient_cap : float
        ``gamma``: larger gradient norms count as this, in gradient units.
    floor : float
        Smallest step relative to ``lr``, in [0, 1].
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``acc <- acc + min(||G||_F, gamma)^2`` from ``acc_0 = 1e-6``;
    ``alpha = eta max(floor, min(||G||_F, gamma) / sqrt(acc))``; ``W <- W - alpha polar(M)``. The norm is that of the
    raw gradient, per matrix. The paper's floor is an absolute ``eps = 5e-4`` at ``eta = 5e-2``; relative to ``eta`` it
    is the same number and a learning rate schedule still reaches every step. One public implementation divides by
    the accumulator instead of its root, so that its steps fall as ``1/t``.

    References
    ----------
    M. Zhang, Y. Liu and H. Schaeffer, AdaGrad Meets Muon: Adaptive Stepsizes for Orthogonal Updates,
    arXiv:2509.02981.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(1, 1))
    >>> optimizer = AdaGO([weight], lr=0.1, direction="exact")
    >>> for _ in range(4):
    ...     before = weight.item()
    ...     weight.grad = torch.full((1, 1), 2.0)
    ...     optimizer.step()
    ...     print(f"{before - weight.item():.4f}")
    0.1000
    0.0707
    0.0577
    0.0500
    """

    rules: ClassVar[Mapping[str, Rule]] = {"adago": ADAGO}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 5e-2,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = False,
        gradient_cap: float = 10.0,
        floor: float = 0.01,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "none",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "adago",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "gradient_cap": gradient_cap,
            "floor": floor,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


ADAGO_INFO = OptimizerInfo(
    name="adago",
    build=AdaGO,
    rule=ADAGO,
    lr=5e-2,
    recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
    reference="M. Zhang, Y. Liu and H. Schaeffer, arXiv:2509.02981",
    state_bytes=4.0 + 4.0 / 256**2,
    claim="better than Muon and Adam on CIFAR-10 and function regression, at optimal rates",
)
