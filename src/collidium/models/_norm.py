"""Batch normalisation over the particles that exist."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CloudBatchNorm(nn.Module):
    """Batch normalisation whose statistics see valid rows only.

    Parameters
    ----------
    num_features : int
        Channels C.

    Notes
    -----
    ``(x - mean) / sqrt(var + eps) * weight + bias`` with the mean and variance of the batch's valid rows in training,
    and of the running average (momentum 0.1, unbiased variance) otherwise. A batch with fewer than two valid rows has
    no variance: it uses the averages and leaves them. In training the rows that are not valid come out as zeros.

    References
    ----------
    Ioffe, Szegedy, "Batch normalization", arXiv:1502.03167.

    Examples
    --------
    >>> norm = CloudBatchNorm(1)
    >>> rows, mask = torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]])
    >>> norm(rows, mask)[mask].flatten().round(decimals=3).tolist()
    [-1.0, 1.0]
    """

    eps = 1e-5
    momentum = 0.1
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise.

        Parameters
        ----------
        x : Tensor, (..., C)
            Rows.
        mask : Tensor of bool, (...), optional
            True for valid rows; all by default.

        Returns
        -------
        Tensor, (..., C)
            Normalised rows.
        """
        rows = x.reshape(-1, x.shape[-1])
        if not self.training:
            return self._normalise(rows, training=False).view(x.shape)
        valid = rows if mask is None else x[mask]
        few = len(valid) < 2
        normed = self._normalise(valid, training=not few)
        if mask is None:
            return normed.view(x.shape)
        return normed.new_zeros(x.shape).masked_scatter(mask[..., None], normed)

    def affine(self) -> tuple[Tensor, Tensor]:
        """The scale and shift (C,) that normalise by the running averages."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return scale, self.bias - scale * self.running_mean

    def _normalise(self, rows: Tensor, *, training: bool) -> Tensor:
        return functional.batch_norm(
            rows, self.running_mean, self.running_var, self.weight, self.bias, training, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        """The width, for printing."""
        return f"{len(self.weight)}"
