"""Saturation to trained ranges and rounding to trained steps, with the gradients of both."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from collidium.firmware import Overflow, Rounding
from collidium.trigger._fixed_point import LN2, exact_exp2, limits, round_to


class Range(NamedTuple):
    """Ranges of saturating formats, with what the gradients of their widths need.

    Attributes
    ----------
    low, high : Tensor, shape
        Limits.
    whole : Tensor, shape
        Fractional bits.
    k, step, top : Tensor, shape
        Sign bits, ``2**-f`` and ``2**i``.
    is_free : Tensor of bool, shape
        Whether i is its own, and not at its floor -f, where it follows f.
    is_symmetric : bool
        Whether the lower limit is minus the upper one.
    """

    low: Tensor
    high: Tensor
    whole: Tensor
    k: Tensor
    step: Tensor
    top: Tensor
    is_free: Tensor
    is_symmetric: bool

    @classmethod
    def of(cls, f: Tensor, i: Tensor, k: Tensor, overflow: Overflow, dtype: torch.dtype) -> Range:
        """Ranges of real-valued widths, without a graph."""
        whole, wanted = f.detach().round(), i.detach().round()
        integer = torch.maximum(wanted, -whole)
        step, top = exact_exp2(-whole, dtype), exact_exp2(integer, dtype)
        low, high = limits(k, integer, whole, overflow, dtype)
        return cls(low, high, whole, k, step, top, wanted >= -whole, overflow is Overflow.SAT_SYM)

    def width_gradients(self, inner: Tensor, above: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of f and i.

        Parameters
        ----------
        inner, above, below : Tensor, shape
            Sums of gradients times rounding errors, and of gradients of values above and below the range.
        """
        moved = above - below * self.k
        grad_f = inner + self.step * (moved if self.is_symmetric else above)
        grad_f = torch.where(self.is_free, grad_f, grad_f - self.top * moved)
        return grad_f * LN2, torch.where(self.is_free, self.top * moved, 0) * LN2


class Saturated(NamedTuple):
    """Values saturated to a range and rounded, with what their gradients need.

    Attributes
    ----------
    range : Range
        Of the shape of the widths.
    values, error : Tensor, (..., *shape)
        ``x_q``, and what rounding took away inside the range.
    above, below : Tensor of bool, (..., *shape)
        Where x is out of range.
    """

    range: Range
    values: Tensor
    error: Tensor
    above: Tensor
    below: Tensor

    @property
    def passes(self) -> Tensor:
        """1 where a gradient passes, inside the range, and 0 elsewhere."""
        return (self.above | self.below).logical_not_().to(self.values.dtype)

    def width_gradients(self, grad: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Gradients of f and i, both of a shape."""
        parts = (grad * factor for factor in (self.error, self.above, self.below))
        return self.range.width_gradients(*(part.sum_to_size(shape) for part in parts))


def saturate(x: Tensor, f: Tensor, i: Tensor, k: Tensor, rounding: Rounding, overflow: Overflow) -> Saturated:
    """Saturate and round as :func:`quantize_saturated`, without a graph."""
    found = Range.of(f, i, k, overflow, x.dtype)
    clipped = torch.clamp(x, found.low, found.high)
    values = round_to(clipped, found.whole, rounding)
    return Saturated(found, values, clipped.sub_(values), above=x > found.high, below=x < found.low)


class _Saturate(torch.autograd.Function):
    """Saturation to a trained range, then rounding to trained steps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, i: Tensor, k: Tensor, rounding: Rounding, overflow: Overflow) -> Tensor:
        ctx.found, ctx.shape = saturate(x, f, i, k, rounding, overflow), f.shape
        out: Tensor = ctx.found.values
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        found: Saturated = ctx.found
        grad_f, grad_i = found.width_gradients(grad, ctx.shape)
        return grad.masked_fill(found.above | found.below, 0), grad_f, grad_i, None, None, None


def quantize_saturated(x: Tensor, f: Tensor, i: Tensor, k: Tensor, rounding: Rounding, overflow: Overflow) -> Tensor:
    """Saturate to a trained range, then round to trained steps.

    Parameters
    ----------
    x : Tensor, (..., *shape)
        Values.
    f, i : Tensor, broadcast to shape
        Fractional and integer bits as real numbers; the nearest whole numbers are used, ``i`` is at least ``-f``.
    k : Tensor, broadcasts to shape
        Sign bits.
    rounding, overflow : Rounding, Overflow
        The modes; ``SAT`` or ``SAT_SYM``.

    Returns
    -------
    Tensor, (..., *shape)
        ``x_q``. Inside the range the gradients are those of :func:`quantize_tracked`; outside, ``dx_q/dx = 0`` and the
        widths get the derivatives of the limits ``2**i - 2**-f`` and ``-k 2**i`` (symmetric: minus the upper one).

    Examples
    --------
    >>> one = torch.ones(())
    >>> quantize_saturated(torch.tensor([0.3, 8.0, -8.0]), one, one, one, Rounding.RND, Overflow.SAT)
    tensor([ 0.5000,  1.5000, -2.0000])
    """
    out: Tensor = _Saturate.apply(x, f, i, k, rounding, overflow)  # type: ignore[no-untyped-call]  # as above
    return out
