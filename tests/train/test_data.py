"""What training remembers of its data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.cloud import BatchPlan, Dataset, feature_set, split_of
from collidium.train._data import DataRecord, class_totals, clipped_fractions, describe_data


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
    assert record.clipped == clipped_fractions(train)
    record.write(tmp_path / "data.json")
    assert DataRecord.read(tmp_path / "data.json") == record


@pytest.mark.parametrize("name", ["full", "jet16"])
def test_clipped_fractions_are_counted_on_the_training_split(name, make_jets, make_dataset, tmp_path, caplog):
    jets = make_jets(120, seed=3)
    # ln(pT/GeV) is clipped outside 1.7 +- 5 / 0.7: below 4.3 MeV; every tenth particle gets 1 MeV
    soft = np.arange(len(jets.particles["part_px"])) % 10 == 0
    pt = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    for column in ("part_px", "part_py", "part_pz", "part_energy"):
        jets.particles[column][soft] *= 1e-3 / pt[soft]
    # neutral particles have an error of exactly 0, the lower edge: inside
    assert (jets.particles["part_d0err"] == 0).any()
    is_train = split_of(jets.scalars["event_id"]) == 0
    plan = BatchPlan(dataset=Dataset.open(make_dataset(tmp_path / "data", [jets])), schema=feature_set(name),
                     split="train", batch_size=10, max_particles=100)  # fmt: skip
    found = clipped_fractions(plan)
    assert list(found) == [feature.name for feature in (*plan.schema.particle, *plan.schema.jet)]
    if name == "full":
        assert found["part_pt_log"] == pytest.approx(soft[np.repeat(is_train, jets.lengths)].mean(), abs=1e-12)
        assert found["part_d0err"] == found["part_isPhoton"] == 0
        describe_data(plan, dataclasses.replace(plan, split="val"))
        assert "the clip changes 10" in caplog.text or "the clip changes 9" in caplog.text
        assert "of feature part_pt_log" in caplog.text
        assert "part_d0err" not in caplog.text
    else:
        # the jets of this dataset are soft and wide: computed by hand for the multiplicity, 50 +- 5 / 0.04, none
        assert found["jet_multiplicity"] == 0
        edge = 6.5 - 5 / 2.0
        total = [np.add.reduceat(jets.particles[c].astype(float), jets.offsets[:-1]) for c in ("part_px", "part_py")]
        below = np.log(np.hypot(*total)) < edge
        assert found["jet_log_pt"] == pytest.approx(below[is_train].mean(), abs=1e-12)
