"""Batch normalisation that is folded into the weights next to it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["none", "input", "output"]
EPSILON = 1e-3
MOMENTUM = 0.1


class FoldedNorm(nn.Module):
    """Scale and shift of a batch normalisation, for a matrix to take in.

    Parameters
    ----------
    num_features : int
        Channels, the last axis.

    Notes
    -----
    In training the statistics are those of the batch; the deployed network uses their running means, in float64.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(num_features))
        self.offset = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))

    def affine(self, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scale and shift.

        Parameters
        ----------
        x : Tensor, (..., num_features), or None
            What is normalised; needed in training only.

        Returns
        -------
        scale, shift : Tensor, (num_features,)
            ``scale * x + shift`` is the normalised value; float64 when deployed.
        """
        if not self.training or x is None:
            gain, offset, mean, variance = (
                value.double() for value in (self.gain, self.offset, self.mean, self.variance)
            )
            scale = gain / torch.sqrt(variance + EPSILON)
            return scale, offset - mean * scale
        variance, mean = torch.var_mean(x.flatten(0, -2), dim=0, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean, MOMENTUM)
            self.variance.lerp_(variance, MOMENTUM)
        scale = self.gain * torch.rsqrt(variance + EPSILON)
        return scale, self.offset - mean * scale
