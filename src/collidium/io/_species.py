"""Particle species: JetClass's five flags, charges and masses from PDG numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLAGS = ("part_isChargedHadron", "part_isNeutralHadron", "part_isPhoton", "part_isElectron", "part_isMuon")

# Charge in e and mass in GeV of the particles that jets of stable or reconstructed particles hold (PDG 2024).
_PARTICLES: dict[int, tuple[int, float]] = {
    11: (-1, 0.000511),
    13: (-1, 0.105658),
    22: (0, 0.0),
    130: (0, 0.497611),
    211: (1, 0.139570),
    310: (0, 0.497611),
    321: (1, 0.493677),
    2112: (0, 0.939565),
    2212: (1, 0.938272),
    3112: (-1, 1.197449),
    3122: (0, 1.115683),
    3222: (1, 1.189370),
    3312: (-1, 1.321710),
    3322: (0, 1.314860),
    3334: (-1, 1.672450),
}
# CMS particle flow names deposits in the forward calorimeter 1 (hadronic) and 2 (electromagnetic).
_ELECTROMAGNETIC_DEPOSIT = 2


def known_species(pdg: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Tell which PDG numbers have a charge and mass here; ndarray of bool, (T,)."""
    return np.isin(np.abs(pdg), list(_PARTICLES))


def charge_and_mass(pdg: NDArray[np.integer]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Look charges and masses up.

    Parameters
    ----------
    pdg : ndarray of int, (T,)
        Signed PDG numbers, all :func:`known_species`.

    Returns
    -------
    charge : ndarray of int8, (T,), e
        Electric charge; the antiparticle's has the other sign.
    mass : ndarray of float64, (T,), GeV
        Rest mass.

    Examples
    --------
    >>> charge_and_mass(np.array([-211, 22, 11]))[0].tolist()
    [-1, 0, -1]
    """
    codes, place = np.unique(pdg, return_inverse=True)
    rows = [_PARTICLES[abs(int(code))] for code in codes]
    charge = np.array([row[0] * (1 if code > 0 else -1) for row, code in zip(rows, codes, strict=True)], dtype=np.int8)
    mass = np.array([row[1] for row in rows], dtype=np.float64)
    return charge[place], mass[place]


def flags(pdg: NDArray[np.integer], charge: NDArray[np.integer]) -> dict[str, NDArray[np.int8]]:
    """Set the five exclusive species flags.

    Parameters
    ----------
    pdg : ndarray of int, (T,)
        PDG numbers, or CMS particle-flow numbers (1 and 2 are forward hadronic and electromagnetic deposits).
    charge : ndarray of int, (T,), e
        Electric charge.

    Returns
    -------
    dict of str to ndarray of int8, (T,)
        Exactly one flag is 1 for each particle.

    Examples
    --------
    >>> found = flags(np.array([22, 2, 1, 130, -13, 211]), np.array([0, 0, 0, 0, 1, 1]))
    >>> found["part_isPhoton"].tolist(), found["part_isNeutralHadron"].tolist()
    ([1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0])
    """
    code = np.abs(pdg)
    is_photon = (code == 22) | (code == _ELECTROMAGNETIC_DEPOSIT)
    is_electron, is_muon = code == 11, code == 13
    is_hadron = ~(is_photon | is_electron | is_muon)
    values = (is_hadron & (charge != 0), is_hadron & (charge == 0), is_photon, is_electron, is_muon)
    return {name: value.astype(np.int8) for name, value in zip(FLAGS, values, strict=True)}
