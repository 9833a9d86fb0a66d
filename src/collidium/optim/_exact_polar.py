"""Exact polar factor from one eigendecomposition of the Gram matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._norms import frobenius_norm


def exact_polar(matrix: Tensor, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """Polar factor ``U V^T`` of ``U S V^T``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices.
    dtype : torch.dtype
        Precision of the eigendecomposition, float32 or float64. The Gram matrix squares the condition number.

    Returns
    -------
    Tensor, (..., m, n), 1
        New tensor with the dtype of ``matrix``. Directions whose singular value is below the square root of the
        machine precision relative to the largest one stay small; zero matrices give zeros.

    Notes
    -----
    On the wide form, ``X X^T = V L V^T`` and the polar factor is ``V L^(-1/2) V^T X``.

    Examples
    --------
    >>> exact_polar(torch.tensor([[0.0, 2.0], [-3.0, 0.0]]))
    tensor([[ 0.,  1.],
            [-1.,  0.]])
    """
    if matrix.numel() == 0:
        return torch.zeros_like(matrix)
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    x = wide.to(dtype)
    info = torch.finfo(dtype)
    x = x / frobenius_norm(x).clamp_(min=info.tiny)
    eigenvalues, vectors = torch.linalg.eigh(x @ x.mT)
    floor = (eigenvalues[..., -1:] * info.eps).clamp_(min=info.tiny)
    inverse_root = (vectors * torch.maximum(eigenvalues, floor).rsqrt().unsqueeze(-2)) @ vectors.mT
    result: Tensor = (inverse_root @ x).to(matrix.dtype)
    return result.mT if wide is not matrix else result
