"""How evenly a matrix uses its singular directions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def singular_entropy(matrix: Tensor) -> float:
    """Shannon entropy of the squared singular values, as a fraction of the largest possible.

    Parameters
    ----------
    matrix : Tensor, (m, n), 1
        Any matrix.

    Returns
    -------
    float, 1
        ``-sum_i p_i ln p_i / ln r`` with ``p_i = s_i^2 / sum_j s_j^2`` and ``r = min(m, n)``: 1 when all singular
        values are equal, 0 for rank one. NaN for a matrix that is zero, not finite or has a single row or column.

    Examples
    --------
    >>> singular_entropy(torch.eye(4))
    1.0
    """
    rank = min(matrix.shape)
    if rank < 2 or not bool(matrix.isfinite().all()):
        return math.nan
    power = torch.linalg.svdvals(matrix.detach().double().cpu()).square()
    if float(power.sum()) == 0.0:
        return math.nan
    share = power / power.sum()
    return float(torch.special.entr(share).sum()) / math.log(rank)


def mean_entropy(model: nn.Module, roles: Mapping[str, str], split_sizes: Mapping[str, tuple[int, ...]]) -> float:
    """Mean entropy of the hidden matrices of a model.

    Parameters
    ----------
    model : nn.Module
        The model.
    roles : Mapping of str to str
        Role of each parameter; those of role "matrix" count.
    split_sizes : Mapping of str to tuple of int
        Rows of the matrices stacked in a parameter; each counts by itself.

    Returns
    -------
    float, 1
        Mean of :func:`singular_entropy`; NaN if any is.

    Examples
    --------
    >>> mean_entropy(torch.nn.Linear(2, 2), {"weight": "other", "bias": "bias"}, {})
    nan
    """
    values = [singular_entropy(matrix) for matrix in hidden_matrices(model, roles, split_sizes)]
    return sum(values) / len(values) if values else math.nan


def hidden_matrices(
    model: nn.Module, roles: Mapping[str, str], split_sizes: Mapping[str, tuple[int, ...]]
) -> Iterable[Tensor]:
    """Matrices of a model that a matrix optimizer steps, fused ones apart.

    Parameters
    ----------
    model, roles, split_sizes
        As in :func:`mean_entropy`.

    Yields
    ------
    Tensor, (m, n)
        Each matrix.

    Examples
    --------
    >>> layer = torch.nn.Linear(3, 4, bias=False)
    >>> [tuple(part.shape) for part in hidden_matrices(layer, {"weight": "matrix"}, {"weight": (2, 2)})]
    [(2, 3), (2, 3)]
    """
    for name, parameter in model.named_parameters():
        if roles[name] == "matrix":
            yield from torch.split(parameter, list(split_sizes.get(name, (len(parameter),))))
