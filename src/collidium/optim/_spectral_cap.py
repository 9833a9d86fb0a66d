"""Slot 9: keeping the spectral norm of the weights below a bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from collidium.optim._coefficients import COEFFICIENTS, schedule
from collidium.optim._momentum import storage_dtype
from collidium.optim._names import unknown_name
from collidium.optim._pipeline import MatrixStep, Options, Slot, require
from collidium.optim._spectral_clip import hard_spectral_clip

SQUARINGS = 10
MONOTONE = 0.766
"""Least ratio by which one soft cap shrinks its largest singular value while it stays monotone; exactly 62/81."""
ROUNDING = 1.02
"""Allowance for bfloat16 rounding on the bound of a Newton-Schulz direction."""


class TopSingular(NamedTuple):
    """Largest singular value (..., 1, 1) with its left (..., m, 1) and right (..., n, 1) singular vectors."""

    value: Tensor
    left: Tensor
    right: Tensor


def top_singular(matrix: Tensor) -> TopSingular:
    """Largest singular value and vectors, by squaring the Gram matrix.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices.

    Returns
    -------
    TopSingular
        Ten squarings do the work of 1024 power iterations; the value is at most the exact one and within 1e-3 of it
        even for equal leading singular values.

    Examples
    --------
    >>> value, left, right = top_singular(torch.tensor([[0.0, 3.0], [1.0, 0.0]]))
    >>> round(float(value), 6), (value * left @ right.mT).round(decimals=4).tolist()
    (3.0, [[0.0, 3.0], [0.0, 0.0]])
    """
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    tiny = torch.finfo(matrix.dtype).tiny
    power = wide @ wide.mT
    for _ in range(SQUARINGS):
        power = power / torch.linalg.vector_norm(power, dim=(-2, -1), keepdim=True).clamp(min=tiny)
        power = power @ power
    pivot = power.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)[..., None, None]
    short = power.gather(-1, pivot.expand(*power.shape[:-1], 1))
    short = short / torch.linalg.vector_norm(short, dim=-2, keepdim=True).clamp(min=tiny)
    long = wide.mT @ short
    value = torch.linalg.vector_norm(long, dim=-2, keepdim=True)
    long = long / value.clamp(min=tiny)
    return TopSingular(value, short, long) if wide is matrix else TopSingular(value, long, short)


def spectral_normalize(matrix: Tensor, limit: float) -> Tensor:
    """Scale a matrix down to a spectral norm, ``W / max(1, s1 / limit)``; smaller ones stay bitwise.

    Examples
    --------
    >>> spectral_normalize(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), 2.0)
    tensor([[2.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    return matrix / (top_singular(matrix).value / limit).clamp(min=1.0)


def spectral_hammer(matrix: Tensor, limit: float) -> Tensor:
    """Set the largest singular value to the limit and leave the others.

    Examples
    --------
    >>> spectral_hammer(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), 2.0).round(decimals=4)
    tensor([[2., 0.],
            [0., 1.]])
    """
    top = top_singular(matrix)
    return matrix + (limit - top.value) * (top.left @ top.right.mT)


def spectral_weight_decay(matrix: Tensor, amount: float) -> Tensor:
    """Shrink the largest singular value alone, ``W - amount s1 u v^T``.

    Examples
    --------
    >>> spectral_weight_decay(torch.tensor([[4.0, 0.0], [0.0, 1.0]]), 0.25).round(decimals=4)
    tensor([[3., 0.],
            [0., 1.]])
    """
    top = top_singular(matrix)
    return matrix - amount * top.value * (top.left @ top.right.mT)


def soft_cap_strengths(limit: float, worst: float) -> list[float]:
    """Strengths of the soft caps that take singular values from at most ``worst`` to at most ``limit``.

    Parameters
    ----------
    limit : float
        Largest singular value allowed afterwards.
    worst : float
        Largest singular value that can occur before.

    Returns
    -------
    list of float
        Empty if nothing can exceed the limit. One strength ``a`` solves
        ``-k^9 a^4 + 3 k^7 a^3 - 3 k^5 a^2 + (k - limit) = 0`` for ``k = worst``; where the cap would no longer be
        monotone on ``[0, k]`` (``limit < 0.766 k``) the way is divided among several.

    References
    ----------
    L. Newhouse et al., Training Transformers with Enforced Lipschitz Constants, arXiv:2507.13338.

    Examples
    --------
    >>> [round(a, 4) for a in soft_cap_strengths(1.0, 1.1)], soft_cap_strengths(1.0, 1.0)
    ([0.1589], [])
    """
    strengths = []
    while worst > limit:
        target = max(limit, MONOTONE * worst)
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            remaining = 1.0 - 3.0 * middle**2 + 3.0 * middle**3 - middle**4
            low, high = (middle, high) if remaining > target / worst else (low, middle)
        strengths.append(high / worst**2)
        worst = target
    return strengths


def soft_cap(matrix: Tensor, strength: float) -> Tensor:
    """Bend singular values down, ``s -> s - a s^3``, then ``s -> s + a s^3``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices.
    strength : float
        ``a``, one of `soft_cap_strengths`.

    Returns
    -------
    Tensor, (..., m, n), 1
        Small singular values stay up to order ``s^5``.

    Examples
    --------
    >>> soft_cap(torch.tensor([[1.1, 0.0], [0.0, 0.1]]), soft_cap_strengths(1.0, 1.1)[0])
    tensor([[1.0000, 0.0000],
            [0.0000, 0.1000]])
    """
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    bent = wide - strength * (wide @ wide.mT) @ wide
    back = bent + strength * (bent @ bent.mT) @ bent
    return back.mT if wide is not matrix else back


@cache
def direction_bound(direction: str, steps: int | None) -> float:
    """Largest singular value that a direction map can put out, over all inputs of norm at most one.

    Examples
    --------
    >>> direction_bound("exact", None), round(direction_bound("jordan", 5), 2)
    (1.0, 1.2)
    """
    if direction == "exact":
        return 1.0
    triples, safety = schedule(direction, steps), COEFFICIENTS[direction].safety
    largest = 0.0
    for index in range(1, 4001):
        s = math.exp(-12.0 * (1.0 - index / 4000)) / safety
        for a, b, c in triples:
            s *= a + b * s * s + c * s**4
        largest = max(largest, s)
    return largest


class Growth(NamedTuple):
    """What bounds a weight after a step: the limit, and the worst spectral norm that the step can have led to."""

    limit: float
    worst: float
    decay: float


CAPS: Mapping[str, Callable[[Tensor, Growth], Tensor]] = MappingProxyType(
    {
        "spectral_normalize": lambda weight, growth: spectral_normalize(weight, growth.limit),
        "soft_cap": lambda weight, growth: _soft_capped(weight, growth),
        "hard_cap": lambda weight, growth: hard_spectral_clip(weight, growth.limit),
        "spectral_hammer": lambda weight, growth: spectral_hammer(weight, growth.limit),
        "spectral_weight_decay": lambda weight, growth: spectral_weight_decay(weight, growth.decay),
    }
)


def _soft_capped(weight: Tensor, growth: Growth) -> Tensor:
    for strength in soft_cap_strengths(growth.limit, growth.worst):
        weight = soft_cap(weight, strength)
    return weight


def _check(options: Options) -> None:
    if options["cap"] not in CAPS:
        raise unknown_name("cap", options["cap"], CAPS)
    require(options, "max_norm", options["max_norm"] > 0.0, "a number > 0")
    require(options, "spectral_decay", options["spectral_decay"] >= 0.0, "a number >= 0")
    is_bounded = "direction" in options or options["cap"] != "soft_cap"
    require(options, "cap", is_bounded, "a cap that needs no bound of the update")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"enforced_norm": torch.zeros((), dtype=torch.float64)} if options["cap"] == "soft_cap" else {}


def _cap(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        if matrix.rate == 0.0:
            continue
        cap = CAPS[options["cap"]]
        if options["cap"] == "soft_cap":
            enforced = matrix.state["enforced_norm"]
            cap = cap if float(enforced) == options["max_norm"] else CAPS["hard_cap"]
            enforced.fill_(options["max_norm"])
        blocks = matrix.view.blocks(matrix.weight)
        for piece, block, factor in zip(matrix.weight_pieces(), blocks, matrix.factors, strict=True):
            growth = _growth(matrix.rate, factor, block.shape, options)
            capped = cap(block.to(storage_dtype(matrix.weight)), growth)
            piece.copy_(capped.reshape(piece.shape))


def _growth(rate: float, factor: float, shape: torch.Size, options: Options) -> Growth:
    limit = options["max_norm"] * math.sqrt(shape[-2] / shape[-1])
    longest = 0.0
    if options["cap"] == "soft_cap":
        longest = direction_bound(options["direction"], options["steps"])
        longest *= 1.0 if options["direction"] == "exact" else ROUNDING
    return Growth(
        limit=limit,
        worst=limit * (1.0 - rate * options["weight_decay"]) + rate * factor * longest,
        decay=rate * options["spectral_decay"],
    )


SPECTRAL_CAP = Slot(
    number=9,
    variant="cap of the spectral norm of the weight",
    defaults={"cap": "soft_cap", "max_norm": 1.0, "spectral_decay": 0.1},
    check=_check,
    initial_state=_initial_state,
    advance=_cap,
)
