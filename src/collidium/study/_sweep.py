"""The sweep over learning rates, as pure functions of the losses so far."""

from __future__ import annotations

import math
from collections.abc import Mapping

from collidium.optim import OPTIMIZERS

MAX_EXTENSIONS = 2
BASELINE = "adamw"


def centre_rate(member: str) -> float:
    """Learning rate around which a member is swept.

    Parameters
    ----------
    member : str
        Key of ``OPTIMIZERS``.

    Returns
    -------
    float, 1
        The published rate; where the recipe of the member replaces its shape factor, so that steps have the size of
        AdamW's, the rate of AdamW.

    Examples
    --------
    >>> centre_rate("adamw")
    0.001
    """
    info = OPTIMIZERS[member]
    return OPTIMIZERS[BASELINE].lr if "shape_factor" in info.recipe else info.lr


def companion_rate(member: str, rate: float) -> float:
    """Learning rate of the AdamW groups (embedding, head, norms, biases) beside a member.

    Parameters
    ----------
    member : str
        Key of ``OPTIMIZERS``.
    rate : float, 1
        Learning rate of the matrices.

    Returns
    -------
    float, 1
        As far from the centre of AdamW, in factors, as ``rate`` is from the member's.

    Examples
    --------
    >>> companion_rate("adamw", 0.003)
    0.003
    """
    return OPTIMIZERS[BASELINE].lr * (rate / centre_rate(member))


def grid_rate(centre: float, index: int, factor: float) -> float:
    """Point of the grid, ``centre factor^index``, to three digits.

    Examples
    --------
    >>> [grid_rate(0.001, index, 3.0) for index in (-1, 0, 1)]
    [0.000333, 0.001, 0.003]
    """
    return float(f"{centre * factor**index:.3g}")


def best_index(losses: Mapping[int, float]) -> int | None:
    """Index of the smallest loss; the lower rate where two are equal, None where all diverged.

    Examples
    --------
    >>> best_index({-1: 2.0, 0: 1.5, 1: math.inf})
    0
    """
    finite = [(loss, index) for index, loss in losses.items() if math.isfinite(loss)]
    return min(finite)[1] if finite else None


def next_indices(losses: Mapping[int, float], half_width: int) -> tuple[int, ...]:
    """Points of the grid that are still to be tried.

    Parameters
    ----------
    losses : Mapping of int to float, 1
        Final validation loss by index, infinite where the run diverged.
    half_width : int
        The first grid has the indices from minus this to this.

    Returns
    -------
    tuple of int
        What is missing of the first grid; then the neighbour beyond the edge if the best lies on an edge, at most twice
        in all; empty when the sweep is over. Where every run diverged, the next point is below the lowest.

    Examples
    --------
    >>> next_indices({}, 1), next_indices({-1: 3.0, 0: 2.0, 1: 1.0}, 1), next_indices({-1: 3.0, 0: 1.0, 1: 2.0}, 1)
    ((-1, 0, 1), (2,), ())
    """
    grid = range(-half_width, half_width + 1)
    if missing := tuple(index for index in grid if index not in losses):
        return missing
    if len(losses) >= len(grid) + MAX_EXTENSIONS:
        return ()
    best = best_index(losses)
    if best is None or best == min(losses):
        return (min(losses) - 1,)
    return (max(losses) + 1,) if best == max(losses) else ()


def is_on_edge(losses: Mapping[int, float]) -> bool:
    """Tell whether the best rate is the lowest or the highest that was tried, so that a better one may lie beyond.

    Examples
    --------
    >>> is_on_edge({0: 1.0, 1: 0.5})
    True
    """
    return best_index(losses) in (min(losses), max(losses))
