"""Figures as people write them."""

from __future__ import annotations

import math

from collidium.evaluate import Interval


def with_interval(figure: Interval, *, scale: float = 1.0) -> str:
    """Write a figure with its interval, to two digits of the uncertainty.

    Parameters
    ----------
    figure : Interval
        The figure.
    scale : float
        Factor applied before writing, e.g. 100 for per cent.

    Returns
    -------
    str
        One plus-minus where the interval is symmetric to the digits shown, else both sides.

    Examples
    --------
    >>> with_interval(Interval(value=0.96543, low=0.96423, high=0.96663))
    '0.9654 ± 0.0012'
    >>> with_interval(Interval(value=43.2, low=41.0, high=46.0))
    '43.2 +2.8 −2.2'
    >>> with_interval(Interval(value=float("inf"), low=334.0, high=float("inf")))
    'above 334'
    """
    value, low, high = figure.value * scale, figure.low * scale, figure.high * scale
    if math.isnan(value):
        return "not defined"
    if math.isinf(value):
        return f"above {rounded(low)}"
    if not math.isfinite(low):
        return rounded(value)
    down, up = value - low, high - value
    finest = min((side for side in (up, down) if math.isfinite(side) and side > 0.0), default=0.0)
    if finest == 0.0:
        return rounded(value)
    digits = max(0, 1 - math.floor(math.log10(finest)))
    down_text, up_text = f"{down:,.{digits}f}", f"{up:,.{digits}f}" if math.isfinite(up) else "∞"
    shown = f"{value:,.{digits}f}"
    if down_text == up_text:
        return f"{shown} ± {up_text}"
    return f"{shown} +{up_text} −{down_text}"


def rounded(value: float) -> str:
    """Write a figure to about four digits, with thin groups.

    Parameters
    ----------
    value : float
        Any.

    Returns
    -------
    str
        Decimal notation between 0.001 and 10 million.

    Examples
    --------
    >>> rounded(0.034567), rounded(1234.5), rounded(float("inf"))
    ('0.03457', '1,234', '∞')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0.0 or math.isnan(value):
        return f"{value:g}"
    if abs(value) >= 1000.0:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.3e}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.2e}"
