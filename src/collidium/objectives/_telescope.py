"""The telescope loss of calorimeter images: differences of cells and of sums of groups of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TelescopeScale:
    """One size of groups.

    Attributes
    ----------
    membership : Tensor, (G, C), 1
        1 where one of C cells belongs to one of G groups.
    weight : Tensor, (G,), 1
        Weight of each group.
    factor : float
        Weight of this size among the others.
    """

    membership: Tensor
    weight: Tensor
    factor: float

    def to(self, device: torch.device | str) -> TelescopeScale:
        """Move to a device."""
        return TelescopeScale(self.membership.to(device), self.weight.to(device), self.factor)


def telescope_loss(predicted: Tensor, target: Tensor, scales: Sequence[TelescopeScale]) -> Tensor:
    """Mean over images of the telescope loss.

    Parameters
    ----------
    predicted, target : Tensor, (N, C), 1
        Normalised charges of C cells.
    scales : sequence of TelescopeScale
        Sizes of groups; for the endcap module those of ``collidium.detect.telescope_groups``.

    Returns
    -------
    Tensor, (), 1
        ``sum_s factor_s mean_{n,g}( w_g (a - b)^2 max(a, b) )`` with a and b the sums of predicted and target cells
        over group g of scale s.

    Notes
    -----
    The factor ``max(a, b)`` makes the large charges count, whether they are missed or invented. It is not
    differentiable at a = b, where its product with the square has the derivative 0.

    References
    ----------
    Di Guglielmo et al., arXiv:2105.01683.

    Examples
    --------
    >>> cells = TelescopeScale(torch.eye(2), torch.ones(2), 4.0)
    >>> both = TelescopeScale(torch.ones(1, 2), torch.ones(1), 1.0)
    >>> float(telescope_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), [cells, both]))
    4.0
    """
    total = predicted.new_zeros(())
    for scale in scales:
        a, b = predicted @ scale.membership.T, target @ scale.membership.T
        total = total + scale.factor * (scale.weight * (a - b) ** 2 * torch.maximum(a, b)).mean()
    return total
