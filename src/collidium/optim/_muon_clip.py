"""MuonClip: Muon with a bound on attention logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Unpack

from torch.optim.optimizer import ParamsT

from collidium.optim._apply import APPLY
from collidium.optim._decay import DECOUPLED_DECAY
from collidium.optim._direction import DIRECTION, DirectionOptions
from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._momentum import MOMENTUM
from collidium.optim._pipeline import Composition
from collidium.optim._qk_clip import QK_CLIP, AttentionLogits
from collidium.optim._shape_factor import SHAPE_FACTOR

MUON_CLIP = Composition(
    (MOMENTUM, DIRECTION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY, QK_CLIP),
    presets=MappingProxyType(
        {"momentum_form": "sum", "nesterov": False, "shape_factor": "match_rms", "weight_decay": 0.1}
    ),
)


class MuonClip(MatrixOptimizer):
    """Muon that scales down the query and key rows of heads whose logits exceed a threshold.

    Parameters
    ----------
    params : iterable
        As in `Muon`.
    lr : float
        Learning rate ``eta``.
    weight_decay, momentum, nesterov, momentum_form, shape_factor
        As in `Muon`.
    attention : sequence of AttentionLogits
        The attention layers. The model calls their ``report`` in every training pass with the largest logit of each
        head (`largest_logits`); a layer that does not report is not clipped. They are no part of the state dict.
    threshold : float
        ``tau``, the largest logit allowed.
    alpha : float
        Power of the clip factor for the queries; the keys take ``1 - alpha``.
    **direction
        As in `Muon`.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``M <- mu M + G``; ``W <- (1 - eta lam) W - eta 0.2 sqrt(max(m, n)) polar(M)``; then, for every head ``h`` with
    largest logit ``S_h`` since the last step, the rows of its query and key weights times ``g_h^alpha`` and
    ``g_h^(1 - alpha)``, ``g_h = min(1, tau / S_h)``. Where a key head serves several query heads it takes the smallest
    of their factors (our reading). Biases are scaled when they are given to `AttentionLogits`. Under a normalisation of
    queries and keys inside the model the clip has no effect.

    References
    ----------
    Kimi Team, Kimi K2: Open Agentic Intelligence, arXiv:2507.20534, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> query, key = (torch.nn.Parameter(torch.ones(2, 3)) for _ in range(2))
    >>> attention = AttentionLogits.of(query, key, num_heads=2)
    >>> optimizer = MuonClip([query, key], lr=1e-9, attention=[attention])
    >>> attention.report(torch.tensor([400.0, 99.0]))
    >>> query.grad, key.grad = torch.zeros(2, 3), torch.zeros(2, 3)
    >>> optimizer.step()
    >>> query.data
    tensor([[0.5000, 0.5000, 0.5000],
            [1.0000, 1.0000, 1.0000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"muon_clip": MUON_CLIP}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2e-4,
        *,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = False,
        momentum_form: Literal["ema", "sum"] = "sum",
        attention: Sequence[AttentionLogits] = (),
        threshold: float = 100.0,
        alpha: float = 0.5,
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "match_rms",
        **direction: Unpack[DirectionOptions],
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "muon_clip",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "attention": tuple(attention),
            "threshold": threshold,
            "alpha": alpha,
            "shape_factor": shape_factor,
            **direction,
        }
        super().__init__(params, defaults)


MUON_CLIP_INFO = OptimizerInfo(
    name="muon_clip",
    build=MuonClip,
    rule=MUON_CLIP,
    lr=2e-4,
    recipe=MappingProxyType({}),
    reference="Kimi Team, arXiv:2507.20534",
    state_bytes=4.0,
    claim="15.5T tokens without a loss spike",
)
