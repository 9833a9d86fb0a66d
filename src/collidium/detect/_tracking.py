"""Tracks: how often they are found, and how well their momentum and impact parameters are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.detect._particles import CHARGED_HADRON, ELECTRON, MUON, Float, Int

MIN_PT = 0.1
MAX_ABS_ETA = 2.5
_BARREL_ABS_ETA = 1.5
_RESOLUTION_ABS_ETA = np.array([0.5, 1.5])


@dataclass(frozen=True, kw_only=True)
class TrackTable:
    """Numbers of one kind of track.

    Attributes
    ----------
    pt_edges : tuple of float
        Inner edges of the efficiency's pT steps, GeV, the first step beginning at 0.1 GeV.
    barrel, endcap : tuple of float
        Efficiency in each step for |eta| <= 1.5 and for 1.5 < |eta| <= 2.5, 1.
    fade_pt : float
        Above it the efficiency falls as exp(0.5 - pT / (2 fade_pt)), GeV.
    constant, slope : tuple of float
        a and b of the relative pT resolution sqrt(a^2 + (b pT)^2) for |eta| up to 0.5, 1.5 and 2.5; 1 and 1/GeV.
    """

    pt_edges: tuple[float, ...]
    barrel: tuple[float, ...]
    endcap: tuple[float, ...]
    fade_pt: float = np.inf
    constant: tuple[float, float, float]
    slope: tuple[float, float, float]


TRACKS: dict[int, TrackTable] = {
    CHARGED_HADRON: TrackTable(
        pt_edges=(1.0,),
        barrel=(0.70, 0.95),
        endcap=(0.60, 0.85),
        constant=(0.06, 0.10, 0.25),
        slope=(1.3e-3, 1.7e-3, 3.1e-3),
    ),
    ELECTRON: TrackTable(
        pt_edges=(1.0, 100.0),
        barrel=(0.73, 0.95, 0.99),
        endcap=(0.50, 0.83, 0.90),
        constant=(0.03, 0.05, 0.15),
        slope=(1.3e-3, 1.7e-3, 3.1e-3),
    ),
    MUON: TrackTable(
        pt_edges=(1.0,),
        barrel=(0.75, 0.99),
        endcap=(0.70, 0.98),
        fade_pt=1000.0,
        constant=(0.01, 0.015, 0.025),
        slope=(1.0e-4, 1.5e-4, 3.5e-4),
    ),
}


@dataclass(frozen=True, kw_only=True)
class ImpactResolution:
    """Resolution of an impact parameter: a plateau and multiple scattering, added in quadrature.

    Attributes
    ----------
    plateau : float
        a, mm.
    scattering : float
        b, mm GeV.
    power : float
        c in sqrt(a^2 + (b / (pT sin(theta)^c))^2), 1: 1/2 in the transverse plane, 3/2 along the beam.
    """

    plateau: float
    scattering: float
    power: float


TRANSVERSE = ImpactResolution(plateau=0.0234, scattering=0.0869, power=0.5)
LONGITUDINAL = ImpactResolution(plateau=0.0426, scattering=0.1438, power=1.5)


def efficiency(kind: Int, pt: Float, eta: Float) -> Float:
    """Probability that a track is found.

    Parameters
    ----------
    kind : ndarray of int64, (T,)
        Class of the particle; other than hadron, electron and muon gives 0.
    pt, eta : ndarray, (T,), GeV and 1
        Its momentum.

    Returns
    -------
    ndarray, (T,), 1
        The probability; 0 for pT <= 0.1 GeV or |eta| > 2.5.

    References
    ----------
    CMS card of Delphes, arXiv:1307.6346.

    Examples
    --------
    >>> efficiency(np.array([0, 0, 4]), np.array([5.0, 0.5, 5.0]), np.array([0.0, 2.0, 2.6])).tolist()
    [0.95, 0.6, 0.0]
    """
    result = np.zeros(len(pt))
    size = np.abs(eta)
    for code, table in TRACKS.items():
        rows = np.flatnonzero((kind == code) & (pt > MIN_PT) & (size <= MAX_ABS_ETA))
        step = np.searchsorted(table.pt_edges, pt[rows])
        plateau = np.where(size[rows] <= _BARREL_ABS_ETA, np.take(table.barrel, step), np.take(table.endcap, step))
        fade = np.where(pt[rows] > table.fade_pt, np.exp(0.5 - pt[rows] / (2 * table.fade_pt)), 1.0)
        result[rows] = plateau * fade
    return result


def relative_resolution(kind: Int, pt: Float, eta: Float) -> Float:
    """Relative resolution of the transverse momentum of a track.

    Parameters
    ----------
    kind : ndarray of int64, (T,)
        ``CHARGED_HADRON``, ``ELECTRON`` or ``MUON``.
    pt, eta : ndarray, (T,), GeV and 1
        Momentum of the track.

    Returns
    -------
    ndarray, (T,), 1
        sqrt(a^2 + (b pT)^2), at most 1.

    References
    ----------
    CMS card of Delphes, arXiv:1307.6346.

    Examples
    --------
    >>> relative_resolution(np.array([4]), np.array([100.0]), np.array([0.0])).round(4).tolist()
    [0.0141]
    """
    band = np.searchsorted(_RESOLUTION_ABS_ETA, np.abs(eta))
    result = np.zeros(len(pt))
    for code, table in TRACKS.items():
        rows = np.flatnonzero(kind == code)
        constant, slope = np.take(table.constant, band[rows]), np.take(table.slope, band[rows])
        result[rows] = np.hypot(constant, slope * pt[rows])
    return np.minimum(result, 1.0)


def impact_resolution(pt: Float, eta: Float, resolution: ImpactResolution) -> Float:
    """Resolution of an impact parameter.

    Parameters
    ----------
    pt, eta : ndarray, (T,), GeV and 1
        Momentum of the track.
    resolution : ImpactResolution
        ``TRANSVERSE`` or ``LONGITUDINAL``.

    Returns
    -------
    ndarray, (T,), mm
        sqrt(a^2 + (b / (pT sin(theta)^c))^2).

    Notes
    -----
    The constants solve the two conditions that CMS quotes for tracks in jets in the barrel: 0.090 and 0.025 mm in the
    transverse plane and 0.150 and 0.045 mm along the beam at 1 and 10 GeV, eta = 0. The powers of sin(theta) are those
    of scattering in cylinders.

    References
    ----------
    CMS collaboration, arXiv:1405.6569.

    Examples
    --------
    >>> impact_resolution(np.array([1.0, 10.0]), np.zeros(2), TRANSVERSE).round(3).tolist()
    [0.09, 0.025]
    """
    return np.hypot(resolution.plateau, resolution.scattering / pt * np.cosh(eta) ** resolution.power)


def log_normal(mean: Float, sigma: Float, generator: np.random.Generator) -> Float:
    """Draw positive numbers of given mean and standard deviation.

    Parameters
    ----------
    mean, sigma : ndarray, (T,)
        Mean (not negative) and standard deviation, in one unit.
    generator : numpy.random.Generator
        Source of T normal numbers.

    Returns
    -------
    ndarray, (T,)
        exp(a + b g) with b^2 = ln(1 + sigma^2 / mean^2) and a = ln(mean) - b^2 / 2; 0 where the mean is 0.

    Examples
    --------
    >>> draws = log_normal(np.full(100_000, 10.0), np.full(100_000, 5.0), np.random.default_rng(1))
    >>> bool(abs(draws.mean() - 10) < 0.1) and bool(abs(draws.std() - 5) < 0.2)
    True
    """
    normal = generator.standard_normal(len(mean))
    relative = np.divide(sigma, mean, out=np.zeros(len(mean)), where=mean > 0)
    width_squared = np.log1p(relative**2)
    factor: Float = np.exp(np.sqrt(width_squared) * normal - width_squared / 2)
    return mean * factor


def is_found(probability: Float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which of T tracks are found.

    Parameters
    ----------
    probability : ndarray, (T,), 1
        As :func:`efficiency` gives.
    generator : numpy.random.Generator
        Source of T uniform numbers.

    Returns
    -------
    ndarray of bool, (T,)
        True where found.

    Examples
    --------
    >>> is_found(np.array([0.0, 1.0]), np.random.default_rng(1)).tolist()
    [False, True]
    """
    return generator.random(len(probability)) < probability
