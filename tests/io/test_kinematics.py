from __future__ import annotations

import numpy as np
import pytest

from collidium.io._kinematics import momenta, momenta_from_rapidity, offsets_of, summed, unpadded


def test_momenta_keep_pt_eta_phi_and_mass() -> None:
    rng = np.random.default_rng(1)
    pt, eta, phi, mass = rng.uniform(0.1, 500, 50), rng.uniform(-5, 5, 50), rng.uniform(-3.1, 3.1, 50), rng.random(50)
    px, py, pz, energy = momenta(pt, eta, phi, mass).values()
    np.testing.assert_allclose(np.hypot(px, py), pt, rtol=1e-12)
    np.testing.assert_allclose(np.arcsinh(pz / pt), eta, rtol=1e-10)
    np.testing.assert_allclose(np.arctan2(py, px), phi, rtol=1e-10)
    np.testing.assert_allclose(energy**2 - px**2 - py**2 - pz**2, mass**2, atol=1e-5 * energy.max())


def test_rounding_below_zero_mass_counts_as_massless() -> None:
    px, py, pz, energy = momenta(np.array([2.0]), np.array([1.0]), np.array([0.3]), np.array([-1e-3])).values()
    assert energy[0] == pytest.approx(np.sqrt(px**2 + py**2 + pz**2)[0], rel=1e-15)


def test_rapidity_is_not_pseudorapidity() -> None:
    pt, y, phi, mass = np.array([1.0]), np.array([2.0]), np.array([0.4]), np.array([0.938])
    px, py, pz, energy = momenta_from_rapidity(pt, y, phi, mass).values()
    assert 0.5 * np.log((energy + pz) / (energy - pz))[0] == pytest.approx(2.0, rel=1e-12)
    assert (energy**2 - px**2 - py**2 - pz**2)[0] == pytest.approx(0.938**2, rel=1e-9)
    assert np.arcsinh(pz / pt)[0] > 2.2


def test_sum_of_two_opposite_particles_is_at_rest_in_the_transverse_plane() -> None:
    columns = {"part_px": np.array([3.0, -3, 1]), "part_py": np.zeros(3), "part_pz": np.array([4.0, 4, 0])}
    jets = summed(np.array([0, 2, 2, 3]), columns | {"part_energy": np.array([5.0, 5, 1])})
    assert jets["jet_pt"].tolist() == [0.0, 0.0, 1.0]
    assert jets["jet_energy"].tolist() == [10.0, 0.0, 1.0]
    assert np.all(np.isfinite(jets["jet_eta"]))


def test_padding_is_a_row_of_exact_zeros_wherever_it_stands() -> None:
    p4 = np.zeros((2, 3, 4))
    p4[0, 1] = (1.0, 0, 0, 0)
    p4[1, 0] = (0, 0, 0, 1e-30)
    offsets, mask = unpadded(p4)
    assert offsets.tolist() == [0, 1, 2]
    assert mask.tolist() == [[False, True, False], [True, False, False]]


def test_offsets_count_what_came_before() -> None:
    assert offsets_of(np.array([3, 0, 2], dtype=np.int32)).tolist() == [0, 3, 3, 5]
    assert offsets_of(np.zeros(0, dtype=np.int64)).tolist() == [0]
