"""Datasets on disk: round trip, zero copy, faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from collidium.artifact import InputError, building
from collidium.cloud import COLUMNS, Dataset, DatasetWriter, Jets, columns_of, split_of


def test_shards_return_the_written_jets(dataset_path: Path, make_jets: Callable[..., Jets]) -> None:
    dataset = Dataset.open(dataset_path)
    assert (dataset.num_shards, dataset.num_jets, dataset.classes) == (3, 600, ("QCD", "Tbqq"))
    jets, written = dataset.read_shard(1), make_jets(200, seed=1)
    assert np.array_equal(jets.offsets, written.offsets)
    for ours, theirs in ((jets.particles, written.particles), (jets.scalars, written.scalars)):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name].dtype == COLUMNS[name].numpy_dtype
            assert np.array_equal(ours[name], theirs[name])


def test_shards_are_views_of_the_file(dataset_path: Path) -> None:
    jets = Dataset.open(dataset_path).read_shard(0)
    assert not jets.particles["part_px"].flags.owndata
    assert not jets.particles["part_px"].flags.writeable


def test_only_the_wanted_columns_are_mapped(dataset_path: Path) -> None:
    dataset = Dataset.open(dataset_path)
    part, whole = dataset.read_shard(0, columns=("part_pz", "label")), dataset.read_shard(0)
    assert (list(part.particles), list(part.scalars)) == (["part_pz"], ["label"])
    assert np.array_equal(part.offsets, whole.offsets)
    assert np.array_equal(part.particles["part_pz"], whole.particles["part_pz"])


def test_same_jets_give_the_same_bytes(tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable) -> None:
    first, second = (make_dataset(tmp_path / name, [make_jets(50)]) for name in "ab")
    assert (first / "part-00000.arrow").read_bytes() == (second / "part-00000.arrow").read_bytes()


def test_splits_part_the_jets_by_their_number(dataset_path: Path) -> None:
    dataset = Dataset.open(dataset_path)
    parts = {name: dataset.read_split(name).scalars["event_id"] for name in ("train", "val", "test")}
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == len(together) == 600
    assert set(split_of(parts["test"]).tolist()) == {2}
    # 70 % of 600 with a binomial spread of 11
    assert abs(len(parts["train"]) - 420) < 45
    assert len(dataset.read_split("train", limit=7)) == 7


@pytest.mark.parametrize("keep", [0, 10, 1000, -8, -1])
def test_truncated_shard_is_named(dataset_path: Path, keep: int) -> None:
    shard = dataset_path / "part-00001.arrow"
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"part-00001.arrow: damaged or truncated Arrow file"):
        Dataset.open(dataset_path).read_shard(1)


def test_absent_shard_and_damaged_schema_are_named(dataset_path: Path) -> None:
    (dataset_path / "part-00002.arrow").unlink()
    with pytest.raises(InputError, match=r"part-00002.arrow: shard is missing"):
        Dataset.open(dataset_path)
    (dataset_path / "schema.json").write_text("{}")
    with pytest.raises(InputError, match=r"schema.json: damaged dataset schema"):
        Dataset.open(dataset_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("part_px", np.nan, "column part_px is nan in jet 1; finite values are needed"),
        ("part_d0val", np.inf, "column part_d0val is inf in jet 1"),
        ("part_energy", -3.0, "column part_energy is -3 GeV in jet 1; it must not be negative"),
    ],
)
def test_bad_particles_are_refused(
    tmp_path: Path, make_jets: Callable[..., Jets], column: str, value: float, message: str
) -> None:
    jets = make_jets(3)
    jets.particles[column][jets.offsets[1]] = value
    with (
        pytest.raises(InputError, match=message),
        building(tmp_path / "bad", kind="dataset", config={}) as folder,
    ):
        DatasetWriter(folder, columns_of(jets), jets.classes).write_shard(0, jets)
    assert list(tmp_path.iterdir()) == []


def test_bad_layouts_are_refused(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(3)
    empty = Jets(np.array([0, 0, *jets.offsets[2:]]), jets.particles, jets.scalars)
    with pytest.raises(InputError, match=r"file.h5: offsets|file.h5: jet 0 has no particles \(1 such jets\)"):
        empty.validate("file.h5")
    with pytest.raises(InputError, match="file: column part_px has shape"):
        Jets(jets.offsets, {**jets.particles, "part_px": np.zeros(2)}, jets.scalars).validate("file")
    with pytest.raises(InputError, match="particle column part_pz is missing"):
        Jets(jets.offsets, {k: v for k, v in jets.particles.items() if k != "part_pz"}, jets.scalars).validate("file")
    jets.scalars["jet_pt"][2] = np.nan
    with pytest.raises(InputError, match="column jet_pt is nan in jet 2"):
        jets.validate("file")


def test_writer_needs_the_columns_of_every_dataset(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    columns = [c for c in columns_of(make_jets(2)) if c.name != "weight"]
    with pytest.raises(InputError, match="a dataset needs the column weight"):
        DatasetWriter(tmp_path, columns, ())


def test_joining_and_taking_keep_particles_with_their_jets(make_jets: Callable[..., Jets]) -> None:
    a, b = make_jets(20, seed=1), make_jets(30, seed=2)
    joined = Jets.concat([a, b])
    order = np.random.default_rng(0).permutation(50)
    taken = joined.take(order)
    for place, jet in enumerate(order):
        source, number = (a, jet) if jet < 20 else (b, jet - 20)
        expected = source.particles["part_pz"][source.offsets[number] : source.offsets[number + 1]]
        assert np.array_equal(taken.particles["part_pz"][taken.offsets[place] : taken.offsets[place + 1]], expected)
    with pytest.raises(InputError, match="cannot join jets of classes"):
        Jets.concat([a, make_jets(3, classes=("a", "b"))])


def test_truncation_keeps_the_hardest(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(40)
    cut = jets.take(np.arange(40), max_particles=5)
    assert cut.lengths.max() == 5
    for i in range(40):
        pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])[jets.offsets[i] : jets.offsets[i + 1]]
        kept = np.hypot(cut.particles["part_px"], cut.particles["part_py"])[cut.offsets[i] : cut.offsets[i + 1]]
        assert np.array_equal(kept, np.sort(pt)[::-1][:5])


def test_labels_outside_the_classes_are_refused(tmp_path: Path, make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(3)
    jets.scalars["label"][2] = 7
    with pytest.raises(InputError, match="column label is 7 in jet 2; -1 to 1 are allowed"):
        DatasetWriter(tmp_path, columns_of(jets), jets.classes).write_shard(0, jets)


@pytest.mark.parametrize("name", ["jet_pt", "jet_energy"])
def test_jets_without_momentum_are_refused(make_jets: Callable[..., Jets], name: str) -> None:
    jets = make_jets(3)
    jets.scalars[name][1] = -1.0
    with pytest.raises(InputError, match=f"column {name} is -1 GeV in jet 1; it must be positive"):
        jets.validate("file")


def test_a_shard_with_more_than_one_batch_is_refused(dataset_path: Path) -> None:
    shard = dataset_path / "part-00000.arrow"
    with pa.ipc.open_file(shard) as reader:
        batch = reader.get_batch(0)
    with pa.ipc.new_file(shard, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    with pytest.raises(InputError, match=r"part-00000.arrow: holds 2 record batches, a shard has one"):
        Dataset.open(dataset_path).read_shard(0)
