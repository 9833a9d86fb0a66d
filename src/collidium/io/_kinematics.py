"""Momenta and jet quantities in NumPy, as readers need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMALLEST_PT = 1e-20


def momenta(
    pt: NDArray[np.floating], eta: NDArray[np.floating], phi: NDArray[np.floating], mass: NDArray[np.floating] | float
) -> dict[str, NDArray[np.float64]]:
    """Turn collider coordinates into momentum columns.

    Parameters
    ----------
    pt : ndarray, (T,), GeV
        Transverse momentum.
    eta : ndarray, (T,), 1
        Pseudorapidity.
    phi : ndarray, (T,), rad
        Azimuth.
    mass : ndarray, (T,) or float, GeV
        Mass; rounding below zero counts as zero.

    Returns
    -------
    dict of str to ndarray of float64, (T,), GeV
        ``part_px``, ``part_py``, ``part_pz``, ``part_energy``.

    Examples
    --------
    >>> one = momenta(np.array([3.0]), np.array([0.0]), np.array([0.0]), 4.0)
    >>> [float(column[0]) for column in one.values()]
    [3.0, 0.0, 0.0, 5.0]
    """
    pt, eta, phi = (np.asarray(value, dtype=np.float64) for value in (pt, eta, phi))
    pz = pt * np.sinh(eta)
    m = np.maximum(np.asarray(mass, dtype=np.float64), 0.0)
    energy = np.sqrt(pt * pt + pz * pz + m * m)
    return {"part_px": pt * np.cos(phi), "part_py": pt * np.sin(phi), "part_pz": pz, "part_energy": energy}


def momenta_from_rapidity(
    pt: NDArray[np.floating], rapidity: NDArray[np.floating], phi: NDArray[np.floating], mass: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Turn (pT, rapidity, phi, mass) into momentum columns.

    Parameters
    ----------
    pt : ndarray, (T,), GeV
        Transverse momentum.
    rapidity : ndarray, (T,), 1
        Rapidity y, not pseudorapidity.
    phi : ndarray, (T,), rad
        Azimuth.
    mass : ndarray, (T,), GeV
        Mass.

    Returns
    -------
    dict of str to ndarray of float64, (T,), GeV
        With mT^2 = pT^2 + m^2: pz = mT sinh(y), E = mT cosh(y).

    Examples
    --------
    >>> one = momenta_from_rapidity(np.array([3.0]), np.array([0.0]), np.array([0.0]), np.array([4.0]))
    >>> float(one["part_energy"][0])
    5.0
    """
    mt = np.hypot(pt, mass)
    return {
        "part_px": pt * np.cos(phi),
        "part_py": pt * np.sin(phi),
        "part_pz": mt * np.sinh(rapidity),
        "part_energy": mt * np.cosh(rapidity),
    }


def summed(offsets: NDArray[np.int64], particles: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Jet columns from the sum of the constituents, for sources that store no jet momentum.

    Parameters
    ----------
    offsets : ndarray of int64, (N + 1,)
        Rows of each jet.
    particles : mapping of str to ndarray, (T,), GeV
        The four momentum columns.

    Returns
    -------
    dict of str to ndarray of float64, (N,)
        ``jet_pt`` (GeV), ``jet_eta`` (1), ``jet_phi`` (rad), ``jet_energy`` (GeV).

    Examples
    --------
    >>> two = {name: np.ones(2) for name in ("part_px", "part_py", "part_pz", "part_energy")}
    >>> float(summed(np.array([0, 2]), two)["jet_energy"][0])
    2.0
    """
    num_jets = len(offsets) - 1
    owner = np.repeat(np.arange(num_jets), np.diff(offsets))
    px, py, pz, energy = (
        np.bincount(owner, particles[name], num_jets) for name in ("part_px", "part_py", "part_pz", "part_energy")
    )
    pt = np.hypot(px, py)
    return {
        "jet_pt": pt,
        "jet_eta": np.arcsinh(pz / np.maximum(pt, _SMALLEST_PT)),
        "jet_phi": np.arctan2(py, px),
        "jet_energy": energy,
    }


def offsets_of(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where lists begin that stand one after the other.

    Parameters
    ----------
    lengths : ndarray of int, (N,)
        Length of each list.

    Returns
    -------
    ndarray of int64, (N + 1,)
        The first row of each list, and the end of the last.

    Examples
    --------
    >>> offsets_of(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def unpadded(values: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the particles in a zero-padded array.

    Parameters
    ----------
    values : ndarray, (N, P, 4)
        Four numbers a particle; a row in which all four are exactly zero is padding, wherever it stands.

    Returns
    -------
    offsets : ndarray of int64, (N + 1,)
        Rows of each jet once the padding is gone.
    mask : ndarray of bool, (N, P)
        True for a particle.

    Examples
    --------
    >>> offsets, mask = unpadded(np.array([[[5.0, 3, 0, 4], [0, 0, 0, 0]]]))
    >>> offsets.tolist(), mask.tolist()
    ([0, 1], [[True, False]])
    """
    mask = np.any(values != 0, axis=2)
    return offsets_of(mask.sum(axis=1)), mask
