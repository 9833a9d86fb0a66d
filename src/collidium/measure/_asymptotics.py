"""Formulas of the asymptotic distributions of profile likelihood ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, ndtr, ndtri

from collidium.measure._parameters import Vector

BANDS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def significance(p_value: ArrayLike) -> Vector:
    """One-sided significance of a p-value.

    Parameters
    ----------
    p_value : ndarray, 1
        Probabilities.

    Returns
    -------
    ndarray, 1
        Z = Phi^-1(1 - p).

    Examples
    --------
    >>> float(significance(0.0013498980316301035).round(9))
    3.0
    """
    return np.asarray(-ndtri(np.asarray(p_value, dtype=np.float64)))


def discovery_p_value(q0: ArrayLike) -> Vector:
    """p-value of no signal from the discovery statistic, p0 = 1 - Phi(sqrt(q0)).

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equations 52 and 53.

    Examples
    --------
    >>> float(discovery_p_value(25.0))  # doctest: +ELLIPSIS
    2.8665157...e-07
    """
    return np.asarray(ndtr(-np.sqrt(np.asarray(q0, dtype=np.float64))))


def asymptotic_cls(q: float, q_asimov: float, *, has_boundary: bool = True) -> tuple[float, float, float]:
    """CLs+b, CLb and CLs of an upper-limit statistic.

    Parameters
    ----------
    q : float
        Observed statistic: q_mu, or q~_mu with the boundary at zero signal.
    q_asimov : float
        The statistic on the Asimov set without signal.
    has_boundary : bool
        Whether ``q`` is q~_mu, whose distribution has a second branch above ``q_asimov``.

    Returns
    -------
    tuple of float
        CLs+b, CLb, and CLs = CLs+b / CLb.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equations 57, 59 and 65 to 67; A. Read, J. Phys. G 28
    (2002) 2693 (CLs).

    Examples
    --------
    >>> [round(value, 7) for value in asymptotic_cls(0.25, 1.0)]
    [0.3085375, 0.6914625, 0.4462101]
    """
    root, root_asimov = math.sqrt(max(q, 0.0)), math.sqrt(max(q_asimov, 0.0))
    if has_boundary and root > root_asimov > 0.0:
        with_signal, without = (q + q_asimov) / (2.0 * root_asimov), (q - q_asimov) / (2.0 * root_asimov)
    else:
        with_signal, without = root, root - root_asimov
    ratio = math.exp(log_ndtr(-with_signal) - log_ndtr(-without))
    return float(ndtr(-with_signal)), float(ndtr(-without)), ratio


def expected_cls(q_asimov: float, bands: Sequence[float] = BANDS) -> Vector:
    """CLs of experiments without signal, at the median and in bands around it.

    Parameters
    ----------
    q_asimov : float
        The statistic on the Asimov set without signal.
    bands : sequence of float
        Standard deviations of the background-only experiment: -2 is the one that excludes most.

    Returns
    -------
    ndarray, 1
        One CLs for each band, rising for rising bands.

    Examples
    --------
    >>> expected_cls(2.7055).round(4)
    array([0.0059, 0.0258, 0.1   , 0.3085, 0.6536])
    """
    excess = -np.asarray(bands, dtype=np.float64)
    return np.asarray(np.exp(log_ndtr(-(excess + math.sqrt(max(q_asimov, 0.0)))) - log_ndtr(-excess)))


def excluding_root(band: float, level: float) -> float:
    """Square root of the Asimov statistic at which experiments of a band reach CLs of ``level``.

    Notes
    -----
    Phi^-1(1 - level Phi(N)) + N: the expected limit is where sqrt(q_A) has this value.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 89 with CLb in the place of 1.

    Examples
    --------
    >>> round(excluding_root(0.0, 0.05), 6)
    1.959964
    """
    return float(-ndtri(level * ndtr(band)) + band)


def counting_significance(signal: ArrayLike, background: ArrayLike, background_error: ArrayLike = 0.0) -> Vector:
    """Median significance of a signal in one bin, from its Asimov set.

    Parameters
    ----------
    signal, background : ndarray, events
        Expected counts; the background positive.
    background_error : ndarray, events
        Standard deviation of the background, from a control region of (background / error)^2 events.

    Returns
    -------
    ndarray, 1
        Z_A.

    Notes
    -----
    Z^2 = 2 [(s + b) ln(1 + s / b) - s] for a known background, and
    2 {(s + b) ln[(s + b)(b + e^2) / (b^2 + (s + b) e^2)] - (b^2 / e^2) ln[1 + e^2 s / (b (b + e^2))]} with an error e.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 97; G. Cowan, Discovery sensitivity for a
    counting experiment with background uncertainty (2012), equation 20.

    Examples
    --------
    >>> float(counting_significance(10.0, 100.0).round(6))
    0.983992
    """
    s, b, e = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (signal, background, background_error)))
    known = (s + b) * np.log1p(s / b) - s
    variance = np.where(e > 0.0, e, 1.0) ** 2
    total = s + b
    uncertain = total * np.log(total * (b + variance) / (b * b + total * variance)) - b * b / variance * np.log1p(
        variance * s / (b * (b + variance))
    )
    return np.asarray(np.sqrt(2.0 * np.maximum(np.where(e > 0.0, uncertain, known), 0.0)))
