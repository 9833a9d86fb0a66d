"""Muon: momentum, orthogonalised."""

from __future__ import annotations

from collections.abc import Mapping
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
from collidium.optim._shape_factor import SHAPE_FACTOR

MUON = Composition((MOMENTUM, DIRECTION, SHAPE_FACTOR, DECOUPLED_DECAY, APPLY))


class Muon(MatrixOptimizer):
    """Momentum whose singular values are all set to about one.

    Parameters
    ----------
    params : iterable
        Matrices, named matrices or parameter groups. A group takes any option below, and ``view`` ("matrix",
        "stack" for (..., m, n), "flatten" for convolutions) and ``split_sizes`` (rows of the blocks of a fused
        weight). Embeddings, heads, gains and biases do not belong here: see `for_model`.
    lr : float
        Learning rate ``eta``, the scale of the step before the shape factor.
    weight_decay : float
        Decoupled decay ``lam`` per unit of ``lr``.
    momentum : float
        ``mu`` in [0, 1).
    nesterov : bool
        Look-ahead mix of gradient and momentum.
    momentum_form : {"ema", "sum"}
        Running average or running sum; the same step up to rounding, another buffer.
    direction : str
        ``"exact"`` or the name of a Newton-Schulz schedule in ``COEFFICIENTS``; ``"jordan"`` is that of the first
        publication.
    steps : int, optional
        Newton-Schulz steps; the published number of the schedule if not given.
    precision : {"auto", "bfloat16", "float32", "float64"}
        Precision of the iteration. ``"auto"`` depends on the shape and the device, and keeps float64 weights in
        float64.
    form : {"auto", "standard", "gram"}
        Form of the iteration; the same result up to rounding.
    shape_factor : {"none", "original", "spectral_mup", "match_rms"}
        See `shape_factor`. ``"match_rms"`` (Moonlight) lets learning rate and decay of AdamW carry over.
    eps : float
        Matrices with a smaller Frobenius norm are not scaled up to one.

    Raises
    ------
    ValueError
        On an option outside its range or a parameter that is not a matrix under the group's view.

    Notes
    -----
    ``M <- mu M + (1 - mu) G``; ``O = polar((1 - mu) G + mu M)``; ``W <- (1 - eta lam) W - eta f(m, n) O``.
    The buffer is float32 for half-precision weights.

    References
    ----------
    K. Jordan et al., Muon: an optimizer for hidden layers in neural networks (2024);
    J. Liu et al., Muon is Scalable for LLM Training, arXiv:2502.16982, section 2.

    Examples
    --------
    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 2))
    >>> optimizer = Muon([weight], lr=0.1, direction="exact")
    >>> weight.grad = torch.tensor([[5.0, 0.0], [0.0, 0.001]])
    >>> optimizer.step()
    >>> weight.data
    tensor([[-0.1000,  0.0000],
            [ 0.0000, -0.1000]])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"muon": MUON}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        nesterov: bool = True,
        momentum_form: Literal["ema", "sum"] = "ema",
        direction: str = "polar_express_5",
        steps: int | None = None,
        precision: Literal["auto", "bfloat16", "float32", "float64"] = "auto",
        form: Literal["auto", "standard", "gram"] = "auto",
        shape_factor: Literal["none", "original", "spectral_mup", "match_rms"] = "original",
        eps: float = 1e-7,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "muon",
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "momentum_form": momentum_form,
            "direction": direction,
            "steps": steps,
            "precision": precision,
            "form": form,
            "shape_factor": shape_factor,
            "eps": eps,
        }
        super().__init__(params, defaults)


MUON_INFO = OptimizerInfo(
    name="muon",
    build=Muon,
    rule=MUON,
    lr=0.02,
    recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
    reference="K. Jordan et al. (2024); J. Liu et al., arXiv:2502.16982",
    state_bytes=4.0,
    claim="about twice the compute efficiency of AdamW with decay and matched update RMS",
)
