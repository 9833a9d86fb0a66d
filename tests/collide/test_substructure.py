from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from collidium.cloud import FeatureSchema, Jets, make_cloud
from collidium.collide import GROOMED_OBSERVABLES, groomed_observables


def _by_loops(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> dict[str, float]:
    """The definitions, pair by pair and triple by triple."""
    z = pt / pt.sum()

    def theta(i: int, j: int) -> float:
        return math.hypot(eta[i] - eta[j], math.remainder(phi[i] - phi[j], 2 * math.pi))

    def e2(beta: int) -> float:
        return sum(z[i] * z[j] * theta(i, j) ** beta for i, j in itertools.combinations(range(len(z)), 2))

    def e3(beta: int, angles: int) -> float:
        total = 0.0
        for i, j, k in itertools.combinations(range(len(z)), 3):
            smallest = sorted((theta(i, j), theta(i, k), theta(j, k)))[:angles]
            total += z[i] * z[j] * z[k] * math.prod(smallest) ** beta
        return total

    return {
        "zlogz": float((z * np.log(z)).sum()),
        "c1_b0": e2(0),
        "c1_b1": e2(1),
        "c1_b2": e2(2),
        "c2_b1": e3(1, 3) / e2(1) ** 2,
        "c2_b2": e3(2, 3) / e2(2) ** 2,
        "ln_d2_b1": math.log(e3(1, 3) / e2(1) ** 3),
        "ln_d2_b2": math.log(e3(2, 3) / e2(2) ** 3),
        "ln_d2_a1_b2": math.log(e3(1, 3) / e2(2) ** 1.5),
        "m2_b1": e3(1, 1) / e2(1),
        "m2_b2": e3(2, 1) / e2(2),
        "n2_b1": e3(1, 2) / e2(1) ** 2,
        "n2_b2": e3(2, 2) / e2(2) ** 2,
    }


def test_observables_are_their_definitions(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(70, longest=9)
    jets = jets.take(np.flatnonzero(jets.lengths > 2))
    found = groomed_observables(jets, jets)
    assert list(found) == list(GROOMED_OBSERVABLES)
    px, py, pz = (jets.particles[f"part_p{axis}"].astype(float) for axis in "xyz")
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    for jet in range(len(jets)):
        rows = slice(jets.offsets[jet], jets.offsets[jet + 1])
        for name, expected in _by_loops(pt[rows], eta[rows], phi[rows]).items():
            assert found[name][jet] == pytest.approx(expected, rel=2e-4, abs=2e-4), name


def test_masses_and_multiplicity(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(50)
    half = jets.take(np.arange(50), max_particles=5)
    found = groomed_observables(jets, half)
    for name, some in (("mass", jets), ("mass_groomed", half)):
        p4 = make_cloud(some, FeatureSchema(())).p4.double().numpy()
        total = np.add.reduceat(p4, some.offsets[:-1])
        mass = np.sqrt(np.maximum(total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(1), 0))
        np.testing.assert_allclose(found[name], mass, rtol=1e-5, atol=1e-2)
    assert (found["multiplicity"] == jets.lengths).all()


def test_jets_of_one_and_two_particles_are_finite(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(30, longest=2)
    found = groomed_observables(jets, jets)
    assert all(np.isfinite(values).all() for values in found.values())
    assert (found["m2_b1"][jets.lengths == 2] < 1e-9).all()


def test_azimuth_is_a_circle(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(20)
    turned = Jets(jets.offsets, dict(jets.particles), jets.scalars, jets.classes)
    turned.particles["part_px"], turned.particles["part_py"] = -jets.particles["part_py"], jets.particles["part_px"]
    before, after = groomed_observables(jets, jets), groomed_observables(turned, turned)
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-3, atol=1e-4)
