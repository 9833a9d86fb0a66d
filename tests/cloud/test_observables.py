"""Jet-level observables against sums written out by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from collidium.cloud import Jets, feature_set, jet_observables, make_cloud


def _by_hand(p4: np.ndarray) -> dict[str, float]:
    """Observables of one jet by loops over pairs and triples."""
    E, px, py, pz = p4.sum(0)
    pt = np.hypot(p4[:, 1], p4[:, 2])
    eta, phi = np.arcsinh(p4[:, 3] / pt), np.arctan2(p4[:, 2], p4[:, 1])
    z = pt / pt.sum()
    jet_eta, jet_phi = np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)

    def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
        dphi = math.remainder(a[1] - b[1], 2 * math.pi)
        return math.hypot(a[0] - b[0], dphi)

    points = list(zip(eta, phi, strict=True))
    theta = [[distance(a, b) for b in points] for a in points]
    axis = [distance(a, (jet_eta, jet_phi)) for a in points]

    def e2(beta: float) -> float:
        return sum(z[i] * z[j] * theta[i][j] ** beta for i, j in itertools.combinations(range(len(z)), 2))

    def e3(beta: float) -> float:
        triples = itertools.combinations(range(len(z)), 3)
        return sum(z[i] * z[j] * z[k] * (theta[i][j] * theta[j][k] * theta[i][k]) ** beta for i, j, k in triples)

    return {
        "jet_log_pt": math.log(math.hypot(px, py)),
        "jet_abs_eta": abs(jet_eta),
        "jet_mass": math.sqrt(max(E**2 - px**2 - py**2 - pz**2, 0)),
        "jet_multiplicity": len(z),
        "jet_zlogz": float(np.sum(z * np.log(z))),
        "jet_ptd": float(np.sqrt(np.sum(z**2))),
        "jet_lha": float(np.sum(z * np.sqrt(axis))),
        "jet_width": float(np.sum(z * axis)),
        "jet_c1_b0": e2(0),
        "jet_c1_b1": e2(1),
        "jet_c1_b2": e2(2),
        "jet_c2_b1": e3(1) / e2(1) ** 2,
        "jet_c2_b2": e3(2) / e2(2) ** 2,
        "jet_ln_d2_b1": math.log(e3(1) / e2(1) ** 3),
        "jet_ln_d2_b2": math.log(e3(2) / e2(2) ** 3),
        "jet_ln_d2_a1_b2": math.log(e3(1) / e2(2) ** 1.5),
    }


def test_observables_equal_the_sums_written_out(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(100, longest=12), feature_set("kin")).double()
    values = jet_observables(cloud.p4, cloud.offsets)
    for jet in np.flatnonzero(cloud.lengths.numpy() >= 3)[:20]:
        rows = slice(int(cloud.offsets[jet]), int(cloud.offsets[jet + 1]))
        for name, expected in _by_hand(cloud.p4[rows].numpy()).items():
            assert float(values[name][jet]) == pytest.approx(expected, rel=1e-6, abs=1e-9), name


def test_degenerate_jets_are_finite() -> None:
    p4 = torch.tensor([[5.0, 3.0, 0.0, 4.0], [5.0, 3.0, 0.0, 4.0], [5.0, 3.0, 0.0, 4.0]])
    values = jet_observables(p4, torch.tensor([0, 1, 3, 3]))
    assert all(bool(torch.isfinite(value).all()) for value in values.values())


def test_jet_features_do_not_depend_on_the_batch(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(150), feature_set("jet16"))
    alone = make_cloud(make_jets(150).take([77]), feature_set("jet16"))
    assert cloud.g.shape == (150, 16)
    assert cloud.x.shape[1] == 0
    assert torch.allclose(cloud.g[77], alone.g[0], rtol=1e-5, atol=1e-5)
