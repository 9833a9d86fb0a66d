"""AuON and Hybrid-AuON: normalised momentum, without and after a Newton-Schulz step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._cosh_scale import COSH_DIRECTION, COSH_SCALE
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR

AUON = Composition(
    (MOMENTUM, COSH_DIRECTION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"shape_factor": "none"}),
)
HYBRID_AUON = Composition(
    (MOMENTUM, DIRECTION, COSH_SCALE, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY),
    MappingProxyType({"shape_factor": "none", "direction": "jordan", "steps": 1}),
)


class AuON(MatrixOptimizer):
    """Momentum divided by its Frobenius norm and by the root mean square of its hyperbolic cosines.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum, nesterov, momentum_form
        As in `Muon`.
    scaling : {"paper", "code"}
        Whether the normalised momentum is the step, as in the paper, or the momentum as it comes, as in the authors'
        code; then the momentum form matters.
    gamma : float, optional
        Factor in the argument of the hyperbolic cosine; 1 for the paper and 1.5 for the code if not given.
    norm_eps : float
        Added to the Frobenius norm, in gradient units.
    shape_factor : str
        As in `Muon`, and ``"match_rms_frobenius"``, with which the RMS of the step is AdamW's.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``X = u / (||u||_F + eps)`` with the momentum mix ``u``; ``rho = sqrt(mean(cosh(gamma X)^2))``;
    ``W <- (1 - eta lam) W - eta X / rho`` (paper) or ``... - eta u / rho`` (code).
    The entries of ``X`` are tiny, so ``rho`` is one to five digits for matrices of some size: the paper's form is
    normalised momentum descent, the code's form plain momentum descent.

    References
    ----------
    AuON: A Linear-time Alternative to Orthogonal Momentum Updates, arXiv:2509.24320.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = AuON([weight], lr=1.0)
    >>> weight.grad = torch.tensor([[300.0, 0.0], [0.0, -400.0]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.5265,  0.0000],
            [ 0.0000,  0.7020]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"auon": AUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.24,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        scaling: Literal["paper", "code"] = "paper",
        gamma: float | None = None,
        norm_eps: float = 1e-7,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms", "match_rms_frobenius"] = "none",
    ) -> None:
        defaults = {
            "rule": "auon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "scaling": scaling,
            "gamma": gamma,
            "norm_eps": norm_eps,
            "shape_factor": shape_factor,
        }
        super().__init__(params, defaults)


class HybridAuON(MatrixOptimizer):
    """`AuON` after Newton-Schulz steps.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr, weight_decay, momentum, nesterov, momentum_form, scaling, gamma, norm_eps, shape_factor
        As in `AuON`.
    direction : str
        ``"exact"`` or the name of a Newton-Schulz schedule.
    steps : int, optional
        Newton-Schulz steps: one in the paper, five in the authors' code.
    **options
        ``precision``, ``form`` and ``eps`` as in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    `AuON` with ``polar(u)``, to the accuracy of the steps, in the place of ``u``.

    References
    ----------
    AuON: A Linear-time Alternative to Orthogonal Momentum Updates, arXiv:2509.24320.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = HybridAuON([weight], lr=1.0, direction="exact")
    >>> weight.grad = torch.tensor([[300.0, 0.0], [0.0, -400.0]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.6215,  0.0000],
            [ 0.0000,  0.6215]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"hybrid_auon": HYBRID_AUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.24,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        scaling: Literal["paper", "code"] = "paper",
        gamma: float | None = None,
        norm_eps: float = 1e-7,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms", "match_rms_frobenius"] = "none",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults = {
            "rule": "hybrid_auon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "scaling": scaling,
            "gamma": gamma,
            "norm_eps": norm_eps,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


RECIPE = MappingProxyType({"shape_factor": "match_rms_frobenius", "weight_decay": 0.1})
AUON_INFO = OptimizerInfo(
    name="auon",
    build=AuON,
    rule=AUON,
    lr=0.24,
    recipe=RECIPE,
    reference="AuON, arXiv:2509.24320",
    state_bytes=4.0,
    claim="linear time, comparable to AdamW and Muon",
)
HYBRID_AUON_INFO = OptimizerInfo(
    name="hybrid_auon",
    build=HybridAuON,
    rule=HYBRID_AUON,
    lr=0.24,
    recipe=RECIPE,
    reference="AuON, arXiv:2509.24320",
    state_bytes=4.0,
    claim="close to Muon with fewer products of matrices",
)
