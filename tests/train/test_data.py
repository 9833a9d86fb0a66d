"""What training remembers of its data."""

from __future__ import annotations

import numpy as np
import pytest

from collidium.cloud import BatchPlan, Dataset, feature_set, split_of
from collidium.train._data import DataRecord, class_totals, describe_data


def test_class_totals_are_sums_of_absolute_weights_of_the_train_split(make_jets, make_dataset, tmp_path):
    shards = [make_jets(80, seed=seed) for seed in range(2)]
    generator = np.random.default_rng(0)
    for jets in shards:
        jets.scalars["weight"][:] = generator.normal(1, 1, 80)
        jets.scalars["label"][::5] = -1
    totals = class_totals(Dataset.open(make_dataset(tmp_path / "data", shards)))
    label, weight, ids = (np.concatenate([s.scalars[n] for s in shards]) for n in ("label", "weight", "event_id"))
    train = split_of(ids) == 0
    expected = [float(np.abs(weight[train & (label == k)]).sum()) for k in (0, 1)]
    assert totals.tolist() == pytest.approx(expected, rel=1e-6)


def test_record_comes_back(dataset_path, tmp_path):
    dataset = Dataset.open(dataset_path)
    train, val = (
        BatchPlan(dataset=dataset, schema=feature_set("kin"), split=split, batch_size=10, max_particles=5)
        for split in ("train", "val")
    )
    record = describe_data(train, val)
    assert (record.num_train, record.num_val) == (train.num_jets, val.num_jets)
    assert (record.truncated_particles, record.truncated_pt) == train.truncated()
    record.write(tmp_path / "data.json")
    assert DataRecord.read(tmp_path / "data.json") == record
