"""ONNX files equal torch for any number of jets and particles."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.cloud import FeatureSchema
from collidium.models import BACKBONES, DeepSetsConfig, MLPConfig
from collidium.train import RunConfig, TrainConfig, _export, export_onnx, train
from collidium.train._export import PaddedModel, random_inputs

ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def make_run(model, features, dataset_path, path):
    settings = TrainConfig(steps=3, batch_size=64, device="cpu")
    return train(RunConfig(model=model, features=features, train=settings), dataset_path, path)


def open_graph(path):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def assert_equal(run, path, shapes):
    model, session = run.model(), open_graph(path)
    for seed, (N, P) in enumerate(shapes):
        arrays = random_inputs(model, N, P, seed=100 + seed)
        arrays = {item.name: arrays[item.name] for item in session.get_inputs()}
        with torch.no_grad():
            wanted = PaddedModel(model)(**arrays).numpy()
        (found,) = session.run(None, {name: value.numpy() for name, value in arrays.items()})
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_equals_torch_and_carries_schema_and_classes(dataset_path, tmp_path):
    run = make_run(DeepSetsConfig(), "kin", dataset_path, tmp_path / "run")
    path = export_onnx(run, tmp_path / "model.onnx")
    assert_equal(run, path, [(1, 1), (2, 128), (9, 33)])
    session = open_graph(path)
    assert {item.name: item.shape for item in session.get_inputs()} == {
        "x": ["N", "P", 7], "p4": ["N", "P", 4], "mask": ["N", "P"]
    }  # fmt: skip
    metadata = session.get_modelmeta().custom_metadata_map
    assert FeatureSchema.from_json(metadata["feature_schema"]) == run.schema
    assert tuple(json.loads(metadata["classes"])) == run.classes
    assert list(json.loads(metadata["inputs"])) == ["x", "p4", "mask"]
    assert metadata["run_hash"] == run.manifest.content_hash
    assert sorted(item.name for item in tmp_path.iterdir()) == ["dataset", "model.onnx", "run"]


def test_jet_features_are_an_input(dataset_path, tmp_path):
    run = make_run(MLPConfig(), "jet16", dataset_path, tmp_path / "run")
    path = export_onnx(run, tmp_path / "model.onnx")
    assert [item.name for item in open_graph(path).get_inputs()] == ["x", "p4", "mask", "g"]
    assert_equal(run, path, [(1, 1), (6, 5)])


def test_a_graph_that_differs_is_not_written(dataset_path, tmp_path, monkeypatch):
    run = make_run(MLPConfig(), "jet16", dataset_path, tmp_path / "run")
    traced = _export._trace

    def wrong(model, inputs):
        model = type(run).model(run)
        with torch.no_grad():
            next(model.parameters()).add_(0.01)
        return traced(model, inputs)

    monkeypatch.setattr(_export, "_trace", wrong)
    with pytest.raises(InputError, match="differs from torch by"):
        export_onnx(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BACKBONES if name not in ("mlp", "deep-sets")])
def test_every_backbone_at_its_published_size(name, dataset_path, tmp_path):
    run = make_run(BACKBONES[name].config, "full", dataset_path, tmp_path / "run")
    path = export_onnx(run, tmp_path / "model.onnx")
    assert_equal(run, path, [(1, 1), (2, 60)])
