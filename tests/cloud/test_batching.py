"""Batches: each jet once, the same for the same seed, resumable, of bounded memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.cloud import BatchPlan, Cloud, Dataset, Jets, batches, feature_set, make_cloud


def _plan(path: Path, **options: object) -> BatchPlan:
    settings = {"split": "train", "batch_size": 32, "schema": feature_set("full"), **options}
    return BatchPlan(dataset=Dataset.open(path), **settings)  # type: ignore[arg-type]


def _ids(clouds: list[Cloud]) -> list[int]:
    return [value for cloud in clouds for value in cloud.event_id.tolist()]


@pytest.mark.parametrize("window_jets", [1, 150, 10_000])
def test_an_epoch_holds_each_jet_once(dataset_path: Path, window_jets: int) -> None:
    plan = _plan(dataset_path, has_partial_batch=True, window_jets=window_jets)
    clouds = list(plan.epoch(seed=1))
    expected = Dataset.open(dataset_path).read_split("train").scalars["event_id"].view(np.int64)
    assert sorted(_ids(clouds)) == sorted(expected.tolist())
    assert len(clouds) == plan.num_batches
    assert [len(cloud) for cloud in clouds[:-1]] == [32] * (len(clouds) - 1)


def test_order_follows_seed_and_epoch_alone(dataset_path: Path) -> None:
    plan = _plan(dataset_path)
    first = _ids(list(plan.epoch(seed=1, epoch=2)))
    assert first == _ids(list(plan.epoch(seed=1, epoch=2)))
    assert first != _ids(list(plan.epoch(seed=2, epoch=2)))
    assert first != _ids(list(plan.epoch(seed=1, epoch=3)))
    assert len(first) == plan.num_batches * 32


@pytest.mark.parametrize("window_jets", [1, 150, 10_000])
@pytest.mark.parametrize("is_shuffled", [True, False])
def test_start_passes_over_whole_batches(dataset_path: Path, window_jets: int, is_shuffled: bool) -> None:
    plan = _plan(dataset_path, window_jets=window_jets, is_shuffled=is_shuffled, has_partial_batch=True)
    whole = list(plan.epoch(seed=3, epoch=1))
    for start in (1, 4, len(whole) - 1, len(whole)):
        rest = list(plan.epoch(seed=3, epoch=1, start=start))
        assert len(rest) == len(whole) - start
        for ours, theirs in zip(rest, whole[start:], strict=True):
            assert torch.equal(ours.x, theirs.x)
            assert torch.equal(ours.event_id, theirs.event_id)


def _naive_order(dataset: Dataset, plan: BatchPlan, seed: int, epoch: int) -> list[list[int]]:
    """Event numbers of each batch, by the rule in words: shuffle shards, fill windows, shuffle each, cut, sort."""
    shards = []
    for index in range(dataset.num_shards):
        jets = dataset.read_shard(index).take(dataset.rows(index, plan.split))
        lengths = np.minimum(jets.lengths, plan.max_particles)
        shards.append(list(zip(jets.scalars["event_id"].view(np.int64).tolist(), lengths.tolist(), strict=True)))
    windows: dict[int, list[tuple[int, int]]] = {}
    filled = 0
    for index in np.random.default_rng([seed, epoch, 0]).permutation(len(shards)):
        filled += len(shards[index])
        windows.setdefault((filled - 1) // plan.window_jets, []).extend(shards[index])
    jets_in_order = [
        window[i]
        for number, window in enumerate(windows.values())
        for i in np.random.default_rng([seed, epoch, 1, number]).permutation(len(window))
    ]
    cuts = range(0, len(jets_in_order), plan.batch_size)
    return [
        [number for number, _ in sorted(jets_in_order[cut : cut + plan.batch_size], key=lambda jet: jet[1])]
        for cut in cuts
    ]


@pytest.mark.parametrize(("window_jets", "batch_size"), [(1, 32), (150, 32), (150, 300), (10_000, 32)])
def test_batches_are_those_of_the_rule_in_words(dataset_path: Path, window_jets: int, batch_size: int) -> None:
    plan = _plan(dataset_path, window_jets=window_jets, batch_size=batch_size, max_particles=25, has_partial_batch=True)
    jets = Dataset.open(dataset_path).read_split("train")
    place = {number: i for i, number in enumerate(jets.scalars["event_id"].view(np.int64).tolist())}
    clouds = list(plan.epoch(seed=4, epoch=2))
    assert [cloud.event_id.tolist() for cloud in clouds] == _naive_order(plan.dataset, plan, 4, 2)
    for cloud in clouds:
        rows = [place[number] for number in cloud.event_id.tolist()]
        alone = make_cloud(jets.take(rows, max_particles=25), plan.schema)
        assert torch.allclose(cloud.x, alone.x, rtol=0, atol=2e-6)
        for name in ("p4", "offsets", "g", "y", "w"):
            assert torch.equal(getattr(cloud, name), getattr(alone, name))


def test_jet_features_of_a_batch_are_those_of_its_jets(dataset_path: Path) -> None:
    plan = _plan(dataset_path, schema=feature_set("jet16"))
    jets = plan.dataset.read_split("train")
    place = {number: i for i, number in enumerate(jets.scalars["event_id"].view(np.int64).tolist())}
    cloud = next(plan.epoch())
    assert (cloud.x.shape[1], cloud.g.shape) == (0, (32, 16))
    rows = [place[number] for number in cloud.event_id.tolist()]
    assert torch.equal(cloud.g, make_cloud(jets.take(rows), plan.schema).g)


def test_a_damaged_shard_is_met_at_its_place_and_no_thread_is_left(dataset_path: Path) -> None:
    plan = _plan(dataset_path, window_jets=1, is_shuffled=False)
    before = threading.active_count()
    clouds = plan.epoch()
    next(clouds)
    shard = dataset_path / "part-00002.arrow"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"part-00002.arrow: damaged or truncated"):
        for _ in clouds:
            pass
    assert threading.active_count() == before


def test_jets_of_a_batch_are_ordered_by_length(dataset_path: Path) -> None:
    for cloud in _plan(dataset_path).epoch():
        assert bool((cloud.lengths.diff() >= 0).all())


def test_order_of_storage_without_shuffling(dataset_path: Path) -> None:
    clouds = list(_plan(dataset_path, is_shuffled=False, split="all", batch_size=200).epoch())
    stored = Dataset.open(dataset_path).read_split("all").scalars["event_id"].view(np.int64)
    for number, cloud in enumerate(clouds):
        assert sorted(cloud.event_id.tolist()) == sorted(stored[number * 200 : number * 200 + 200].tolist())


def test_truncation_is_counted(dataset_path: Path) -> None:
    plan = _plan(dataset_path, max_particles=10)
    jets = Dataset.open(dataset_path).read_split("train")
    lost = np.maximum(jets.lengths - 10, 0).sum() / jets.lengths.sum()
    particles, momentum = plan.truncated()
    assert particles == pytest.approx(lost)
    # the cut takes the softest, so it loses a smaller share of momentum than of particles
    assert 0 < momentum < particles
    assert max(int(cloud.lengths.max()) for cloud in plan.epoch()) == 10


def test_too_few_jets_and_bad_sizes_are_refused(dataset_path: Path) -> None:
    with pytest.raises(InputError, match=r"the val split has \d+ jets, a batch needs 5000"):
        next(_plan(dataset_path, split="val", batch_size=5000).epoch())
    with pytest.raises(InputError, match="batch_size is 0, at least 1 is needed"):
        _plan(dataset_path, batch_size=0)


def test_batches_is_the_plan_in_one_call(dataset_path: Path) -> None:
    dataset, schema = Dataset.open(dataset_path), feature_set("kin")
    ours = list(batches(dataset, schema, split="train", batch_size=32, seed=5))
    assert _ids(ours) == _ids(list(_plan(dataset_path, schema=schema).epoch(seed=5)))


_MEASURE = """
import sys
from pathlib import Path
from collidium.cloud import BatchPlan, Dataset, feature_set
data = Dataset.open(Path(sys.argv[1]))
plan = BatchPlan(dataset=data, schema=feature_set("full"), split="train", batch_size=64, window_jets=500)
for cloud in plan.epoch():
    pass
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
print(status['VmHWM'].split()[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_dataset(
    tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[[Path, list[Jets]], Path]
) -> None:
    peaks = []
    for count in (4, 80):
        path = make_dataset(tmp_path / str(count), [make_jets(1000, seed=seed) for seed in range(count)])
        output = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], check=True, capture_output=True, text=True)
        peaks.append(int(output.stdout) / 1024)
    size = sum(file.stat().st_size for file in (tmp_path / "80").iterdir()) / 2**20
    assert size > 60, "the larger dataset must be larger than the allowance below"
    assert peaks[1] - peaks[0] < 20, f"peak memory {peaks} MiB for 4 and 80 shards"


def test_batches_that_are_kept_stay_as_they_were(dataset_path: Path) -> None:
    plan = _plan(dataset_path, window_jets=100, batch_size=16)
    copies = [cloud.x.clone() for cloud in plan.epoch(seed=3)]
    kept = [cloud.x for cloud in plan.epoch(seed=3)]
    for _ in plan.epoch(seed=4):
        pass
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))
