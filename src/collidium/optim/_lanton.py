"""LANTON: Muon with noise-adaptive learning rates per layer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._noise_rate import NOISE_RATE
from collidium.optim._pipeline import Composition
from collidium.optim._shape_factor import SHAPE_FACTOR

LANTON = Composition((MOMENTUM, DIRECTION, NOISE_RATE, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY))


class Lanton(MatrixOptimizer):
    """Muon that slows down layers with noisy gradients, relative to the quietest layer of the group.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta`` of the quietest layer.
    weight_decay, momentum, nesterov, momentum_form, shape_factor
        As in `Muon`; decay uses ``eta``.
    noise_decay : float
        ``b2`` of the running mean of the squared noise, in [0, 1).
    noise_scale : float
        ``a``, in units of the dual norm of the gradient: noise far below it slows nothing down.
    noise_norm : {"nuclear", "frobenius"}
        ``"frobenius"`` takes an upper bound and saves the second polar map.
    **direction
        As in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    Per layer (parameter, slice of a stack, block of a split weight), with the dual norm
    ``||D||_* = sqrt(m/n) sum_i s_i`` of the RMS-to-RMS operator norm:
    ``H <- b2 H + (1 - b2) ||G_t - G_(t-1)||_*^2``, ``a_l = a / sqrt(a^2 + H_l)``,
    ``eta_l = eta sqrt(a_l / max_j a_j)``. The first step has no difference and leaves ``H`` at zero. That noise is
    measured in the dual norm, averaged, and compared within a group is published; the formulas, ``a``, ``b2`` and the
    use of consecutive gradients are our reading. Embeddings and heads, which the publication moves in another norm, go
    to AdamW here.

    References
    ----------
    J. Hao et al., Noise-Adaptive Layerwise Learning Rates: Accelerating Geometry-Aware Optimization for Deep Neural
    Network Training, arXiv:2510.14009.

    Examples
    --------
    >>> import torch
    >>> quiet, noisy = (torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(2))
    >>> optimizer = Lanton([quiet, noisy], lr=0.1)
    >>> for sign in (1.0, -1.0, 1.0):
    ...     quiet.grad, noisy.grad = torch.eye(2), (1.0 + 0.5 * sign) * torch.eye(2)
    ...     optimizer.step()
    >>> bool(noisy.detach().norm() < quiet.detach().norm())
    True
    """

    rules: ClassVar[Mapping[str, Rule]] = {"lanton": LANTON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        noise_decay: float = 0.9,
        noise_scale: float = 1e-2,
        noise_norm: Literal["nuclear", "frobenius"] = "nuclear",
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "original",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "lanton",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "noise_decay": noise_decay,
            "noise_scale": noise_scale,
            "noise_norm": noise_norm,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


LANTON_INFO = OptimizerInfo(
    name="lanton",
    build=Lanton,
    rule=LANTON,
    lr=0.02,
    recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
    reference="J. Hao et al., arXiv:2510.14009",
    state_bytes=8.0,
    claim="about 1.5 times faster than Muon on transformers at 4 % more time per step",
)
