"""Steps that a parameter has taken, for rules that depend on it."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._pipeline import Options


def new_step_count(weight: Tensor, options: Options) -> dict[str, Tensor]:
    """State of a slot that counts; kept on the CPU, where reading it waits for no device."""
    return {"step": torch.zeros((), dtype=torch.int64)}


def count_step(state: dict[str, Tensor]) -> int:
    """Advance the counter and read it.

    Examples
    --------
    >>> state = {"step": torch.tensor(2)}
    >>> count_step(state)
    3
    """
    step = int(state["step"]) + 1
    state["step"].fill_(step)
    return step
