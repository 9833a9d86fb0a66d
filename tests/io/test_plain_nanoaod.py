from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.io import FORMATS, detect_format
from collidium.io._kinematics import summed
from collidium.io._nanoaod import FLAVOURS
from collidium.io._species import FLAGS

SAMPLE = "format-samples/nanoaodv5_ttlike_mc_1000evts.root"
DATA = "format-samples/nano_dimuon_data_40evts.root"
READ = FORMATS["nanoaod"].read
F32, I32 = np.float32, np.int32


@functools.cache
def sample(path: Path, collection: str) -> Jets:
    return Jets.concat(list(READ(path, collection, 500)))


def lists(dtype: Any, *events: list[float]) -> list[np.ndarray]:
    return [np.array(event, dtype=dtype) for event in events]


def two_events() -> dict[str, Any]:
    """Event 0: a jet that is an electron and a b jet with muon and vertex; event 1: nothing."""
    branches: dict[str, Any] = {
        "Jet_pt": lists(F32, [50.0, 100.0], []),
        "Jet_eta": lists(F32, [1.0, -0.5], []),
        "Jet_phi": lists(F32, [0.0, 3.1], []),
        "Jet_mass": lists(F32, [5.0, 12.0], []),
        "Jet_rawFactor": lists(F32, [0.0, 0.2], []),
        "Jet_chHEF": lists(F32, [0.0, 0.5], []),
        "Jet_neHEF": lists(F32, [0.0, 0.1], []),
        "Jet_neEmEF": lists(F32, [0.1, 0.25], []),
        "Jet_chEmEF": lists(F32, [0.9, 0.0], []),
        "Jet_muEF": lists(F32, [0.0, 0.15], []),
        "Jet_hadronFlavour": lists(I32, [0, 5], []),
        "Jet_partonFlavour": lists(I32, [0, 5], []),
        "SV_pt": lists(F32, [10.0, 7.0], []),
        "SV_eta": lists(F32, [-0.6, 2.5], []),
        "SV_phi": lists(F32, [-3.1, 0.0], []),
        "SV_mass": lists(F32, [2.0, 1.0], []),
        "Photon_pt": lists(F32, [44.0, 20.0], []),
        "Photon_eta": lists(F32, [1.0, -2.0], []),
        "Photon_phi": lists(F32, [0.0, 1.0], []),
        "Photon_mass": lists(F32, [0.0, 0.0], []),
        "Photon_jetIdx": lists(I32, [0, -1], []),
        "Photon_electronIdx": lists(I32, [0, -1], []),
        "GenPart_pdgId": lists(I32, [24, -6, 5], [1]),
        "GenPart_statusFlags": lists(I32, [1 << 8, 1 << 8, 1 << 8], [1 << 8]),
        "genWeight": np.array([2.0, 1.0], F32),
    }
    for name, pt, eta, phi, mass, index, charge in (
        ("Electron", 45.0, 1.0, 0.0, 0.0005, 0, -1),
        ("Muon", 12.0, -0.4, 3.0, 0.1057, 1, 1),
    ):
        values = {"pt": pt, "eta": eta, "phi": phi, "mass": mass, "dxy": 0.01, "dxyErr": 0.002, "dz": -0.03}
        branches |= {f"{name}_{key}": lists(F32, [value], []) for key, value in (values | {"dzErr": 0.004}).items()}
        branches |= {f"{name}_jetIdx": lists(I32, [index], []), f"{name}_charge": lists(I32, [charge], [])}
    return branches


def test_jet_is_its_vertices_leptons_and_the_rest(tmp_path, write_root) -> None:
    path = write_root(tmp_path / "nano.root", "Events", **two_events())
    assert detect_format(path).name == "nanoaod"
    jets = next(READ(path, None, 10))
    flag = np.stack([jets.particles[name] for name in FLAGS]).argmax(axis=0)
    pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    first, second = slice(0, jets.offsets[1]), slice(jets.offsets[1], jets.offsets[2])
    assert flag[first].tolist() == [3, 2]
    np.testing.assert_allclose(pt[first], [45, 5], rtol=1e-5)
    assert flag[second].tolist() == [0, 2, 4, 0, 1]
    np.testing.assert_allclose(pt[second], [30, 20, 12, 10, 8], rtol=1e-5)
    np.testing.assert_allclose(jets.scalars["jet_pt"], [50, 80], rtol=1e-6)
    assert [FLAVOURS[label] if label >= 0 else None for label in jets.scalars["label"]] == [None, "b"]
    assert jets.scalars["weight"].tolist() == [2, 2]
    assert "part_charge" not in jets.particles


def test_part_that_exceeds_the_share_of_its_class_is_not_used(tmp_path, write_root) -> None:
    branches = two_events()
    branches["SV_pt"] = lists(F32, [60.0, 7.0], [])
    jets = next(READ(write_root(tmp_path / "nano.root", "Events", **branches), None, 10))
    total = summed(jets.offsets, jets.particles)["jet_pt"]
    np.testing.assert_allclose(total, [50, 80], rtol=1e-3)


def test_event_holds_each_deposit_once(tmp_path, write_root, caplog) -> None:
    path = write_root(tmp_path / "nano.root", "Events", **two_events())
    jets = next(READ(path, "event", 10))
    assert jets.lengths.tolist() == [3], "the b jet, the electron that is the other jet, the free photon"
    pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    np.testing.assert_allclose(pt, [100, 45, 20], rtol=1e-6)
    assert [int(sum(jets.particles[name][i] for name in FLAGS)) for i in range(3)] == [0, 1, 1]
    assert jets.particles["part_charge"].tolist() == [0, -1, 0]
    np.testing.assert_allclose(jets.particles["part_d0val"], [0, 0.1, 0], rtol=1e-6)
    np.testing.assert_allclose(jets.particles["part_dzerr"], [0, 0.04, 0], rtol=1e-6)
    assert jets.scalars["jet_pt"].tolist() == pytest.approx([165])
    assert (jets.scalars["jet_eta"][0], jets.scalars["jet_phi"][0]) == (0, 0)
    assert jets.classes[jets.scalars["label"][0]] == "top"


def test_events_without_objects_are_counted(tmp_path, write_root, caplog) -> None:
    list(READ(write_root(tmp_path / "nano.root", "Events", **two_events()), "event", 10))
    assert "1 of 2 events without an object left out" in caplog.text


@pytest.mark.parametrize(
    ("collection", "name"), [("AK4", "Jet_muEF"), ("AK4", "SV_mass"), ("event", "Muon_dzErr"), ("event", "Photon_pt")]
)
def test_missing_branch_is_named(tmp_path, write_root, collection: str, name: str) -> None:
    branches = two_events()
    del branches[name]
    path = write_root(tmp_path / "nano.root", "Events", **branches)
    with pytest.raises(InputError, match=f"branch {name} is missing"):
        next(READ(path, collection, 10))


def test_flavours_of_the_sample(shared_data) -> None:
    jets = sample(shared_data(SAMPLE), "AK4")
    count = np.bincount(jets.scalars["label"] + 1)
    assert len(jets) == 9020
    assert count[4] == 1862, "b"
    assert count[3] == 850, "c"
    assert count[:3].sum() == 6308, "gluon, light quark, undefined"


def test_parts_of_the_sample_add_up_to_the_jets(shared_data) -> None:
    jets = sample(shared_data(SAMPLE), "AK4")
    total = summed(jets.offsets, jets.particles)
    np.testing.assert_allclose(total["jet_pt"], jets.scalars["jet_pt"], rtol=0.025)
    np.testing.assert_allclose(total["jet_eta"], jets.scalars["jet_eta"], atol=0.25)
    assert np.median(np.abs(total["jet_pt"] / jets.scalars["jet_pt"] - 1)) < 0.004, "fractions are stored with 8 bits"
    assert np.abs(jets.scalars["jet_eta"]).max() < 5.3
    assert 5 < jets.scalars["jet_pt"].min() < jets.scalars["jet_pt"].max() < 1000


def test_b_jets_of_the_sample_have_more_vertices(shared_data) -> None:
    """A vertex is a charged-hadron part off the jet's axis."""
    jets = sample(shared_data(SAMPLE), "AK4")
    phi = np.arctan2(jets.particles["part_py"], jets.particles["part_px"])
    off_axis = np.abs(np.sin(phi - np.repeat(jets.scalars["jet_phi"], jets.lengths))) > 1e-4
    is_vertex = off_axis & (jets.particles["part_isChargedHadron"] == 1)
    has_vertex = np.add.reduceat(is_vertex.astype(int), jets.offsets[:-1]) > 0
    share = [has_vertex[jets.scalars["label"] == label].mean() for label in range(4)]
    assert share[3] > 0.5
    assert share[3] > 1.5 * share[2] > 3 * max(share[:2])


def test_events_of_the_sample_are_top_pairs(shared_data) -> None:
    path = shared_data(SAMPLE)
    with uproot.open(path) as file:
        pdg = file["Events"]["GenPart_pdgId"].array(library="np")
    assert sum(int(np.sum(np.abs(event) == 6)) for event in pdg) == 4023
    jets = sample(path, "event")
    assert len(jets) == 1000
    assert set(jets.scalars["label"]) == {jets.classes.index("top")}
    has_track = jets.particles["part_d0err"] > 0
    assert np.array_equal(has_track, jets.particles["part_charge"] != 0)
    assert 0.005 < np.median(jets.particles["part_d0err"][has_track]) < 0.1, "tens of micrometres, in mm"
    ht = jets.scalars["jet_pt"]
    assert 300 < np.median(ht) < 700


def test_collision_data_is_unlabelled(shared_data) -> None:
    jets = sample(shared_data(DATA), "event")
    assert jets.classes == ()
    assert set(jets.scalars["label"]) == {-1}
    is_muon = jets.particles["part_isMuon"] == 1
    per_event = np.add.reduceat(is_muon.astype(int), jets.offsets[:-1])
    assert np.mean(per_event >= 1) > 0.5, "a dimuon stream"
