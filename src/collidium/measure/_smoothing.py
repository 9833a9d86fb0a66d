"""Smoothing of templates: running medians, quadratic ends of flats, and a running mean (353QH)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from collidium.measure._parameters import Vector


def smooth_353qh(values: ArrayLike) -> Vector:
    """Smooth a histogram by 353QH, and its residuals again.

    Parameters
    ----------
    values : ndarray, (M,)
        Contents of neighbouring bins; fewer than three are left as they are.

    Returns
    -------
    ndarray, (M,)
        Smoothed contents.

    Notes
    -----
    Medians of 3, 5 and 3 neighbours; flats of three bins, which medians leave at a peak, replaced by a parabola through
    their neighbours; then means with weights 1/4, 1/2, 1/4. What was taken away is smoothed in the same way and added
    back ("twicing").

    References
    ----------
    J. Friedman, Data analysis techniques for high energy particle physics, SLAC-R-176 (1974), section 3.

    Examples
    --------
    >>> smooth_353qh([1.0, 1.0, 5.0, 1.0, 1.0])
    array([1., 1., 1., 1., 1.])
    """
    original = np.asarray(values, dtype=np.float64)
    if len(original) < 3:
        return original.copy()
    smoothed = _once(original)
    return smoothed + _once(original - smoothed)


def _once(values: Vector) -> Vector:
    medians = _end_rule(_median(_median_of_five(_end_rule(_median(values), values))), values)
    return _hann(_quadratic(medians))


def _median(values: Vector) -> Vector:
    """Medians of three; the ends are copied."""
    found = values.copy()
    found[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return found


def _median_of_five(values: Vector) -> Vector:
    """Medians of five, of three next to the ends."""
    found = _median(values)
    if len(values) >= 5:
        windows = np.lib.stride_tricks.sliding_window_view(values, 5)
        found[2:-2] = np.median(windows, axis=1)
    return found


def _end_rule(values: Vector, original: Vector) -> Vector:
    """Ends: median of the end, its neighbour, and the line through the next two bins."""
    found = values.copy()
    if len(values) > 2:
        found[0] = np.median([original[0], values[1], 3.0 * values[1] - 2.0 * values[2]])
        found[-1] = np.median([original[-1], values[-2], 3.0 * values[-2] - 2.0 * values[-3]])
    return found


def _quadratic(values: Vector) -> Vector:
    """Replace the higher or lower side of flats at a peak or valley by a parabola."""
    found = values.copy()
    for i in range(2, len(values) - 2):
        low, flat, high = values[i - 2], values[i], values[i + 2]
        if not (values[i - 1] == flat == values[i + 1]) or (low - flat) * (high - flat) <= 0.0:
            continue
        side = -1 if abs(low - flat) > abs(high - flat) else 1
        found[i] = -0.5 * values[i - 2 * side] + flat / 0.75 + values[i + 2 * side] / 6.0
        found[i + side] = 0.5 * (values[i + 2 * side] - values[i - 2 * side]) + flat
    return found


def _hann(values: Vector) -> Vector:
    """Running mean with weights 1/4, 1/2, 1/4; the ends are copied."""
    found = values.copy()
    found[1:-1] = (values[:-2] + 2.0 * values[1:-1] + values[2:]) / 4.0
    return found
