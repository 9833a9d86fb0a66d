"""AdamW of long tensors on the processor, each moved by one call into machine code."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

from collidium.optim import AdamW, AdamWRule, ParameterStep, Rule


class _PackedRule(AdamWRule):
    """The same rule; Torch takes some ten calls for it, longer than a small network needs for its gradients."""

    def advance(self, steps: Sequence[ParameterStep], options: MutableMapping[str, Any]) -> None:
        """Move contiguous float32 tensors on the processor by one step."""
        from collidium.trigger import _adamw_kernel as kernel

        lr, eps, decay = (float(options[name]) for name in ("lr", "eps", "weight_decay"))
        beta1, beta2 = (float(beta) for beta in options["betas"])
        for step in steps:
            state = step.state
            state["step"].add_(1)
            weight, gradient = step.weight.detach().numpy(), step.gradient.numpy()
            first, second = state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
            kernel.adamw(weight, gradient, first, second, int(state["step"]), lr, beta1, beta2, eps, decay)


class PackedAdamW(AdamW):
    """AdamW for contiguous float32 tensors on the processor; options, errors and state are those of ``AdamW``."""

    rules: ClassVar[Mapping[str, Rule]] = {"adamw": _PackedRule()}
