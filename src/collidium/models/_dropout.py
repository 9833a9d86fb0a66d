"""Dropout that spends one random byte on an element."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 256


def random_levels(shape: torch.Size, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Draw whole numbers from 0 to 255 with equal probability.

    Parameters
    ----------
    shape : torch.Size
        Shape of the result.
    dtype : torch.dtype
        A floating type; all of them hold these numbers exactly.
    device : torch.device
        Where to draw, with torch's default generator of that device.

    Returns
    -------
    Tensor
        The numbers. One 64-bit draw serves eight of them; the Bernoulli sampler of torch makes one draw for each
        element, which on a CPU costs more than the matrix product it follows. They are floating numbers because torch
        vectorises comparisons within one type, and not those that make booleans.

    Examples
    --------
    >>> levels = random_levels(torch.Size([2, 3]), dtype=torch.float32, device=torch.device("cpu"))
    >>> bool(((levels >= 0) & (levels < 256) & (levels == levels.floor())).all())
    True
    """
    count = shape.numel()
    words = torch.empty((count + 7) // 8, dtype=torch.int64, device=device).random_(-(2**63), None)
    return words.view(torch.uint8)[:count].view(shape).to(dtype)


def dropout_threshold(p: float) -> int:
    """The number of 256ths nearest to the probability ``p``.

    Examples
    --------
    >>> dropout_threshold(0.1)
    26
    """
    return round(p * _LEVELS)


def keep_scale(threshold: int) -> float:
    """The factor by which kept elements grow, so that the mean stays.

    Examples
    --------
    >>> keep_scale(128)
    2.0
    """
    return _LEVELS / (_LEVELS - threshold)


class Dropout(nn.Module):
    """Zero elements with probability ``p`` in training and scale the others by ``1 / (1 - p)``.

    Parameters
    ----------
    p : float
        Probability, rounded to a multiple of 1/256 (0.1 becomes 0.1016).

    Examples
    --------
    >>> Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.threshold = dropout_threshold(p)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to a tensor of any shape."""
        if not self.training or self.threshold == 0:
            return x
        factor = random_levels(x.shape, dtype=x.dtype, device=x.device).ge_(self.threshold)
        return x * factor.mul_(keep_scale(self.threshold))

    def extra_repr(self) -> str:
        """The probability, for printing."""
        return f"p={self.threshold}/{_LEVELS}"
