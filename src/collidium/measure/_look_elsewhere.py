"""Global p-values of scans over a mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.measure._asymptotics import discovery_p_value


def count_upcrossings(q0: ArrayLike, level: float) -> int:
    """How often a scan of the discovery statistic rises through a level.

    Parameters
    ----------
    q0 : ndarray, (V,)
        The statistic along the scan.
    level : float
        The level.

    Returns
    -------
    int
        Number of upcrossings.

    Examples
    --------
    >>> count_upcrossings([0.0, 1.0, 0.2, 0.0, 3.0, 4.0], 0.5)
    2
    """
    is_above = np.asarray(q0, dtype=np.float64) > level
    return int(np.sum(is_above[1:] & ~is_above[:-1]))


def global_p_value(max_q0: float, mean_upcrossings: float, level: float) -> float:
    """Probability of a local excess anywhere in a scan.

    Parameters
    ----------
    max_q0 : float
        Largest discovery statistic of the scan.
    mean_upcrossings : float
        Mean number of upcrossings of ``level`` in background-only toys.
    level : float
        A low level, e.g. 0.5.

    Returns
    -------
    float
        p_local + <N(level)> exp(-(max_q0 - level) / 2), at most 1.

    Raises
    ------
    InputError
        If the largest statistic lies below the level, where the bound does not hold.

    References
    ----------
    E. Gross, O. Vitells, Eur. Phys. J. C 70 (2010) 525, arXiv:1005.1891, equation 3.

    Examples
    --------
    >>> round(global_p_value(16.0, 4.0, 0.5), 6)
    0.001755
    """
    if max_q0 < level:
        raise InputError(f"the largest q0 is {max_q0:g}; it must not be less than the level {level:g}")
    return float(min(1.0, discovery_p_value(max_q0) + mean_upcrossings * np.exp(-(max_q0 - level) / 2.0)))
