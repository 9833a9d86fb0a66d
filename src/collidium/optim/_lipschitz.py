"""Training with enforced Lipschitz constants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._adam_moments import ADAM_MOMENTS
from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._elementwise import IDENTITY
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR
from collidium.optim._spectral_cap import SPECTRAL_CAP

Cap = Literal["spectral_normalize", "soft_cap", "hard_cap", "spectral_hammer", "spectral_weight_decay"]

LIPSCHITZ_MUON = Composition(
    (MOMENTUM, DIRECTION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY, SPECTRAL_CAP),
    presets=MappingProxyType({"shape_factor": "spectral_mup"}),
)
LIPSCHITZ_ADAMW = Composition(
    (ADAM_MOMENTS, IDENTITY, DECOUPLED_DECAY, APPLY, SPECTRAL_CAP),
    presets=MappingProxyType({"cap": "spectral_hammer"}),
)


class LipschitzMuon(MatrixOptimizer):
    """Muon whose weights keep an RMS-to-RMS operator norm of at most ``max_norm``.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``; with the shape factor ``spectral_mup`` the operator norm of the step.
    weight_decay, momentum, nesterov, momentum_form, shape_factor
        As in `Muon`.
    cap : {"soft_cap", "hard_cap", "spectral_normalize", "spectral_hammer", "spectral_weight_decay"}
        What follows every step. ``soft_cap`` undoes the worst growth that one step can bring; ``hard_cap`` is
        ``min(s, limit)`` by an eigendecomposition; ``spectral_normalize`` scales the whole matrix;
        ``spectral_hammer`` sets the largest singular value alone, ``spectral_weight_decay`` shrinks it: these two
        promise no bound.
    max_norm : float
        Largest ``||W||_2 sqrt(n / m)`` of an ``m x n`` weight. Weights beyond it are brought back by the first step.
    spectral_decay : float
        Strength of ``spectral_weight_decay`` per unit of ``lr``.
    **direction
        As in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    The soft cap composes ``s - a s^3`` and ``s + a s^3``; ``a`` follows from ``w_max``, the decay and the largest
    singular value that the direction map can put out, so it needs a bounded update. The publication takes 16 power
    iterations for the largest singular value and four fitted quintics for the hard cap; here squared Gram matrices and
    an eigendecomposition do it. Its embeddings with normalised columns belong to the model. `lipschitz_certificate`
    computes the bound of a trained network.

    References
    ----------
    L. Newhouse et al., Training Transformers with Enforced Lipschitz Constants, arXiv:2507.13338.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.eye(3))
    >>> optimizer = LipschitzMuon([weight], lr=0.1)
    >>> for _ in range(3):
    ...     weight.grad = -torch.eye(3)
    ...     optimizer.step()
    >>> bool(torch.linalg.matrix_norm(weight.detach(), 2) <= 1.0 + 1e-6)
    True
    """

    rules: ClassVar[Mapping[str, Rule]] = {"lipschitz_muon": LIPSCHITZ_MUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "spectral_mup",
        cap: Cap = "soft_cap",
        max_norm: float = 1.0,
        spectral_decay: float = 0.1,
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "lipschitz_muon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "shape_factor": shape_factor,
            "cap": cap,
            "max_norm": max_norm,
            "spectral_decay": spectral_decay,
            **direction,
        }
        super().__init__(params, defaults)


class LipschitzAdamW(MatrixOptimizer):
    """AdamW on matrices, followed by a cap of their spectral norm.

    Parameters
    ----------
    params : iterable
        As in `Muon`: matrices under the group's view.
    lr : float
        Learning rate ``eta``.
    betas, eps, weight_decay
        As in `AdamW`.
    cap, max_norm, spectral_decay
        As in `LipschitzMuon`; ``soft_cap`` is refused, since the update is not bounded.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    References
    ----------
    L. Newhouse et al., Training Transformers with Enforced Lipschitz Constants, arXiv:2507.13338.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    >>> optimizer = LipschitzAdamW([weight], lr=1e-6)
    >>> weight.grad = torch.ones(2, 2)
    >>> optimizer.step()
    >>> torch.linalg.svdvals(weight.detach()).round(decimals=4)
    tensor([1.0000, 0.5000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"lipschitz_adamw": LIPSCHITZ_ADAMW}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        cap: Cap = "spectral_hammer",
        max_norm: float = 1.0,
        spectral_decay: float = 0.1,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "lipschitz_adamw",
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "cap": cap,
            "max_norm": max_norm,
            "spectral_decay": spectral_decay,
        }
        super().__init__(params, defaults)


REFERENCE = "L. Newhouse et al., arXiv:2507.13338"
LIPSCHITZ_MUON_INFO = OptimizerInfo(
    name="lipschitz_muon",
    build=LipschitzMuon,
    rule=LIPSCHITZ_MUON,
    lr=0.02,
    recipe=MappingProxyType({"weight_decay": 0.0}),
    reference=REFERENCE,
    state_bytes=4.0,
    claim="60 % accuracy on Shakespeare at a bound of 2, 21 % on web text at 145M parameters and a bound of 10",
)
LIPSCHITZ_ADAMW_INFO = OptimizerInfo(
    name="lipschitz_adamw",
    build=LipschitzAdamW,
    rule=LIPSCHITZ_ADAMW,
    lr=1e-3,
    recipe=MappingProxyType({"weight_decay": 0.0}),
    reference=REFERENCE,
    state_bytes=8.0,
    claim="the same bounds as with Muon cost AdamW more performance",
)
