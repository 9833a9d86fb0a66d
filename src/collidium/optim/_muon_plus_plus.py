"""Muon++: spectral conditions kept through training by the updates alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._spectral_condition import SPECTRAL_CONDITION, InputScale

MUON_PLUS_PLUS = Composition(
    (MOMENTUM, DIRECTION, SPECTRAL_CONDITION, DECOUPLED_DECAY, APPLY),
    presets=MappingProxyType({"direction": "polar_express", "steps": 8, "weight_decay": 0.1}),
)


class MuonPlusPlus(MatrixOptimizer):
    """Muon whose step has an RMS-to-RMS operator norm of at most ``lr``, in every step and at every width.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``; it bounds the weights.
    momentum, nesterov, momentum_form
        As in `Muon`.
    direction, steps, precision, form, eps
        As in `Muon`. Eight Polar Express steps put all singular values but the smallest at one; every map is divided
        by the largest singular value that it can put out, and by 1.02 for rounding unless the precision is float32 or
        float64.
    shape_factor : {"none", "original", "spectral_mup", "match_rms"}
        ``"spectral_mup"`` is the condition; the others are for comparison.
    inputs : sequence of InputScale
        Layers whose inputs are watched (`InputScale.watch`), the data-dependent form: where the RMS of the inputs
        exceeds its target, the step is divided by the ratio, so that the change of the outputs stays the learning
        rate. They are no part of the state dict; the running ratio is.
    input_decay : float
        Decay of the running ratio, in [0, 1).

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``W <- (1 - eta lam) W - eta sqrt(m/n) / max(1, q) O`` with ``||O||_2 <= 1``, hence
    ``||W_t||_2 <= (1 - eta lam)^t ||W_0||_2 + sqrt(m/n) / lam`` without any normalisation of the weights. The
    publication states that control of the updates alone keeps the spectral conditions, and announces a data-dependent
    form; its algorithm was not available to us, so the map, the decay and the form of ``q`` are our reading.

    References
    ----------
    J. Zhao, Towards a Principled Muon under muP: Ensuring Spectral Conditions throughout Training, arXiv:2601.01306.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 8))
    >>> optimizer = MuonPlusPlus([weight], lr=0.1)
    >>> weight.grad = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    >>> optimizer.step()
    >>> torch.linalg.svdvals(weight.detach()).mul(10).round(decimals=3)
    tensor([0.4900, 0.4900])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"muon_plus_plus": MUON_PLUS_PLUS}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        direction: str = "polar_express",
        steps: int | None = 8,
        precision: Literal["auto", "bfloat16", "float32", "float64"] = "auto",
        form: Literal["auto", "standard", "gram"] = "auto",
        eps: float = 1e-7,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "spectral_mup",
        inputs: Sequence[InputScale] = (),
        input_decay: float = 0.9,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "muon_plus_plus",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "direction": direction,
            "steps": steps,
            "precision": precision,
            "form": form,
            "eps": eps,
            "shape_factor": shape_factor,
            "inputs": tuple(inputs),
            "input_decay": input_decay,
        }
        super().__init__(params, defaults)


MUON_PLUS_PLUS_INFO = OptimizerInfo(
    name="muon_plus_plus",
    build=MuonPlusPlus,
    rule=MUON_PLUS_PLUS,
    lr=0.02,
    recipe=MappingProxyType({}),
    reference="J. Zhao, arXiv:2601.01306",
    state_bytes=4.0,
    claim="spectral conditions of muP through the whole training without normalising weights",
)
