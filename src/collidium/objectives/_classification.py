"""Weighted cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, y: Tensor, w: Tensor, *, class_weights: Tensor | None = None) -> Tensor:
    """Weighted mean of the cross-entropy over the labelled jets.

    Parameters
    ----------
    logits : Tensor, (N, K), 1
        The model's output; brought to float32 at least.
    y : Tensor of int64, (N,)
        Class of each jet; -1 (unlabelled) takes no part.
    w : Tensor, (N,), 1
        Weight of each jet, may be negative.
    class_weights : Tensor, (K,), 1, optional
        Factor of each class, see :func:`inverse_class_weights`.

    Returns
    -------
    Tensor, (), 1
        ``sum_b v_b CE(z_b, y_b) / sum_b |v_b|`` with ``v_b = w_b c_{y_b}`` over labelled jets; 0 (with gradient 0) when
        these weights are all zero.

    Notes
    -----
    For weights of one sign the denominator is the usual sum of weights. Negative weights of next-to-leading-order
    samples subtract in the numerator; the sum of absolute values keeps the denominator away from zero and the
    gradient's direction that of the numerator, which is unbiased.

    Examples
    --------
    >>> logits = torch.tensor([[0.0, 0.0], [9.0, -9.0]])
    >>> float(cross_entropy(logits, torch.tensor([1, -1]), torch.ones(2)).exp().round(decimals=4))
    2.0
    """
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    values = functional.cross_entropy(precise, y, reduction="none", ignore_index=-1)
    weights = w.to(precise) * (y >= 0)
    if class_weights is not None:
        weights = weights * class_weights.to(precise)[y.clamp(min=0)]
    total = weights.abs().sum().clamp(min=torch.finfo(precise.dtype).tiny)
    return (weights * values).sum() / total


def inverse_class_weights(totals: Tensor) -> Tensor:
    """Factors that give every class the same share of the loss.

    Parameters
    ----------
    totals : Tensor, (K,), 1
        Sum of absolute weights (or number of jets) of each class in the training data; not of a batch, whose inverse is
        a biased estimate.

    Returns
    -------
    Tensor, (K,), 1
        ``c_k = sum_j n_j / (K' n_k)`` over the K' classes that occur, 0 for a class that does not. The mean of c over
        the data is 1, so the scale of the loss stays.

    Examples
    --------
    >>> inverse_class_weights(torch.tensor([3.0, 1.0])).tolist()
    [0.6666666865348816, 2.0]
    """
    occurs = totals > 0
    share = totals.sum() / occurs.sum().clamp(min=1)
    return torch.where(occurs, share / totals.clamp(min=torch.finfo(totals.dtype).tiny), torch.zeros_like(totals))
