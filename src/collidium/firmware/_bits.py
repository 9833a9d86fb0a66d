"""Pieces of Verilog expressions."""

from __future__ import annotations


def literal(value: int, width: int) -> str:
    """An unsigned literal with the low ``width`` bits of an integer.

    Examples
    --------
    >>> literal(-1, 4)
    "4'd15"
    """
    return f"{width}'d{value & ((1 << width) - 1)}"


def bits(name: str, width: int, start: int, count: int, *, is_signed: bool) -> str:
    """``count`` bits of a vector from bit ``start``, continued by its sign or by zeros.

    Parameters
    ----------
    name : str
        A vector declared with the range [width - 1:0].
    width, start, count : int
        Bits.
    is_signed : bool
        Whether its top bit is the sign.

    Returns
    -------
    str
        An expression of exactly ``count`` bits.

    Examples
    --------
    >>> bits("a", 4, 1, 5, is_signed=True)
    '{{2{a[3]}}, a[3:1]}'
    """
    stop = min(start + count, width)
    filling = start + count - max(stop, start)
    filler = (f"{{{filling}{{{name}[{width - 1}]}}}}" if is_signed else literal(0, filling)) if filling else ""
    if start >= width:
        return filler
    kept = name if (start, stop) == (0, width) else f"{name}[{stop - 1}:{start}]"
    return f"{{{filler}, {kept}}}" if filler else kept
