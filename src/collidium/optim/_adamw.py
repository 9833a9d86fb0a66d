"""AdamW: the elementwise rule for everything that is not a hidden matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.optimizer import ParamsT

from collidium.optim._info import OptimizerInfo
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._pipeline import Options, ParameterStep, require


class AdamWRule:
    """AdamW on the kernels of torch, fused where the memory layouts allow it.

    Examples
    --------
    >>> sorted(AdamWRule().defaults)
    ['betas', 'eps', 'weight_decay']
    """

    @property
    def defaults(self) -> dict[str, object]:
        """Published options."""
        return {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}

    def check(self, options: Options) -> None:
        """Raise ValueError on an option outside its range."""
        in_range = len(options["betas"]) == 2 and all(0.0 <= beta < 1.0 for beta in options["betas"])
        require(options, "betas", in_range, "a pair of numbers in [0, 1)")
        require(options, "eps", options["eps"] > 0.0, "a number > 0")
        require(options, "weight_decay", options["weight_decay"] >= 0.0, "a number >= 0")

    def check_parameter(self, name: str, weight: Tensor, options: Options) -> None:
        """Accept any shape."""

    def initial_state(self, weight: Tensor, options: Options) -> dict[str, Tensor]:
        """Both moments, and the step counter that bias correction needs for each parameter."""
        return {
            "step": torch.zeros((), dtype=torch.float32, device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }

    def advance(self, steps: Sequence[ParameterStep], options: Options) -> None:
        """Move the parameters of one group by one step."""
        fused = [step for step in steps if _is_fusible(step)]
        plain = [step for step in steps if not _is_fusible(step)]
        for part, is_fused in ((fused, True), (plain, False)):
            if part:
                _advance(part, options, is_fused)

    def describe(self) -> tuple[str, ...]:
        """One line per filled slot."""
        return (
            "2 momentum: EMA with bias correction",
            "4 direction map: elementwise division by the root of the second moment",
            "8 decay or constraint: decoupled decay",
            "9 apply and hooks: W - step",
        )


ADAMW = AdamWRule()


class AdamW(MatrixOptimizer):
    """AdamW behind the interface of the family.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups.
    lr : float
        Learning rate.
    betas : (float, float)
        Decay of the first and of the second moment, in [0, 1).
    eps : float
        Added to the root of the second moment, in gradient units.
    weight_decay : float
        Decoupled decay.

    Raises
    ------
    ValueError
        On an option outside its range.

    References
    ----------
    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, arXiv:1711.05101, Algorithm 2.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    >>> optimizer = AdamW([weight], lr=0.1, weight_decay=0.0)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.data
    tensor([ 0.9000, -0.9000])
    """

    rules: ClassVar[Mapping[str, Rule]] = {"adamw": ADAMW}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        defaults: dict[str, Any] = {
            "rule": "adamw",
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)


ADAMW_INFO = OptimizerInfo(
    name="adamw",
    build=AdamW,
    rule=ADAMW,
    lr=1e-3,
    recipe=MappingProxyType({"betas": (0.9, 0.95), "weight_decay": 0.1}),
    reference="I. Loshchilov and F. Hutter, arXiv:1711.05101",
    state_bytes=8.0,
    claim="decay decoupled from the gradient generalises better than L2 regularisation under Adam",
)


def _is_fusible(step: ParameterStep) -> bool:
    """Whether weight, gradient and moments lie alike in memory; the fused kernels walk through them side by side."""
    weight, gradient = step.weight, step.gradient
    return (
        weight.is_contiguous()
        and gradient.is_contiguous()
        and step.state["exp_avg"].is_contiguous()
        and step.state["exp_avg_sq"].is_contiguous()
        and gradient.dtype == weight.dtype
        and weight.device.type in ("cpu", "cuda")
    )


def _advance(steps: Sequence[ParameterStep], options: Options, is_fused: bool) -> None:
    beta1, beta2 = options["betas"]
    adamw(
        [step.weight for step in steps],
        [step.gradient for step in steps],
        [step.state["exp_avg"] for step in steps],
        [step.state["exp_avg_sq"] for step in steps],
        [],
        [step.state["step"] for step in steps],
        foreach=False if is_fused else None,
        fused=is_fused,
        amsgrad=False,
        beta1=float(beta1),
        beta2=float(beta2),
        lr=float(options["lr"]),
        weight_decay=float(options["weight_decay"]),
        eps=float(options["eps"]),
        maximize=False,
    )
