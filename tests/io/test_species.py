from __future__ import annotations

import numpy as np

from collidium.io._species import charge_and_mass, flags, known_species


def test_flags_are_exclusive_and_complete() -> None:
    pdg = np.array([211, -211, 321, 2212, 130, 2112, 22, 11, -11, 13, -13, 1, 2, 3122])
    charge = np.array([1, -1, 1, 1, 0, 0, 0, -1, 1, -1, 1, 0, 0, 0])
    found = np.stack(list(flags(pdg, charge).values()))
    assert np.all(found.sum(axis=0) == 1)
    assert found.argmax(axis=0).tolist() == [0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 4, 1, 2, 1]


def test_antiparticles_have_the_opposite_charge_and_the_same_mass() -> None:
    pdg = np.array([11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334, 22, 130, 2112])
    charge, mass = charge_and_mass(pdg)
    opposite, same = charge_and_mass(-pdg)
    assert charge.tolist() == [-1, -1, 1, 1, 1, -1, 1, -1, -1, 0, 0, 0]
    assert np.array_equal(opposite, -charge)
    assert np.array_equal(mass, same)
    assert abs(mass[2] - 0.13957) < 1e-4


def test_neutrinos_and_partons_are_not_known() -> None:
    assert known_species(np.array([211, 12, 21, 0, -13])).tolist() == [True, False, False, False, True]
