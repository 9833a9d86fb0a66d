"""Opening runs, and refusing what does not fit them."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
import torch

from collidium.artifact import InputError, building
from collidium.cloud import BatchPlan, Dataset, DatasetWriter, columns_of, feature_set
from collidium.train import Run, train, validate
from collidium.train._weights import write_tensors

_RUN = []


@pytest.fixture
def finished(small, dataset_path, tmp_path_factory):
    """A small finished run, made once; tests that damage it take a copy."""
    if not _RUN:
        _RUN.append(train(small(), dataset_path, tmp_path_factory.mktemp("finished") / "run"))
    return _RUN[0]


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished.path, tmp_path / "copy")


def test_everything_is_there_again(finished, small, dataset_path):
    run = Run.open(finished.path)
    dataset = Dataset.open(dataset_path)
    assert run.config == small()
    assert run.schema == feature_set("kin")
    assert run.columns == dataset.columns
    assert run.classes == dataset.classes
    assert run.data.num_train + run.data.num_val < 600
    assert "class_token" in run.routing
    assert run.manifest.seed == 5
    assert list(run.manifest.inputs.values()) == [dataset.manifest.content_hash]


def test_best_weights_have_the_best_validation_loss(finished, dataset_path):
    best = min((row for row in finished.metrics() if "val_loss" in row), key=lambda row: row["val_loss"])
    plan = BatchPlan(dataset=Dataset.open(dataset_path), schema=finished.schema, split="val", batch_size=64,
                     max_particles=16, is_shuffled=False, has_partial_batch=True)  # fmt: skip
    totals = torch.zeros(2)
    train_plan = dataclasses.replace(plan, split="train")
    for batch in train_plan.epoch():
        totals += torch.bincount(batch.y, minlength=2)
    factors = totals.sum() / (2 * totals)
    found = validate(finished.model(), plan.epoch(), class_weights=factors)
    assert found["val_loss"] == pytest.approx(best["val_loss"], rel=1e-6)
    assert found["val_accuracy"] == pytest.approx(best["val_accuracy"], rel=1e-6)


def test_three_kinds_of_weights(finished):
    best, last, ema = (finished.model(name) for name in ("best", "last", "ema"))
    assert not best.training
    assert any(not torch.equal(a, b) for a, b in zip(last.parameters(), ema.parameters(), strict=True))
    # the validation loss falls in both epochs, so the best average is the last one
    assert all(torch.equal(a, b) for a, b in zip(best.parameters(), ema.parameters(), strict=True))


def test_other_columns_and_classes_are_named(finished, dataset_path, make_jets, make_dataset, tmp_path):
    finished.check(Dataset.open(dataset_path))
    others = make_dataset(tmp_path / "classes", [make_jets(5, classes=("QCD", "Hbb", "Tbqq"))])
    with pytest.raises(InputError, match=r"classes are QCD, Hbb, Tbqq; .* trained for QCD, Tbqq"):
        finished.check(Dataset.open(others))
    full = dataclasses.replace(finished, schema=feature_set("full"))
    jets = make_jets(5)
    del jets.particles["part_dzerr"]
    with building(tmp_path / "less", kind="dataset", config={}) as folder:
        DatasetWriter(folder, columns_of(jets), jets.classes).write_shard(0, jets)
    with pytest.raises(InputError, match="column part_dzerr missing; needed by part_dzerr"):
        full.check(Dataset.open(tmp_path / "less"))


def test_weights_of_other_features_are_refused_by_name(copy):
    schema = feature_set("kin")
    changed = dataclasses.replace(schema.particle[3], scale=0.5)
    other = dataclasses.replace(schema, particle=(*schema.particle[:3], changed, *schema.particle[4:]))
    (copy / "schema.json").write_text(other.to_json())
    with pytest.raises(InputError, match="trained for other features: part_logerel defined differently"):
        Run.open(copy).model()


def test_weights_of_other_classes_are_refused(copy):
    content = json.loads((copy / "data.json").read_text())
    content["classes"] = ["QCD", "Hbb"]
    (copy / "data.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="trained for the classes QCD, Tbqq; here they are QCD, Hbb"):
        Run.open(copy).model()


def test_a_feature_that_this_version_computes_otherwise_is_refused(copy):
    text = (copy / "schema.json").read_text()
    (copy / "schema.json").write_text(text.replace("ln(pT/GeV)", "log10(pT/GeV)"))
    with pytest.raises(InputError, match=r"formula of feature part_pt_log is log10\(pT/GeV\); this version has ln"):
        Run.open(copy)


def test_a_jet_feature_that_this_version_computes_otherwise_is_refused(copy):
    schema = feature_set("jet16")
    changed = dataclasses.replace(schema.jet[3], formula="number of charged constituents")
    document = dataclasses.replace(schema, jet=(*schema.jet[:3], changed, *schema.jet[4:])).to_json()
    (copy / "schema.json").write_text(schema.to_json())
    assert Run.open(copy).schema == schema
    (copy / "schema.json").write_text(document)
    with pytest.raises(InputError, match="formula of feature jet_multiplicity is number of charged constituents; this"):
        Run.open(copy)


def test_recorded_data_without_classes_are_checked_for_columns_alone(finished, make_jets, tmp_path):
    jets = make_jets(5)
    jets.scalars["label"][:] = -1
    jets = dataclasses.replace(jets, classes=())
    for name in ("whole", "less"):
        if name == "less":
            del jets.particles["part_dzerr"]
        with building(tmp_path / name, kind="dataset", config={}) as folder:
            DatasetWriter(folder, columns_of(jets), jets.classes).write_shard(0, jets)
    finished.check(Dataset.open(tmp_path / "whole"))
    full = dataclasses.replace(finished, schema=feature_set("full"))
    with pytest.raises(InputError, match="column part_dzerr missing"):
        full.check(Dataset.open(tmp_path / "less"))


@pytest.mark.parametrize("name", ["config.json", "schema.json", "data.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "absent"])
def test_damaged_documents_are_refused_by_name(name, damage, copy):
    if damage == "absent":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:-20])
    with pytest.raises(InputError, match=name):
        Run.open(copy)


@pytest.mark.parametrize("size", [0, 5, 200, -4])
def test_truncated_weights_are_refused_by_name(size, copy):
    path = copy / "best.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"best\.safetensors: damaged or truncated weights"):
        Run.open(copy).model()


def test_weights_of_another_model_or_without_a_schema_are_refused(copy, finished):
    tensors = finished.model().state_dict()
    path = copy / "best.safetensors"
    write_tensors(path, tensors)
    with pytest.raises(InputError, match="name no feature schema"):
        Run.open(copy).model()
    write_tensors(path, {name: value for name, value in tensors.items() if name != "class_token"})
    with pytest.raises(InputError, match="class_token is missing"):
        Run.open(copy).model()
    write_tensors(path, tensors | {"class_token": torch.zeros(3)})
    with pytest.raises(InputError, match=r"class_token has shape \(3,\)"):
        Run.open(copy).model()


def test_a_run_without_an_average_says_so(small, dataset_path, tmp_path):
    run = train(small(steps=2, ema_decay=None), dataset_path, tmp_path / "run")
    with pytest.raises(InputError, match="no moving average"):
        run.model("ema")
    shutil.rmtree(run.path / "checkpoints")
    with pytest.raises(InputError, match="no checkpoint"):
        run.model("last")
    assert run.model().num_classes == 2
