from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from collidium.artifact import InputError
from collidium.cloud import Dataset, Jets
from collidium.io import FORMATS, convert, detect_format, write_jetclass


def read(path: Path, step: int = 1000) -> Jets:
    return Jets.concat(list(FORMATS["jetclass"].read(path, None, step)))


def test_values_units_and_class(tmp_path, write_root, jetclass_branches) -> None:
    branches = jetclass_branches(40, "Hqql")
    path = write_root(tmp_path / "HToWW2Q1L_000.root", "tree", **branches)
    assert detect_format(path).name == "jetclass"
    jets = read(path)
    order = [
        np.argsort(-np.hypot(x, y), kind="stable")
        for x, y in zip(branches["part_px"], branches["part_py"], strict=True)
    ]
    for name in ("part_px", "part_energy", "part_d0val", "part_charge", "part_isPhoton"):
        expected = np.concatenate([v[o] for v, o in zip(branches[name], order, strict=True)])
        assert np.array_equal(jets.particles[name], expected), name
    assert jets.particles["part_charge"].dtype == np.int8
    assert np.array_equal(jets.scalars["jet_pt"], branches["jet_pt"])
    assert jets.classes[5] == "Hqql"
    assert set(jets.scalars["label"]) == {5}
    assert "part_dzval" not in jets.particles


def test_particles_are_sorted_by_pt(tmp_path, write_root, jetclass_branches) -> None:
    jets = read(write_root(tmp_path / "a.root", "tree", **jetclass_branches(20)))
    pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    starts = set(jets.offsets.tolist())
    assert all(pt[i] <= pt[i - 1] for i in range(1, len(pt)) if i not in starts)


def test_steps_do_not_change_the_jets(tmp_path, write_root, jetclass_branches) -> None:
    path = write_root(tmp_path / "a.root", "tree", **jetclass_branches(50))
    whole, parts = read(path), read(path, step=7)
    assert np.array_equal(whole.scalars["event_id"], parts.scalars["event_id"])
    assert np.array_equal(whole.particles["part_pz"], parts.particles["part_pz"])
    assert len(set(whole.scalars["event_id"].tolist())) == 50


def test_numbers_follow_from_content_not_from_the_name(tmp_path, write_root, jetclass_branches) -> None:
    path = write_root(tmp_path / "a.root", "tree", **jetclass_branches(5))
    copy = tmp_path / "other" / "b.root"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    other = write_root(tmp_path / "c.root", "tree", **jetclass_branches(5, seed=1))
    numbers = [read(item).scalars["event_id"] for item in (path, copy, other)]
    assert np.array_equal(numbers[0], numbers[1])
    assert not np.any(np.isin(numbers[0], numbers[2]))


@pytest.mark.parametrize("name", ["part_py", "part_energy", "jet_phi"])
def test_missing_branch_is_named(tmp_path, write_root, jetclass_branches, name: str) -> None:
    branches = jetclass_branches(5)
    del branches[name]
    path = write_root(tmp_path / "a.root", "tree", **branches)
    with pytest.raises(InputError, match=rf"a\.root: branch {name} is missing"):
        read(path)


def test_two_labels_are_refused_and_none_is_unlabelled(tmp_path, write_root, jetclass_branches) -> None:
    branches = jetclass_branches(5) | {"label_QCD": np.array([False, True, False, False, False])}
    with pytest.raises(InputError, match="jet 1 has several label_"):
        read(write_root(tmp_path / "a.root", "tree", **branches))
    branches |= {"label_QCD": np.zeros(5, bool), "label_Tbqq": np.array([True, False, True, True, True])}
    jets = read(write_root(tmp_path / "b.root", "tree", **branches))
    assert jets.scalars["label"].tolist() == [8, -1, 8, 8, 8]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("part_energy", -1.0, r"part_energy is -1 GeV in jet 2"),
        ("part_energy", np.nan, r"part_energy is nan in jet 2"),
        ("part_px", np.inf, r"part_px is inf in jet 2"),
        ("part_charge", np.nan, r"part_charge has NaN"),
    ],
)
def test_values_that_no_particle_has_are_refused(tmp_path, write_root, jetclass_branches, name, value, message) -> None:
    branches = jetclass_branches(5)
    branches[name][2][0] = value
    path = write_root(tmp_path / "a.root", "tree", **branches)
    with pytest.raises(InputError, match=message):
        convert([path], tmp_path / "out")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.root"]


def test_jet_without_particles_is_refused(tmp_path, write_root, jetclass_branches) -> None:
    branches = jetclass_branches(5)
    for name in [name for name in branches if name.startswith("part_")]:
        branches[name][3] = branches[name][3][:0]
    with pytest.raises(InputError, match="jet 3 has no particles"):
        read(write_root(tmp_path / "a.root", "tree", **branches))


def test_lists_of_different_lengths_are_refused(tmp_path, write_root, jetclass_branches) -> None:
    branches = jetclass_branches(5)
    branches["part_d0val"][1] = branches["part_d0val"][1][:-1]
    with pytest.raises(InputError, match="branch part_d0val has other list lengths than part_px"):
        read(write_root(tmp_path / "a.root", "tree", **branches))


def test_number_where_a_list_is_needed_is_refused(tmp_path, write_root, jetclass_branches) -> None:
    path = write_root(tmp_path / "a.root", "tree", **(jetclass_branches(5) | {"part_pz": np.ones(5, np.float32)}))
    with pytest.raises(InputError, match="branch part_pz is not a list"):
        read(path)


def test_written_file_reads_back_equal(tmp_path, dataset_path) -> None:
    dataset = Dataset.open(dataset_path)
    path = write_jetclass(dataset, tmp_path / "out.root")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["dataset", "out.root"]
    back, jets = read(path), dataset.read_split("all")
    assert back.classes == jets.classes
    assert np.array_equal(back.offsets, jets.offsets)
    for name, column in (jets.particles | jets.scalars).items():
        found = (back.particles | back.scalars)[name]
        assert found.dtype == column.dtype, name
        assert np.array_equal(found, column), name


def test_written_layout_is_jetclass(tmp_path, dataset_path) -> None:
    dataset = Dataset.open(dataset_path)
    with uproot.open(write_jetclass(dataset, tmp_path / "out.root")) as file:
        tree = file["tree"]
        types = {name: branch.typename for name, branch in tree.items()}
        arrays = tree.arrays(
            ["part_px", "part_py", "part_pz", "part_deta", "part_dphi", "jet_eta", "jet_phi"], library="np"
        )
        labels = tree.arrays(["label_QCD", "label_Tbqq"], library="np")
    assert types["part_px"] == types["part_charge"] == types["part_d0err"] == "float[]"
    assert types["part_isMuon"] == "bool[]"
    assert types["jet_pt"] == "float"
    assert types["label_Tbqq"] == "bool"
    assert np.all(labels["label_QCD"] ^ labels["label_Tbqq"])
    for i in range(20):
        eta = np.arcsinh(arrays["part_pz"][i] / np.hypot(arrays["part_px"][i], arrays["part_py"][i]))
        sign = 1 if arrays["jet_eta"][i] >= 0 else -1
        np.testing.assert_allclose(arrays["part_deta"][i], (eta - arrays["jet_eta"][i]) * sign, atol=1e-5)
        rotated = np.exp(1j * np.arctan2(arrays["part_py"][i], arrays["part_px"][i])) * np.exp(
            -1j * arrays["jet_phi"][i]
        )
        np.testing.assert_allclose(np.exp(1j * arrays["part_dphi"][i]), rotated, atol=1e-5)
        assert np.all(np.abs(arrays["part_dphi"][i]) <= np.pi + 1e-6)


def test_splits_are_written_apart(tmp_path, dataset_path) -> None:
    dataset = Dataset.open(dataset_path)
    sizes = [len(read(write_jetclass(dataset, tmp_path / f"{s}.root", split=s))) for s in ("train", "val", "test")]
    assert sizes == [len(dataset.read_split(split)) for split in ("train", "val", "test")]


def test_writer_refuses_an_existing_file_and_a_missing_folder(tmp_path, dataset_path) -> None:
    dataset = Dataset.open(dataset_path)
    (tmp_path / "a.root").write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        write_jetclass(dataset, tmp_path / "a.root")
    assert (tmp_path / "a.root").read_bytes() == b"mine"
    with pytest.raises(InputError, match="no such folder"):
        write_jetclass(dataset, tmp_path / "nowhere" / "a.root")
