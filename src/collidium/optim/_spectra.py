"""SPECTRA: spectral clipping around AdamW, Signum, AdEMAMix and Muon."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._adam_moments import ADAM_MOMENTS
from collidium.optim._ademamix import TWO_AVERAGES
from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION
from collidium.optim._elementwise import IDENTITY, SIGN
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR
from collidium.optim._signum import AVERAGE
from collidium.optim._spectral_clip import POST_CLIP, POST_CLIP_OF_STEP, PRE_CLIP, ClipOptions

DECAY = {"weight_decay": 0.1}
SPECTRA_ADAMW = Composition(
    (PRE_CLIP, ADAM_MOMENTS, IDENTITY, POST_CLIP, DECOUPLED_DECAY, APPLY),
    presets=MappingProxyType({"betas": (0.8, 0.999), **DECAY}),
)
SPECTRA_SIGNUM = Composition(
    (PRE_CLIP, AVERAGE, SIGN, POST_CLIP, DECOUPLED_DECAY, APPLY), presets=MappingProxyType(DECAY)
)
SPECTRA_ADEMAMIX = Composition(
    (PRE_CLIP, TWO_AVERAGES, IDENTITY, POST_CLIP, DECOUPLED_DECAY, APPLY), presets=MappingProxyType(DECAY)
)
SPECTRA_MUON = Composition(
    (PRE_CLIP, MOMENTUM, DIRECTION, SHAPE_FACTOR, POST_CLIP_OF_STEP, DECOUPLED_DECAY, APPLY),
    presets=MappingProxyType({"shape_factor": "match_rms", **DECAY}),
)


class SpectraAdamW(MatrixOptimizer):
    """AdamW whose updates have bounded singular values.

    Parameters
    ----------
    params : iterable
        As in `Muon`: matrices under the group's view.
    lr : float
        Learning rate ``eta``.
    betas, eps
        As in `AdamW`.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    clip : float
        Bound ``c`` of the singular values of the update, 10 by default (5 in the publication's 160M recipe). It is an
        option of the parameter group: the publication holds ``c eta`` constant during warm-up, which a schedule of
        ``clip`` next to that of ``lr`` does.
    clip_map : {"soft", "hard"}
        `soft_spectral_clip` or `hard_spectral_clip`.
    pre_clip : float, optional
        Bound of the singular values of the gradient (0.1 in the publication); none if not given.
    scale : float
        Factor ``alpha`` on the clipped update.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    With the update ``U`` of the base rule, ``W <- (1 - eta lam) W - alpha eta H_c(U)`` and
    ``H_c(U) = (I + U U^T / c^2)^(-1/2) U``, per matrix of a stack and per block of a split weight. Hence
    ``||W||_2 <= (1 - eta lam)^t ||W_0||_2 + alpha c / lam``. The public code also clips vectors, with a jump at the
    threshold; vectors go to plain AdamW here (`for_model`).

    References
    ----------
    X. Jiang et al., Enhancing LLM Training via Spectral Clipping, arXiv:2603.14315.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(30, 30))
    >>> optimizer = SpectraAdamW([weight], lr=1.0, clip=2.0, weight_decay=0.0)
    >>> weight.grad = torch.ones(30, 30)
    >>> optimizer.step()
    >>> round(float(torch.linalg.matrix_norm(weight.detach(), 2)), 3)
    1.996
    """

    rules: ClassVar[Mapping[str, Rule]] = {"spectra_adamw": SPECTRA_ADAMW}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2e-3,
        *,
        betas: tuple[float, float] = (0.8, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        **clips: Unpack[ClipOptions],
    ) -> None:
        base: dict[str, Any] = {"rule": "spectra_adamw", "lr": lr, "betas": betas, "eps": eps}
        super().__init__(params, {**base, "weight_decay": weight_decay, **clips})


class SpectraSignum(MatrixOptimizer):
    """Signum whose updates have bounded singular values; the sign of a matrix has one of at least ``sqrt(max(m, n))``.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    momentum, weight_decay
        As in `Signum`.
    clip, clip_map, pre_clip, scale
        As in `SpectraAdamW`.

    References
    ----------
    X. Jiang et al., Enhancing LLM Training via Spectral Clipping, arXiv:2603.14315.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = SpectraSignum([weight], lr=1.0, clip=2.0, weight_decay=0.0)
    >>> weight.grad = torch.ones(2, 2)
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.7071, -0.7071],
            [-0.7071, -0.7071]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"spectra_signum": SPECTRA_SIGNUM}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.1,
        **clips: Unpack[ClipOptions],
    ) -> None:
        base: dict[str, Any] = {"rule": "spectra_signum", "lr": lr, "momentum": momentum}
        super().__init__(params, {**base, "weight_decay": weight_decay, **clips})


class SpectraAdEMAMix(MatrixOptimizer):
    """AdEMAMix whose updates have bounded singular values.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    betas, alpha, warmup, eps, weight_decay
        As in `AdEMAMix`.
    clip, clip_map, pre_clip, scale
        As in `SpectraAdamW`.

    References
    ----------
    X. Jiang et al., Enhancing LLM Training via Spectral Clipping, arXiv:2603.14315.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(9, 9))
    >>> optimizer = SpectraAdEMAMix([weight], lr=1.0, clip=2.0, weight_decay=0.0)
    >>> weight.grad = torch.ones(9, 9)
    >>> optimizer.step()
    >>> bool(torch.linalg.matrix_norm(weight.detach(), 2) < 2.0)
    True
    """

    rules: ClassVar[Mapping[str, Rule]] = {"spectra_ademamix": SPECTRA_ADEMAMIX}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        alpha: float = 5.0,
        warmup: int = 0,
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        **clips: Unpack[ClipOptions],
    ) -> None:
        base: dict[str, Any] = {"rule": "spectra_ademamix", "lr": lr, "betas": betas, "alpha": alpha, "warmup": warmup}
        super().__init__(params, {**base, "eps": eps, "weight_decay": weight_decay, **clips})


class SpectraMuon(MatrixOptimizer):
    """Muon whose step, shape factor included, has bounded singular values.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay, momentum, nesterov, momentum_form, direction, shape_factor
        As in `Muon`.
    clip, clip_map, pre_clip, scale
        As in `SpectraAdamW`.

    Notes
    -----
    The publication wraps elementwise rules. Muon's own singular values are about one; what is clipped here is the step
    with its shape factor, ``H_c(f(m, n) O)``, which matters where ``match_rms`` makes it long (``0.2 sqrt(max(m, n))``
    reaches 10 at 2,500). With ``pre_clip`` it is Muon on clipped gradients. This wrapper is our reading.

    References
    ----------
    X. Jiang et al., Enhancing LLM Training via Spectral Clipping, arXiv:2603.14315.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = SpectraMuon([weight], lr=1.0, clip=1.0, shape_factor="none", direction="exact", weight_decay=0.0)
    >>> weight.grad = torch.eye(2)
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.7071,  0.0000],
            [ 0.0000, -0.7071]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"spectra_muon": SPECTRA_MUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        direction: str = "polar_express_5",
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **clips: Unpack[ClipOptions],
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "spectra_muon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "direction": direction,
            "shape_factor": shape_factor,
            **clips,
        }
        super().__init__(params, defaults)


REFERENCE = "X. Jiang et al., arXiv:2603.14315"
CLAIM = "uniformly better validation loss than the wrapped rule, and smaller weight norms"
SPECTRA_ADAMW_INFO = OptimizerInfo(
    name="spectra_adamw",
    build=SpectraAdamW,
    rule=SPECTRA_ADAMW,
    lr=2e-3,
    recipe=MappingProxyType({}),
    reference=REFERENCE,
    state_bytes=8.0,
    claim=CLAIM,
)
SPECTRA_SIGNUM_INFO = OptimizerInfo(
    name="spectra_signum",
    build=SpectraSignum,
    rule=SPECTRA_SIGNUM,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference=REFERENCE,
    state_bytes=4.0,
    claim=CLAIM,
)
SPECTRA_ADEMAMIX_INFO = OptimizerInfo(
    name="spectra_ademamix",
    build=SpectraAdEMAMix,
    rule=SPECTRA_ADEMAMIX,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference=REFERENCE,
    state_bytes=12.0,
    claim=CLAIM,
)
SPECTRA_MUON_INFO = OptimizerInfo(
    name="spectra_muon",
    build=SpectraMuon,
    rule=SPECTRA_MUON,
    lr=1e-3,
    recipe=MappingProxyType({}),
    reference=REFERENCE,
    state_bytes=4.0,
    claim=CLAIM + "; the publication does not wrap Muon",
)
