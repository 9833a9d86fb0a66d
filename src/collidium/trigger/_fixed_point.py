"""Fixed-point numbers on tensors: exact powers of two, rounding, overflow, and the gradients of trained widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from collidium.firmware import Overflow, Rounding

LN2 = math.log(2.0)
EXPONENT_LIMIT = 100


def exact_exp2(exponents: Tensor, dtype: torch.dtype) -> Tensor:
    """Powers of two, written into the exponent field of the floating-point numbers and so exact.

    Parameters
    ----------
    exponents : Tensor
        Whole numbers in [-100, 100], of any type.
    dtype : torch.dtype
        ``torch.float32`` or ``torch.float64``.

    Returns
    -------
    Tensor
        ``2**exponents``.

    Notes
    -----
    ``torch.exp2``, ``torch.pow`` and ``torch.ldexp`` (a product with ``pow``) may miss by a rounding error.

    Examples
    --------
    >>> exact_exp2(torch.tensor([-3.0, 0.0, 10.0]), torch.float32)
    tensor([1.2500e-01, 1.0000e+00, 1.0240e+03])
    """
    if dtype == torch.float64:
        return ((exponents.to(torch.int64) + 1023) << 52).view(torch.float64)
    return ((exponents.to(torch.int32) + 127) << 23).view(torch.float32)


class Powers(NamedTuple):
    """Whole widths and their powers of two.

    Attributes
    ----------
    whole : Tensor
        Fractional bits, rounded to whole numbers.
    scale, step : Tensor
        ``2**whole`` and ``2**-whole``.
    """

    whole: Tensor
    scale: Tensor
    step: Tensor

    @classmethod
    def of(cls, f: Tensor, dtype: torch.dtype) -> Powers:
        """Powers of real-valued widths."""
        whole = f.detach().round()
        return cls(whole, exact_exp2(whole, dtype), exact_exp2(-whole, dtype))


def _nearest_up(y: Tensor) -> Tensor:
    """floor(y + 1/2) without the rounding error of the sum."""
    return y.mul(2.0).floor_().mul_(0.5).ceil_()


def _nearest_down(y: Tensor) -> Tensor:
    """ceil(y - 1/2) without the rounding error of the difference."""
    return y.mul(2.0).ceil_().mul_(0.5).floor_()


ROUNDINGS: Mapping[Rounding, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        Rounding.TRN: torch.floor,
        Rounding.TRN_ZERO: torch.trunc,
        Rounding.RND: _nearest_up,
        Rounding.RND_ZERO: lambda y: _nearest_down(y.abs()).copysign_(y),
        Rounding.RND_MIN_INF: _nearest_down,
        Rounding.RND_INF: lambda y: _nearest_up(y.abs()).copysign_(y),
        Rounding.RND_CONV: torch.round,
    }
)


def round_to(x: Tensor, f: Tensor, rounding: Rounding) -> Tensor:
    """Round values to multiples of ``2**-f``.

    Parameters
    ----------
    x : Tensor, (..., *shape)
        Values.
    f : Tensor, broadcasts to shape
        Whole numbers of fractional bits.
    rounding : Rounding
        The mode.

    Returns
    -------
    Tensor, (..., *shape)
        Rounded values.

    Examples
    --------
    >>> round_to(torch.tensor([0.3, -0.75]), torch.tensor(1.0), Rounding.RND)
    tensor([ 0.5000, -0.5000])
    """
    return ROUNDINGS[rounding](x * exact_exp2(f, x.dtype)).mul_(exact_exp2(-f, x.dtype))


def wrap(x: Tensor, k: Tensor, i: Tensor) -> Tensor:
    """Drop the bits above a format: the value modulo ``2**(k + i)``, from ``-k 2**i`` on.

    Parameters
    ----------
    x : Tensor, (..., *shape)
        Values on the grid of the format.
    k, i : Tensor, broadcast to shape
        Sign bit and integer bits.

    Returns
    -------
    Tensor, (..., *shape)
        Wrapped values.

    Examples
    --------
    >>> wrap(torch.tensor([3.5, 4.0, -4.5]), torch.tensor(1.0), torch.tensor(2.0))
    tensor([ 3.5000, -4.0000,  3.5000])
    """
    half = k * exact_exp2(i, x.dtype)
    turns = (x + half).mul_(exact_exp2(-i - k, x.dtype)).floor_()
    return x - turns.mul_(exact_exp2(i + k, x.dtype))


def limits(k: Tensor, i: Tensor, f: Tensor, overflow: Overflow, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of a saturating format.

    Examples
    --------
    >>> limits(torch.ones(1), torch.tensor([2.0]), torch.tensor([1.0]), Overflow.SAT_SYM, torch.float32)
    (tensor([-3.5000]), tensor([3.5000]))
    """
    top = exact_exp2(i, dtype)
    high = top - exact_exp2(-f, dtype)
    return -k * (high if overflow is Overflow.SAT_SYM else top), high


def integer_bits(minimum: Tensor, maximum: Tensor, f: Tensor) -> Tensor:
    """Fewest integer bits of a format that holds two values on its grid.

    Parameters
    ----------
    minimum, maximum : Tensor, shape
        Multiples of ``2**-f``.
    f : Tensor, shape
        Whole numbers of fractional bits.

    Returns
    -------
    Tensor, shape
        ``i``; ``-f`` where both values are 0, as no bit is needed.

    References
    ----------
    The rule ``i = max(ceil(log2(-minimum)), ceil(log2(maximum + 2**-f)))`` on whole numbers of steps.

    Examples
    --------
    >>> integer_bits(torch.tensor([-4.0, 0.0]), torch.tensor([1.0, 3.5]), torch.tensor([1.0, 1.0]))
    tensor([2., 2.])
    """
    scale = exact_exp2(f, minimum.dtype)
    above = torch.frexp((maximum * scale).clamp_min_(0)).exponent
    below = torch.frexp((-minimum * scale).sub_(1).clamp_min_(0)).exponent
    return torch.maximum(above, below).to(f.dtype) - f


def round_in_training(x: Tensor, powers: Powers, rounding: Rounding) -> Tensor:
    """Round to multiples of the step in as few passes over memory as possible.

    In float32, RND differs from :func:`round_to` for the one number right below half a step.
    """
    if rounding is not Rounding.RND:
        return ROUNDINGS[rounding](x * powers.scale).mul_(powers.step)
    half = torch.full((), 0.5, dtype=x.dtype, device=x.device)
    return torch.addcmul(half, x, powers.scale).floor_().mul_(powers.step)


class _Round(torch.autograd.Function):
    """Rounding to trained steps; the integer part is left free, as it is tracked from the data."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, powers: Powers, rounding: Rounding) -> Tensor:
        out = round_in_training(x, powers, rounding)
        ctx.save_for_backward(x - out if ctx.needs_input_grad[1] else None)
        ctx.shape = f.shape
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        (error,) = ctx.saved_tensors
        return grad, None if error is None else width_gradient(grad, error, ctx.shape), None, None


def width_gradient(grad: Tensor, error: Tensor, shape: torch.Size) -> Tensor:
    """``ln 2 sum dL/dx_q (x - x_q)`` over the elements that share a width."""
    product = grad * error
    return (product if product.shape == shape else product.sum_to_size(shape)).mul_(LN2)


def quantize_tracked(x: Tensor, f: Tensor, rounding: Rounding, powers: Powers | None = None) -> Tensor:
    """Round to trained steps without overflow.

    Parameters
    ----------
    x : Tensor, (..., *shape)
        Values.
    f : Tensor, broadcasts to shape
        Fractional bits as real numbers; the nearest whole numbers are used.
    rounding : Rounding
        The mode.
    powers : Powers, optional
        Those of ``f``, where they are known.

    Returns
    -------
    Tensor, (..., *shape)
        ``x_q``, with ``dx_q/dx = 1`` and ``dx_q/df = ln 2 (x - x_q)``.

    References
    ----------
    C. Sun et al., "Gradient-based Automatic Mixed Precision Quantization for Neural Networks On-Chip",
    arXiv:2405.00645, section 3: gradients of bit-widths by a rounding whose derivative is taken as 1.

    Examples
    --------
    >>> quantize_tracked(torch.tensor([0.3, 0.8]), torch.tensor([1.2]), Rounding.RND)
    tensor([0.5000, 1.0000])
    """
    powers = Powers.of(f, x.dtype) if powers is None else powers
    out: Tensor = _Round.apply(x, f, powers, rounding)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return out


class _Bits(torch.autograd.Function):
    """Bits of a format, not below 0, with the gradient of the real-valued widths."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, i: Tensor, sign: Tensor | None, has_lone_sign: bool) -> Tensor:
        bits = (f.round() + i.round()).clamp_min_(0)
        if has_lone_sign and sign is not None:
            bits += sign
        is_used = bits > 0
        ctx.save_for_backward(is_used)
        return bits if sign is None or has_lone_sign else bits + sign * is_used

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        (is_used,) = ctx.saved_tensors
        grad = grad * is_used
        return grad, grad if ctx.needs_input_grad[1] else None, None, None


def num_bits(f: Tensor, i: Tensor, sign: Tensor | None = None, *, has_lone_sign: bool = False) -> Tensor:
    """Bits of formats: rounded widths, with the gradient of the real ones and none where there is no bit left.

    Parameters
    ----------
    f, i : Tensor, shape
        Fractional and integer bits as real numbers.
    sign : Tensor, shape, optional
        Sign bits.
    has_lone_sign : bool
        Whether a sign counts where there is no other bit, as in the format of 0 and -1; the sign must then be that of
        values that occur.

    Returns
    -------
    Tensor, shape
        ``max(round(f) + round(i), 0)``, and the sign.

    Examples
    --------
    >>> num_bits(torch.tensor([2.4, -3.0]), torch.tensor([1.0, 1.0]), torch.ones(2))
    tensor([4., 0.])
    """
    out: Tensor = _Bits.apply(f, i, sign, has_lone_sign)  # type: ignore[no-untyped-call]  # as above
    return out
