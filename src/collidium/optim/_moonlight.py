"""Muon under the two published scalings of its step: by update RMS (Moonlight) and by operator norm (muP)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._direction import DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._muon import MUON
from collidium.optim._pipeline import Composition

MOONLIGHT = Composition(MUON.slots, MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}))
MUON_MUP = Composition(MUON.slots, MappingProxyType({"shape_factor": "spectral_mup"}))


class Moonlight(MatrixOptimizer):
    """Muon with decay and with AdamW's update RMS, so that AdamW's learning rate and decay carry over.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``; that of AdamW for the same model.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, momentum_form
        As in `Muon`.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    `Muon` with ``shape_factor="match_rms"``: ``W <- (1 - eta lam) W - 0.2 eta sqrt(max(m, n)) polar(u)``. A direction
    of full rank has an RMS of ``1 / sqrt(max(m, n))``, so the RMS of the step is ``0.2 eta``.

    References
    ----------
    J. Liu et al., Muon is Scalable for LLM Training, arXiv:2502.16982, section 2.2.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 4))
    >>> optimizer = Moonlight([weight], lr=0.1, direction="exact")
    >>> weight.grad = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    >>> optimizer.step()
    >>> weight.detach().square().mean().sqrt()
    tensor(0.0200)
    """

    rules: ClassVar[Mapping[str, Rule]] = {"moonlight": MOONLIGHT}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "moonlight",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            **direction,
        }
        super().__init__(params, defaults)


class MuonMuP(MatrixOptimizer):
    """Muon whose step has the same RMS-to-RMS operator norm at every width, so that the learning rate transfers.

    Parameters
    ----------
    params : iterable
        As in `Muon`. Hidden weights should start with a spectral norm of order ``sqrt(m / n)``.
    lr : float
        Learning rate ``eta``: the operator norm of a step, for all widths.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, momentum_form
        As in `Muon`.
    **direction
        ``direction``, ``steps``, ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    `Muon` with ``shape_factor="spectral_mup"``: ``W <- (1 - eta lam) W - eta sqrt(m / n) polar(u)``. With
    ``||x||_rms = ||x||_2 / sqrt(n)`` the operator norm of the step is ``eta``. `telescoping_sweep` searches the
    learning rate over widths. The factor is a reading: the paper was not at hand, only its summary and the spectral
    condition that it builds on.

    References
    ----------
    Essential AI, Practical Efficiency of Muon for Pretraining, arXiv:2505.02222;
    G. Yang et al., A Spectral Condition for Feature Learning, arXiv:2310.17813.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(8, 2))
    >>> optimizer = MuonMuP([weight], lr=0.1, direction="exact")
    >>> weight.grad = torch.eye(8)[:, :2]
    >>> optimizer.step()
    >>> torch.linalg.matrix_norm(weight.detach(), 2)
    tensor(0.2000)
    """

    rules: ClassVar[Mapping[str, Rule]] = {"muon_mup": MUON_MUP}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "muon_mup",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            **direction,
        }
        super().__init__(params, defaults)


MOONLIGHT_INFO = OptimizerInfo(
    name="moonlight",
    build=Moonlight,
    rule=MOONLIGHT,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference="J. Liu et al., arXiv:2502.16982",
    state_bytes=4.0,
    claim="about twice the compute efficiency of AdamW, with AdamW's learning rate and decay",
)
MUON_MUP_INFO = OptimizerInfo(
    name="muon_mup",
    build=MuonMuP,
    rule=MUON_MUP,
    lr=0.02,
    recipe=MappingProxyType({"weight_decay": 0.1}),
    reference="Essential AI, arXiv:2505.02222; G. Yang et al., arXiv:2310.17813",
    state_bytes=4.0,
    claim="data efficiency beyond the critical batch size; the learning rate transfers over widths",
)
