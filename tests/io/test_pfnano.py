from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from collidium.artifact import InputError, read_manifest
from collidium.cloud import Jets, feature_set, make_cloud
from collidium.io import FORMATS, convert, detect_format
from collidium.io._kinematics import summed
from collidium.io._nanoaod import FLAVOURS, flavour_labels

SAMPLE = "format-samples/pfnano_mc_10evts.root"
READ = FORMATS["pfnano"].read
F32 = np.float32


@functools.cache
def sample(path: Path, collection: str) -> Jets:
    return Jets.concat(list(READ(path, collection, 4)))


def candidates(events: list[list[tuple[float, ...]]]) -> dict[str, Any]:
    """PFCands branches from rows pt, eta, phi, mass, pdgId, charge, d0, d0Err, puppiWeight."""
    names = ("pt", "eta", "phi", "mass", "pdgId", "charge", "d0", "d0Err", "puppiWeight")
    kinds = (F32, F32, F32, F32, np.int32, np.int32, F32, F32, F32)
    branches = {
        f"PFCands_{name}": [np.array([row[i] for row in event], dtype=kind) for event in events]
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    return branches | {"PFCands_dz": branches["PFCands_d0"], "PFCands_dzErr": branches["PFCands_d0Err"]}


def two_events() -> dict[str, Any]:
    """Event 0: two jets, the first with a pion and a photon, the second without; event 1: one jet of three."""
    pion = (30.0, 0.1, 3.1, 0.1396, 211, 1, 0.02, 0.001, 1.0)
    soft = (1.0, 0.2, -3.1, 0.1396, -211, -1, -1.0, -1.0, 0.0)
    photon = (10.0, 0.0, -3.1, -1e-7, 22, 0, -1.0, -1.0, 0.5)
    forward = (5.0, 3.5, 0.0, 0.0, 1, 0, -1.0, -1.0, 1.0)
    jets = {
        "Jet_pt": [np.array([44.0, 20.0], F32), np.array([40.0], F32)],
        "Jet_eta": [np.array([0.1, 1.0], F32), np.array([0.1], F32)],
        "Jet_phi": [np.array([3.1, 1.0], F32), np.array([3.1], F32)],
        "Jet_mass": [np.array([5.5, 2.0], F32), np.array([5.0], F32)],
        "Jet_rawFactor": [np.array([0.1, 0.0], F32), np.array([-0.1], F32)],
        "Jet_hadronFlavour": [np.array([5, 0], np.int32), np.array([0], np.int32)],
        "Jet_partonFlavour": [np.array([5, 21], np.int32), np.array([-2], np.int32)],
        "JetPFCands_jetIdx": [np.array([0, 0, -1], np.int32), np.array([0, 0, 0], np.int32)],
        "JetPFCands_pFCandsIdx": [np.array([2, 1, 0], np.int32), np.array([0, 1, 2], np.int32)],
        "genWeight": np.array([1.5, -1.0], F32),
    }
    return candidates([[soft, pion, photon], [soft, photon, forward]]) | jets


def test_links_units_and_flavours(tmp_path, write_root, caplog) -> None:
    path = write_root(tmp_path / "nano.root", "Events", **two_events())
    assert detect_format(path).name == "pfnano"
    jets = Jets.concat(list(READ(path, None, 1)))
    assert jets.lengths.tolist() == [2, 3]
    assert "1 of 3 AK4 jets without candidates left out" in caplog.text
    assert jets.particles["part_charge"].tolist() == [1, 0, 0, 0, -1]
    np.testing.assert_allclose(jets.particles["part_d0val"], [0.2, 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(jets.particles["part_d0err"], [0.01, 0, 0, 0, 0], rtol=1e-6)
    assert jets.particles["part_isPhoton"].tolist() == [0, 1, 1, 0, 0]
    assert jets.particles["part_isNeutralHadron"].tolist() == [0, 0, 0, 1, 0]
    np.testing.assert_allclose(jets.scalars["jet_pt"], [44 * 0.9, 44.0], rtol=1e-6)
    assert [FLAVOURS[label] for label in jets.scalars["label"]] == ["b", "uds"]
    assert jets.scalars["weight"].tolist() == [1.5, -1.0]
    np.testing.assert_allclose(np.hypot(jets.particles["part_px"], jets.particles["part_py"])[:2], [30, 10], rtol=1e-6)


def test_jets_of_one_event_share_a_split(tmp_path, write_root) -> None:
    events = two_events() | {"JetPFCands_jetIdx": [np.array([0, 1, -1], np.int32), np.array([0, 0, 0], np.int32)]}
    path = write_root(tmp_path / "nano.root", "Events", **events)
    numbers = Jets.concat(list(READ(path, None, 1))).scalars["event_id"]
    assert len(set(numbers.tolist())) == 3
    assert len(set((numbers[:2] >> np.uint64(6)).tolist())) == 1
    assert numbers[0] >> np.uint64(6) != numbers[2] >> np.uint64(6)


def test_numbers_do_not_depend_on_steps(tmp_path, write_root) -> None:
    path = write_root(tmp_path / "nano.root", "Events", **two_events())
    numbers = [Jets.concat(list(READ(path, None, step))).scalars["event_id"] for step in (1, 2)]
    assert np.array_equal(*numbers)
    assert not np.any(np.isin(numbers[0], next(READ(path, "AK4Puppi", 2)).scalars["event_id"]))


def test_puppi_weights_scale_the_momenta_and_drop_zeros(tmp_path, write_root) -> None:
    path = write_root(tmp_path / "nano.root", "Events", **two_events())
    jets = next(READ(path, "AK4Puppi", 2))
    pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    assert jets.lengths.tolist() == [2, 2]
    np.testing.assert_allclose(pt, [30.0, 5.0, 5.0, 5.0], rtol=1e-6)


def test_link_behind_the_end_is_refused(tmp_path, write_root) -> None:
    branches = two_events()
    branches["JetPFCands_pFCandsIdx"][1] = np.array([0, 1, 3], np.int32)
    with pytest.raises(InputError, match="branch JetPFCands_pFCandsIdx is 3 in event 1, which has 3 PFCands"):
        list(READ(write_root(tmp_path / "nano.root", "Events", **branches), None, 2))


@pytest.mark.parametrize("name", ["PFCands_d0Err", "Jet_rawFactor", "JetPFCands_jetIdx"])
def test_missing_branch_is_named(tmp_path, write_root, name: str) -> None:
    branches = two_events()
    del branches[name]
    path = write_root(tmp_path / "nano.root", "Events", **branches)
    with pytest.raises(InputError, match=rf"branch {name} is missing in tree Events"):
        next(READ(path, None, 2))


def test_nan_impact_parameter_is_refused(tmp_path, write_root) -> None:
    branches = two_events()
    branches["PFCands_d0"][0][1] = np.nan
    path = write_root(tmp_path / "nano.root", "Events", **branches)
    with pytest.raises(InputError, match=r"from event 0\): column part_d0val is nan in jet 0"):
        next(READ(path, None, 2))


def test_data_is_unlabelled(tmp_path, write_root) -> None:
    branches = {k: v for k, v in two_events().items() if "Flavour" not in k and k != "genWeight"}
    jets = next(READ(write_root(tmp_path / "nano.root", "Events", **branches), None, 2))
    assert jets.classes == ()
    assert jets.scalars["label"].tolist() == [-1, -1]
    assert jets.scalars["weight"].tolist() == [1, 1]


def test_heavy_flavour_comes_from_hadrons_and_light_from_partons() -> None:
    hadron = np.array([5, 5, 4, 0, 0, 0, 0, 0])
    parton = np.array([21, 0, 5, 21, 1, -3, 4, 0])
    names = [FLAVOURS[label] if label >= 0 else None for label in flavour_labels(hadron, parton)]
    assert names == ["b", "b", "c", "g", "uds", "uds", None, None]


@pytest.mark.parametrize(("collection", "num_jets", "tolerance"), [("AK4", 64, 0.003), ("AK8", 24, 0.003)])
def test_candidates_of_the_sample_add_up_to_the_jets(shared_data, collection, num_jets, tolerance) -> None:
    jets = sample(shared_data(SAMPLE), collection)
    total = summed(jets.offsets, jets.particles)
    assert len(jets) == num_jets
    np.testing.assert_allclose(total["jet_pt"], jets.scalars["jet_pt"], rtol=tolerance)
    np.testing.assert_allclose(total["jet_energy"], jets.scalars["jet_energy"], rtol=tolerance)
    np.testing.assert_allclose(total["jet_eta"], jets.scalars["jet_eta"], atol=0.002)
    np.testing.assert_allclose(np.cos(total["jet_phi"] - jets.scalars["jet_phi"]), 1, atol=1e-5)


def test_unweighted_candidates_would_not_add_up_to_puppi_jets(shared_data) -> None:
    """The weight is needed: without it masses of AK8 jets are too large by percents."""
    jets = sample(shared_data(SAMPLE), "AK8")
    px, py, pz, energy = (
        np.add.reduceat(jets.particles[name].astype(float), jets.offsets[:-1])
        for name in ("part_px", "part_py", "part_pz", "part_energy")
    )
    mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)
    p = jets.scalars["jet_pt"].astype(float) * np.cosh(jets.scalars["jet_eta"].astype(float))
    stored = np.sqrt(np.maximum(jets.scalars["jet_energy"].astype(float) ** 2 - p**2, 0))
    np.testing.assert_allclose(mass, stored, rtol=0.05)


def test_physics_of_the_sample(shared_data) -> None:
    jets = sample(shared_data(SAMPLE), "AK4")
    columns = jets.particles
    is_charged = columns["part_charge"] != 0
    assert np.array_equal(
        is_charged, columns["part_isChargedHadron"] + columns["part_isElectron"] + columns["part_isMuon"] == 1
    )
    has_track = columns["part_d0err"] > 0
    assert np.all(is_charged[has_track])
    assert np.all(columns["part_d0val"][~has_track] == 0)
    assert 0.005 < np.median(columns["part_d0err"][has_track]) < 0.1, "tens of micrometres, in mm"
    assert np.median(np.abs(columns["part_d0val"][has_track])) < 0.2
    assert np.percentile(np.abs(columns["part_dzval"][has_track]), 50) < 1
    assert np.abs(jets.scalars["jet_eta"]).max() < 5.2
    leading = jets.scalars["jet_pt"] > 1000
    assert 20 <= leading.sum() <= 24, "dijets of 1.4 to 1.8 TeV"
    assert 25 < np.median(jets.lengths[leading]) < 70


def test_species_of_the_sample_carry_the_energy_fractions_that_cms_stored(shared_data) -> None:
    path = shared_data(SAMPLE)
    jets = sample(path, "AK4")
    owner = np.repeat(np.arange(len(jets)), jets.lengths)
    energy = jets.particles["part_energy"].astype(float)
    with uproot.open(path) as file:
        for flag, branch in {
            "part_isChargedHadron": "Jet_chHEF",
            "part_isNeutralHadron": "Jet_neHEF",
            "part_isPhoton": "Jet_neEmEF",
            "part_isElectron": "Jet_chEmEF",
            "part_isMuon": "Jet_muEF",
        }.items():
            stored = np.concatenate(file["Events"][branch].array(library="np"))
            share = np.bincount(owner, energy * jets.particles[flag]) / np.bincount(owner, energy)
            np.testing.assert_allclose(share, stored, rtol=2**-6, atol=2e-3, err_msg=branch)


def test_features_of_the_sample_are_finite_and_in_range(shared_data) -> None:
    cloud = make_cloud(sample(shared_data(SAMPLE), "AK4"), feature_set("full"))
    x = dict(zip(feature_set("full").names, cloud.x.T.numpy(), strict=True))
    assert np.all(np.isfinite(cloud.x.numpy()))
    assert np.abs(x["part_deta"]).max() < 0.55
    assert np.abs(x["part_dphi"]).max() < 0.55
    for name in ("part_pt_log", "part_e_log", "part_logptrel", "part_logerel"):
        assert np.mean(np.abs(x[name]) >= 5) == 0, name


def test_sample_converts_to_the_same_hash_twice(shared_data, tmp_path) -> None:
    hashes = {
        read_manifest(convert([shared_data(SAMPLE)], tmp_path / name, collection="AK8", seed=3)).content_hash
        for name in ("a", "b")
    }
    assert len(hashes) == 1
