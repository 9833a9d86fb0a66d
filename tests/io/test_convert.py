from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.cloud import Dataset
from collidium.io import convert


@pytest.fixture(scope="module")
def three_files(tmp_path_factory, write_root, jetclass_branches):
    """Files of one class each, of different sizes."""
    folder = tmp_path_factory.mktemp("jetclass")
    sizes = {"QCD": 600, "Hbb": 300, "Tbqq": 900}
    return [
        write_root(folder / f"{name}.root", "tree", **jetclass_branches(size, name, seed=i))
        for i, (name, size) in enumerate(sizes.items())
    ]


def test_every_shard_mixes_the_classes_in_proportion(tmp_path, three_files) -> None:
    dataset = Dataset.open(convert(three_files, tmp_path / "out", jets_per_shard=450))
    assert [len(dataset.read_shard(i)) for i in range(dataset.num_shards)] == [450] * 4
    for index in range(dataset.num_shards):
        label = dataset.read_shard(index).scalars["label"]
        share = [np.mean(label == dataset.classes.index(name)) for name in ("QCD", "Hbb", "Tbqq")]
        np.testing.assert_allclose(share, [1 / 3, 1 / 6, 1 / 2], atol=0.15)
        assert len(set(label[:20])) == 3, "mixed within the shard"
    numbers = dataset.read_split("all").scalars["event_id"]
    assert len(set(numbers.tolist())) == 1800


def test_content_follows_from_inputs_and_seed_alone(tmp_path, three_files) -> None:
    def content(name: str, **options) -> str:
        return read_manifest(convert(three_files, tmp_path / name, **options)).content_hash

    assert content("a", seed=1) == content("b", seed=1)
    assert content("a2", seed=1, jets_per_shard=100) != content("c", seed=2, jets_per_shard=100)


def test_manifest_says_how(tmp_path, three_files) -> None:
    manifest = read_manifest(
        convert(three_files, tmp_path / "out", command=["collidium", "convert"], seed=7), "dataset"
    )
    assert manifest.seed == 7
    assert manifest.command == ["collidium", "convert"]
    assert manifest.config["formats"] == ["jetclass"] * 3
    assert sorted(manifest.inputs) == sorted(map(str, three_files))


def test_max_jets_is_kept_exactly(tmp_path, three_files) -> None:
    for limit, sizes in ((5, [5]), (450, [450]), (700, [450, 250]), (5000, [450] * 4)):
        dataset = Dataset.open(convert(three_files, tmp_path / str(limit), jets_per_shard=450, max_jets=limit))
        assert [len(dataset.read_shard(i)) for i in range(dataset.num_shards)] == sizes


def test_progress_counts_every_entry(tmp_path, three_files, recorder) -> None:
    convert(three_files, tmp_path / "out", progress=recorder)
    assert recorder.begun == [("convert", 1800, "entries")]
    assert (recorder.advanced, recorder.num_ends) == (1800, 1)


def test_different_columns_are_refused(tmp_path, write_root, write_hls4ml, jetclass_branches, three_files) -> None:
    branches = jetclass_branches(5, seed=9)
    del branches["part_d0val"]
    poorer = write_root(tmp_path / "poorer.root", "tree", **branches)
    with pytest.raises(InputError, match=r"poorer\.root: column part_d0val is missing, .*QCD\.root has it"):
        convert([three_files[0], poorer], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_formats_of_the_same_columns_join(tmp_path, top_frame, write_hls4ml) -> None:
    top_frame(40, num_particles=20).to_hdf(tmp_path / "top.h5", key="table", format="table")
    other = write_hls4ml(tmp_path / "hls.h5", 60)
    dataset = Dataset.open(convert([tmp_path / "top.h5", other], tmp_path / "out"))
    assert dataset.num_jets == 100
    assert dataset.classes == ("QCD", "top", "g", "q", "w", "z", "t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "jetclas"}, "unknown format 'jetclas': did you mean jetclass"),
        ({"format": "hls4ml"}, "is in format jetclass, not hls4ml"),
        ({"collection": "AK8"}, "collection 'AK8' is not in format jetclass"),
        ({"jets_per_shard": 0}, "jets_per_shard is 0"),
        ({"seed": -1}, "seed is -1, at least 0"),
        ({"max_jets": 0}, "max_jets is 0"),
        ({"classes": ["QCD", "QCD"]}, "named twice"),
    ],
)
def test_bad_arguments_are_named(tmp_path, three_files, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert(three_files, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_input_same_input_and_existing_output_are_refused(tmp_path, three_files) -> None:
    with pytest.raises(InputError, match="inputs: none given"):
        convert([], tmp_path / "out")
    with pytest.raises(InputError, match=r"QCD\.root: given twice"):
        convert([three_files[0], three_files[0].parent / "." / "QCD.root"], tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="output exists already"):
        convert(three_files, tmp_path / "out")


def test_file_without_entries_is_refused(tmp_path, write_hls4ml) -> None:
    path = write_hls4ml(tmp_path / "a.h5", 0)
    with pytest.raises(InputError, match="no entries"):
        convert([path], tmp_path / "out")
    other = write_hls4ml(tmp_path / "b.h5", 7)
    assert Dataset.open(convert([path, other], tmp_path / "out")).num_jets == 7


def test_invalid_jet_in_the_middle_leaves_nothing(tmp_path, write_root, jetclass_branches) -> None:
    branches = jetclass_branches(900)
    branches["part_energy"][800][0] = np.nan
    path = write_root(tmp_path / "a.root", "tree", **branches)
    with pytest.raises(InputError, match=r"a\.root \(counting from entry 768\): column part_energy is nan in jet 32"):
        convert([path], tmp_path / "out", jets_per_shard=100)
    assert [item.name for item in tmp_path.iterdir()] == ["a.root"]
