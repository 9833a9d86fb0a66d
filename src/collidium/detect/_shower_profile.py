"""Shapes of showers along and across their axis."""

from __future__ import annotations

import math

import numpy as np

from collidium.detect._particles import Float


def layer_fraction(energy: Float, depth: Float, *, critical_energy: float) -> Float:
    """Mean fraction of an electromagnetic shower's energy left in one radiation length at a depth.

    Parameters
    ----------
    energy : ndarray, (T,), GeV
        Energy of the photon.
    depth : ndarray, (T,), 1
        Radiation lengths.
    critical_energy : float
        GeV.

    Returns
    -------
    ndarray, (T,), 1
        ``b (b t)^(a - 1) exp(-b t) / Gamma(a)`` with b = 0.5, a = 1 + b t_max and ``t_max = ln(E / E_c) + 0.5``, at
        least 0.

    References
    ----------
    Review of Particle Physics, "Passage of particles through matter", electromagnetic cascades.

    Examples
    --------
    >>> t = np.arange(0.05, 60, 0.1)
    >>> round(float(layer_fraction(np.full(600, 50.0), t, critical_energy=0.01).sum() * 0.1), 3)
    1.0
    """
    b = 0.5
    peak = np.maximum(np.log(energy / critical_energy) + 0.5, 0.0)
    a = 1 + b * peak
    t = b * np.maximum(depth, 1e-9)
    log_gamma = np.fromiter(map(math.lgamma, a.tolist()), dtype=np.float64, count=len(a))
    fraction: Float = b * np.exp((a - 1) * np.log(t) - t - log_gamma)
    return fraction


def radial_quantile(uniform: Float, scale: Float) -> Float:
    """Radius within which a fraction of a shower component lies.

    Parameters
    ----------
    uniform : ndarray, (T,), 1
        The fraction, below 1.
    scale : ndarray, (T,), mm
        R of the density ``2 r R^2 / (r^2 + R^2)^2``.

    Returns
    -------
    ndarray, (T,), mm
        ``R sqrt(u / (1 - u))``: half lies within R.

    References
    ----------
    Grindhammer, Peters, arXiv:hep-ex/0001020.

    Examples
    --------
    >>> radial_quantile(np.array([0.5]), np.array([5.0])).tolist()
    [5.0]
    """
    return scale * np.sqrt(uniform / (1 - uniform))
