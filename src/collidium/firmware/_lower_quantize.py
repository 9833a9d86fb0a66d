"""Rounding and overflow by slices, small sums, multiplexers and limits."""

from __future__ import annotations

from collidium.firmware._builder import Builder
from collidium.firmware._fixed import Format, Overflow, Rounding
from collidium.firmware._program import Op, Value, bits_of


def quantize_value(builder: Builder, x: Value, form: Format, rounding: Rounding, overflow: Overflow) -> Value:
    """Quantize one value to a format."""
    if form.width <= 0 or builder.is_zero(x):
        return builder.constant(0)
    rounded = _round(builder, x, -form.f, rounding)
    if builder.is_zero(rounded):
        return rounded
    if overflow is Overflow.WRAP:
        return _wrap(builder, rounded, form)
    low = form.code_min if overflow is Overflow.SAT else -form.code_max * form.k
    return builder.clip(rounded, -form.f, low, form.code_max)


def _wrap(builder: Builder, x: Value, form: Format) -> Value:
    op = builder.op(x)
    low, high = sorted((x.sign * op.low, x.sign * op.high))
    if _low(form, x.exp) <= low and high <= _high(form, x.exp):
        return x
    return builder.slice(builder.positive(x), 0, form.k, form.k + form.i - x.exp)


def _low(form: Format, exp: int) -> int:
    """Smallest code of a format at a coarser or equal step."""
    return -((-form.code_min) >> (exp + form.f))


def _high(form: Format, exp: int) -> int:
    return form.code_max >> (exp + form.f)


def _round(builder: Builder, x: Value, exp: int, rounding: Rounding) -> Value:
    """Round to multiples of 2**exp; the result may be coarser."""
    drop = exp - x.exp
    if drop <= 0:
        return x
    if rounding in (Rounding.TRN, Rounding.RND) and x.sign > 0 and (inside := builder.relu_argument(x)) is not None:
        return builder.relu(_round(builder, inside, exp, rounding))
    unit = x.exp
    offset, if_negative, uses_parity = _offset(rounding, drop)
    op = builder.op(x)
    low, high = sorted((x.sign * op.low, x.sign * op.high))
    if uses_parity:
        odd = builder.slice(builder.positive(x), drop, 0, 1)
        x = builder.add(x, Value(odd.wire, odd.exp - drop, odd.sign))
    if if_negative and low < 0:
        extra = builder.constant(if_negative, unit)
        if high >= 0:
            x = builder.positive(x)
            extra = builder.mux(x, extra, builder.constant(0))
        x = builder.add(x, extra)
    if offset:
        x = _add_offset(builder, x, builder.constant(offset, unit))
    return floor(builder, x, exp)


def _offset(rounding: Rounding, drop: int) -> tuple[int, int, int]:
    """What is added before bits are dropped: always, if negative, and if the result's parity is odd."""
    half = 1 << (drop - 1)
    match rounding:
        case Rounding.TRN:
            return 0, 0, 0
        case Rounding.RND:
            return half, 0, 0
        case Rounding.RND_MIN_INF:
            return half - 1, 0, 0
        case Rounding.RND_ZERO:
            return half - 1, 1, 0
        case Rounding.RND_INF:
            return half, -1, 0
        case Rounding.RND_CONV:
            return half - 1, 0, 1
        case Rounding.TRN_ZERO:
            return 0, (1 << drop) - 1, 0


def _add_offset(builder: Builder, x: Value, offset: Value) -> Value:
    """Add a rounding constant: into a constant that is there already, else after dropping bits that it cannot reach."""
    if not builder.has_constant(x) and x.sign > 0:
        x = floor(builder, x, offset.exp)
    return builder.add(x, offset)


def floor(builder: Builder, x: Value, exp: int) -> Value:
    """Round down to multiples of 2**exp."""
    if x.exp >= exp:
        return x
    x = builder.positive(x)
    op: Op = builder.op(x)
    drop = exp - x.exp
    low, high = op.low >> drop, op.high >> drop
    return builder.slice(x, drop, int(low < 0), bits_of(low, high))
