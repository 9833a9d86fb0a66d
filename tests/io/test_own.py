from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError, building
from collidium.cloud import Dataset
from collidium.io import convert, detect_format


def test_resharding_keeps_every_jet_and_its_split(tmp_path, dataset_path) -> None:
    assert detect_format(dataset_path).name == "collidium"
    out = Dataset.open(convert([dataset_path], tmp_path / "out", jets_per_shard=128))
    before, after = Dataset.open(dataset_path).read_split("all"), out.read_split("all")
    assert [len(out.read_shard(i)) for i in range(out.num_shards)] == [128, 128, 128, 128, 88]
    order = [np.argsort(jets.scalars["event_id"]) for jets in (before, after)]
    a, b = (jets.take(index) for jets, index in zip((before, after), order, strict=True))
    for name, column in (a.particles | a.scalars).items():
        assert np.array_equal(column, (b.particles | b.scalars)[name]), name
    assert not np.array_equal(before.scalars["event_id"], after.scalars["event_id"]), "shuffled"


def test_datasets_of_different_classes_merge_by_name(tmp_path, make_jets, make_dataset) -> None:
    a = make_dataset(tmp_path / "a", [make_jets(50, seed=1, classes=("QCD", "Tbqq"))])
    b = make_dataset(tmp_path / "b", [make_jets(50, seed=2, classes=("Hbb", "QCD"))])
    out = Dataset.open(convert([a, b], tmp_path / "out"))
    assert out.classes == ("QCD", "Tbqq", "Hbb")
    names = {}
    for path in (a, b):
        jets = Dataset.open(path).read_split("all")
        names |= {i: jets.classes[k] for i, k in zip(jets.scalars["event_id"], jets.scalars["label"], strict=True)}
    jets = out.read_split("all")
    assert len(jets) == 100
    assert all(names[i] == out.classes[k] for i, k in zip(jets.scalars["event_id"], jets.scalars["label"], strict=True))


def test_classes_are_selected_in_the_order_given(tmp_path, dataset_path) -> None:
    source = Dataset.open(dataset_path).read_split("all")
    out = Dataset.open(convert([dataset_path], tmp_path / "out", classes=["Tbqq"])).read_split("all")
    assert out.classes == ("Tbqq",)
    assert len(out) == np.sum(source.scalars["label"] == 1)
    both = Dataset.open(convert([dataset_path], tmp_path / "both", classes=["Tbqq", "QCD"])).read_split("all")
    assert len(both) == 600
    assert np.sum(both.scalars["label"] == 0) == len(out)
    with pytest.raises(InputError, match="unknown class 'Tbq': did you mean Tbqq"):
        convert([dataset_path], tmp_path / "none", classes=["Tbq"])
    assert not (tmp_path / "none").exists()


def test_truncated_shard_is_refused(tmp_path, dataset_path) -> None:
    shard = dataset_path / "part-00001.arrow"
    content = shard.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        shard.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"part-00001\.arrow"):
            convert([dataset_path], tmp_path / "out")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["dataset"]


def test_other_artifacts_and_plain_folders_are_refused(tmp_path) -> None:
    with building(tmp_path / "run", kind="run", config={}) as folder:
        (folder / "x").write_text("x")
    with pytest.raises(InputError, match="unknown format"):
        detect_format(tmp_path / "run")
    with pytest.raises(InputError, match=r"is a folder without manifest\.json"):
        detect_format(tmp_path)
