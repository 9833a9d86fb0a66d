from __future__ import annotations

import numpy as np
import pytest

from collidium.detect import CHARGED_HADRON, NEUTRAL_HADRON, NEUTRINOS, PHOTON, SPECIES, species_of


@pytest.mark.parametrize(
    ("pid", "charge", "kind", "ecal", "hcal"),
    [
        (211, 1, CHARGED_HADRON, 0.0, 1.0),
        (-2212, -1, CHARGED_HADRON, 0.0, 1.0),
        (3112, -1, CHARGED_HADRON, 0.0, 1.0),
        (-3112, 1, CHARGED_HADRON, 0.0, 1.0),
        (22, 0, PHOTON, 1.0, 0.0),
        (130, 0, NEUTRAL_HADRON, 0.0, 1.0),
        (310, 0, NEUTRAL_HADRON, 0.3, 0.7),
        (-3122, 0, NEUTRAL_HADRON, 0.3, 0.7),
    ],
)
def test_table(pid: int, charge: int, kind: int, ecal: float, hcal: float) -> None:
    found = species_of(np.array([pid]))
    assert (found.charge[0], found.kind[0]) == (charge, kind)
    assert (found.ecal[0], found.hcal[0]) == pytest.approx((ecal, hcal))


def test_charges_agree_with_pythia() -> None:
    pythia8mc = pytest.importorskip("pythia8mc")
    data = pythia8mc.Pythia("", False).particleData
    for pid in (pid for pid in SPECIES if data.isParticle(pid)):
        assert data.charge(pid) == species_of(np.array([pid])).charge[0], pid


def test_everything_but_muons_leaves_all_its_energy() -> None:
    for pid, species in SPECIES.items():
        assert species.ecal + species.hcal == pytest.approx(0.0 if pid == 13 else 1.0)


@pytest.mark.parametrize("pid", [*NEUTRINOS, 6, 1000022])
def test_unknown_particles_are_refused_by_number(pid: int) -> None:
    with pytest.raises(ValueError, match=f"particle {pid} is not one"):
        species_of(np.array([211, pid]))
