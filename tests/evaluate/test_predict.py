from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.cloud import Dataset, Jets
from collidium.evaluate import EvaluateConfig, Evaluation, Predictions, evaluate, evaluate_predictions, predict
from collidium.models import DeepSetsConfig
from collidium.train import Run, RunConfig, TrainConfig, train

CONFIG = EvaluateConfig(num_replicas=10, device="cpu")


@pytest.fixture
def run_path(tmp_path: Path, dataset_path: Path) -> Path:
    """A small model that takes at most 10 particles, trained for one epoch."""
    config = RunConfig(
        model=DeepSetsConfig(particle_widths=(16,), jet_widths=(16,)),
        features="trigger3",
        train=TrainConfig(epochs=1, batch_size=100, max_particles=10, device="cpu"),
    )
    train(config, dataset_path, tmp_path / "run")
    return tmp_path / "run"


def test_predictions_are_ordered_by_event_and_do_not_depend_on_the_batches(run_path: Path, dataset_path: Path) -> None:
    run, dataset = Run.open(run_path), Dataset.open(dataset_path)
    small, large = (predict(run, dataset, "test", batch_size=size, device="cpu") for size in (7, 400))
    jets = dataset.read_split("test")
    order = np.argsort(jets.scalars["event_id"])
    for found in (small, large):
        np.testing.assert_array_equal(found.event_id, jets.scalars["event_id"][order])
        np.testing.assert_array_equal(found.label, jets.scalars["label"][order])
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(small.probabilities, large.probabilities, atol=1e-6)


def test_the_artifact_holds_predictions_and_their_figures(run_path: Path, dataset_path: Path, tmp_path: Path) -> None:
    out = evaluate(run_path, dataset_path, tmp_path / "predictions", config=CONFIG, command=["collidium", "evaluate"])
    manifest = read_manifest(out, "predictions")
    assert manifest.command == ["collidium", "evaluate"]
    assert set(manifest.inputs) == {str(run_path), str(dataset_path)}
    predictions = Predictions.read(out)
    document = (out / "metrics.json").read_text(encoding="utf-8")
    assert Evaluation.from_json(document) == evaluate_predictions(predictions, num_replicas=10)
    again = evaluate(run_path, dataset_path, tmp_path / "again", config=CONFIG)
    assert read_manifest(again).content_hash == manifest.content_hash


def test_the_fraction_of_cut_particles_is_reported(run_path: Path, dataset_path: Path, tmp_path: Path) -> None:
    out = evaluate(run_path, dataset_path, tmp_path / "predictions", config=CONFIG)
    content = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    lengths = Dataset.open(dataset_path).read_split("test").lengths
    assert content["max_particles"] == 10
    assert content["truncated_particles"] == pytest.approx(np.maximum(lengths - 10, 0).sum() / lengths.sum())
    assert 0.0 < content["truncated_pt"] < content["truncated_particles"]


def test_data_of_other_classes_are_refused_and_leave_nothing(
    run_path: Path, tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(tmp_path / "other", [make_jets(100, classes=("QCD", "W"))])
    with pytest.raises(InputError, match="trained for"):
        evaluate(run_path, other, tmp_path / "p")
    assert not list(tmp_path.glob("p*"))


def test_an_unknown_device_is_an_input_error(run_path: Path, dataset_path: Path) -> None:
    with pytest.raises(InputError, match="device"):
        predict(Run.open(run_path), Dataset.open(dataset_path), device="abacus")


def without_labels(jets: Jets, classes: tuple[str, ...]) -> Jets:
    """The same jets as a recorded sample: no truth."""
    return replace(jets, scalars={**jets.scalars, "label": np.full(len(jets), -1)}, classes=classes)


@pytest.mark.parametrize("classes", [(), ("QCD", "Tbqq")])
def test_data_without_labels_get_predictions_and_no_figures(
    run_path: Path,
    dataset_path: Path,
    tmp_path: Path,
    make_dataset: Callable[[Path, list[Jets]], Path],
    classes: tuple[str, ...],
) -> None:
    labelled = Dataset.open(dataset_path)
    shards = [without_labels(labelled.read_shard(index), classes) for index in range(labelled.num_shards)]
    recorded = make_dataset(tmp_path / "recorded", shards)
    out = evaluate(run_path, recorded, tmp_path / "predictions", config=CONFIG)
    found, known = Predictions.read(out), predict(Run.open(run_path), labelled, device="cpu")
    assert (found.label == -1).all()
    assert found.classes == ("QCD", "Tbqq")
    np.testing.assert_allclose(found.probabilities, known.probabilities, atol=1e-6)
    figures = Evaluation.read(out)
    assert not figures.has_figures
    assert figures.num_unlabelled == len(found)
    content = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert content["accuracy"]["value"] is None
    assert content["split"] == "test"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, at least 1"),
        ({"num_replicas": 0}, "num_replicas is 0, at least 1"),
        ({"seed": -1}, "seed is -1, at least 0"),
        ({"efficiencies": (0.5, 0.0)}, "signal efficiency is 0"),
        ({"efficiencies": (1.5,)}, r"signal efficiency is 1\.5"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EvaluateConfig(**changes)


def test_an_unknown_background_is_refused_before_the_model_runs(
    run_path: Path, dataset_path: Path, tmp_path: Path, recorder: Any
) -> None:
    config = replace(CONFIG, background="Tbq")
    with pytest.raises(InputError, match="unknown background class 'Tbq': did you mean Tbqq"):
        evaluate(run_path, dataset_path, tmp_path / "p", config=config, progress=recorder)
    assert recorder.begun == []
    assert not list(tmp_path.glob("p*"))


def test_an_interruption_ends_the_progress_and_leaves_nothing(
    run_path: Path, dataset_path: Path, tmp_path: Path, recorder: Any
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    recorder.on_advance = interrupt
    with pytest.raises(KeyboardInterrupt):
        evaluate(run_path, dataset_path, tmp_path / "p", config=CONFIG, progress=recorder)
    assert ([label for label, _, _ in recorder.begun], recorder.num_ends) == (["evaluate"], 1)
    assert not list(tmp_path.glob("p*"))
