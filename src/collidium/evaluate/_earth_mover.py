"""Earth mover's distance between charge distributions, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, missing_extra

Float = NDArray[np.float64]

_BATCH = 32
_SCALE = 1e4
_NEGLIGIBLE = 1e-10


def earth_mover_distance(a: Float, b: Float, distance: Float) -> Float:
    """Least work that turns one distribution into the other.

    Parameters
    ----------
    a, b : ndarray, (N, C)
        Charges of C cells, not negative, with a positive sum in each row; only their shapes count.
    distance : ndarray, (C, C), mm
        Metric between cells: symmetric, 0 on the diagonal, with the triangle inequality.

    Returns
    -------
    ndarray, (N,), mm
        ``min sum_ij f_ij d_ij`` over flows ``f >= 0`` with ``sum_j f_ij = a_i / sum a``, ``sum_i f_ij = b_j / sum b``;
        in the unit of the metric.

    Raises
    ------
    InputError
        For shapes that do not fit, and for negative or empty rows; or if SciPy is not installed.

    Notes
    -----
    In a metric, charge that both have in a cell stays there, so only the excess is moved, from cells where a is larger
    to cells where b is. Excesses below 1e-10 of the charge are left alone: they are below the solver's tolerance, and
    change the distance by less than C 1e-10 of the largest one in the metric. That linear program is solved by the dual
    simplex method, a few dozen rows of N at a time.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    >>> earth_mover_distance(np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 1.0]]), line).tolist()
    [1.5]
    """
    C = len(distance)
    if a.shape != b.shape or a.ndim != 2 or distance.shape != (C, C) or a.shape[1] != C:
        raise InputError(
            f"charges {a.shape} and {b.shape}, distance {distance.shape}: (N, C), (N, C), (C, C) are needed"
        )
    shapes = []
    for name, values in (("a", a), ("b", b)):
        wrong = np.flatnonzero(~((values >= 0).all(1) & (values.sum(1) > 0) & np.isfinite(values).all(1)))
        if len(wrong):
            raise InputError(f"row {wrong[0]} of {name}: finite charges, none negative and not all 0, are needed")
        shapes.append(values / values.sum(1, keepdims=True))
    excess = shapes[0] - shapes[1]
    excess = _balanced(excess)
    parts = [_solve(excess[start : start + _BATCH], distance) for start in range(0, len(excess), _BATCH)]
    return np.concatenate([np.zeros(0), *parts])


def _balanced(excess: Float) -> Float:
    """Without parts of the charge that are below the solver's tolerance; the largest excess takes what is left over."""
    kept = np.where(np.abs(excess) < _NEGLIGIBLE, 0.0, excess)
    size = np.abs(kept)
    largest = size.argmax(1, keepdims=True)
    rest = kept.sum(1, keepdims=True)
    np.put_along_axis(kept, largest, np.take_along_axis(kept, largest, 1) - rest, 1)
    return np.where(size.max(1, keepdims=True) < excess.shape[1] * _NEGLIGIBLE, 0.0, kept)


def _solve(excess: Float, distance: Float) -> Float:
    """Distances of a few rows, as one linear program of independent blocks."""
    try:
        from scipy.optimize import linprog
        from scipy.sparse import csr_array
    except ImportError as error:
        raise missing_extra("scipy", "measure") from error
    event, source, sink = np.nonzero((excess > 0)[:, :, None] & (excess < 0)[:, None, :])
    if not len(event):
        return np.zeros(len(excess))
    N, C = excess.shape
    column = np.arange(len(event))
    rows, row = np.unique(np.concatenate([event * C + source, event * C + sink]), return_inverse=True)
    flows = csr_array((np.ones(2 * len(event)), (row, np.tile(column, 2))))
    moved = np.abs(excess).ravel()[rows] * _SCALE
    solution = linprog(distance[source, sink], A_eq=flows, b_eq=moved, method="highs-ds")
    assert solution.status == 0, solution.message
    return np.bincount(event, weights=solution.x * distance[source, sink], minlength=N) / _SCALE
