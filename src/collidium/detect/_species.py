"""Charge, class and calorimeter fractions of the particles that reach a detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.detect._particles import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON, Float, Int


@dataclass(frozen=True, kw_only=True)
class Species:
    """A kind of particle as the detector sees it.

    Attributes
    ----------
    pid : int
        PDG number of the particle; the antiparticle is its negative.
    charge : int
        Electric charge of the particle, e.
    kind : int
        Class of the reconstructed candidate.
    ecal, hcal : float
        Fraction of the energy left in each calorimeter, 1.
    """

    pid: int
    charge: int
    kind: int
    ecal: float
    hcal: float


def _hadron(pid: int, charge: int, *, ecal: float = 0.0) -> Species:
    kind = CHARGED_HADRON if charge else NEUTRAL_HADRON
    return Species(pid=pid, charge=charge, kind=kind, ecal=ecal, hcal=1.0 - ecal)


SPECIES: dict[int, Species] = {
    species.pid: species
    for species in (
        Species(pid=11, charge=-1, kind=ELECTRON, ecal=1.0, hcal=0.0),
        Species(pid=13, charge=-1, kind=MUON, ecal=0.0, hcal=0.0),
        Species(pid=22, charge=0, kind=PHOTON, ecal=1.0, hcal=0.0),
        Species(pid=111, charge=0, kind=PHOTON, ecal=1.0, hcal=0.0),
        _hadron(211, 1),
        _hadron(321, 1),
        _hadron(2212, 1),
        _hadron(2112, 0),
        _hadron(130, 0),
        _hadron(310, 0, ecal=0.3),
        _hadron(3122, 0, ecal=0.3),
        _hadron(3222, 1),
        _hadron(3112, -1),
        _hadron(3312, -1),
        _hadron(3322, 0),
        _hadron(3334, -1),
        _hadron(1000010020, 1),
    )
}
NEUTRINOS = (12, 14, 16)

_KNOWN = np.array(sorted(SPECIES), dtype=np.int64)
_CHARGE = np.array([SPECIES[pid].charge for pid in _KNOWN.tolist()], dtype=np.int64)
_KIND = np.array([SPECIES[pid].kind for pid in _KNOWN.tolist()], dtype=np.int64)
_ECAL = np.array([SPECIES[pid].ecal for pid in _KNOWN.tolist()])
_HCAL = np.array([SPECIES[pid].hcal for pid in _KNOWN.tolist()])


@dataclass(frozen=True)
class SpeciesColumns:
    """Properties of T particles, looked up in ``SPECIES``.

    Attributes
    ----------
    charge : ndarray of int64, (T,), e
        Electric charge.
    kind : ndarray of int64, (T,)
        Class of the candidate.
    ecal, hcal : ndarray, (T,), 1
        Energy fractions.
    """

    charge: Int
    kind: Int
    ecal: Float
    hcal: Float


def species_of(pid: Int) -> SpeciesColumns:
    """Look up particles by PDG number.

    Parameters
    ----------
    pid : ndarray of int64, (T,)
        PDG numbers of stable particles other than neutrinos.

    Returns
    -------
    SpeciesColumns
        Their properties.

    Raises
    ------
    ValueError
        For a number that is not in ``SPECIES``.

    References
    ----------
    Energy fractions: the CMS card of Delphes, arXiv:1307.6346.

    Examples
    --------
    >>> species_of(np.array([211, -11, 22])).charge.tolist()
    [1, 1, 0]
    """
    size = np.abs(pid)
    row = np.minimum(np.searchsorted(_KNOWN, size), len(_KNOWN) - 1)
    strangers = np.flatnonzero(_KNOWN[row] != size)
    if len(strangers):
        raise ValueError(f"particle {pid[strangers[0]]} is not one that the detector knows: {sorted(SPECIES)}")
    return SpeciesColumns(_CHARGE[row] * np.sign(pid), _KIND[row], _ECAL[row], _HCAL[row])
