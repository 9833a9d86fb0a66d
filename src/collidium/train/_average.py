"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def average_decay(step: int, decay: float) -> float:
    """Decay of the average in one step.

    Parameters
    ----------
    step : int
        Steps done before this one.
    decay : float, 1
        The final decay, e.g. 0.999.

    Returns
    -------
    float, 1
        ``min(decay, (1 + step) / (10 + step))``: the memory grows with the age of the run, so that the random initial
        weights are forgotten at once.

    Examples
    --------
    >>> average_decay(0, 0.999), average_decay(10**6, 0.999)
    (0.1, 0.999)
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], *, step: int, decay: float) -> None:
    """Move an average towards the current weights, in place.

    Parameters
    ----------
    average : mapping of str to Tensor
        The averaged weights; changed.
    weights : mapping of str to Tensor
        The current weights, the same names and shapes. Tensors that are not floating point are copied.
    step : int
        Steps done before this one.
    decay : float, 1
        As in :func:`average_decay`.

    Notes
    -----
    ``average <- d average + (1 - d) weights`` with d of :func:`average_decay`.

    Examples
    --------
    >>> average = {"a": torch.tensor([1.0])}
    >>> update_average(average, {"a": torch.tensor([2.0])}, step=0, decay=0.9)
    >>> average["a"].tolist()
    [1.899999976158142]
    """
    share = 1 - average_decay(step, decay)
    floating = [name for name, value in average.items() if value.is_floating_point()]
    if floating:
        torch._foreach_lerp_([average[name] for name in floating], [weights[name] for name in floating], share)
    for name in average.keys() - set(floating):
        average[name].copy_(weights[name])
