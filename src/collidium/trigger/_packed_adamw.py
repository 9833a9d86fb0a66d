"""AdamW of long tensors on the processor, each moved by one call into machine kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch

from collidium.optim import AdamW, NonFiniteGradientError


class PackedAdamW(AdamW):
    """AdamW for contiguous float32 tensors on the processor, with the options and the state of ``AdamW``.

    A step of the general one takes some twenty calls of Torch, longer than a small network needs for its gradients.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # no overloads
        """Move every tensor that has a gradient.

        Raises
        ------
        NonFiniteGradientError
            If any gradient is not finite; then nothing has changed.
        """
        from collidium.trigger import _adamw_kernel as kernel

        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moves = [
            (group, name, weight, weight.grad.numpy())
            for group in self.param_groups
            for name, weight in zip(group["param_names"], group["params"], strict=True)
            if weight.grad is not None
        ]
        bad = [name for _, name, _, gradient in moves if not kernel.is_finite(gradient)]
        if bad:
            raise NonFiniteGradientError(f"non-finite gradient in {', '.join(bad)}; nothing was changed")
        for group, _, weight, gradient in moves:
            state = self._state_of(self.rules["adamw"], weight, group)
            state["step"] += 1
            moments = state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
            rates = [float(rate) for rate in (group["lr"], *group["betas"], group["eps"], group["weight_decay"])]
            kernel.adamw(weight.detach().numpy(), gradient, *moments, int(state["step"]), *rates)
        return loss
