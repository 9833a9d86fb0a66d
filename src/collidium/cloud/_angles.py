"""Angles on the circle."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def delta_phi(a: Tensor, b: Tensor) -> Tensor:
    """Difference of two azimuths, wrapped into [-pi, pi).

    Parameters
    ----------
    a, b : Tensor, broadcastable, rad
        The angles.

    Returns
    -------
    Tensor, rad
        ``((a - b + pi) mod 2 pi) - pi``; the difference of equal angles is exactly zero.

    Examples
    --------
    >>> round(float(delta_phi(torch.tensor(3.1), torch.tensor(-3.1))), 4)
    -0.0832
    """
    difference = a - b
    return difference - 2 * math.pi * torch.floor((difference + math.pi) / (2 * math.pi))
