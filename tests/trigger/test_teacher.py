"""Targets from another model: mixed jet by jet, whatever the order, and refused where they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError, building
from collidium.cloud import Dataset
from collidium.evaluate import Predictions
from collidium.trigger import BetaSchedule, FitConfig, JetTask, MLPConfig, TriggerConfig, train_trigger
from collidium.trigger._teacher import soft_targets

CLASSES = ("g", "q", "W")
NUM_JETS = 50


@pytest.fixture
def teacher() -> Predictions:
    generator = np.random.default_rng(1)
    event_id = generator.permutation(10 * NUM_JETS)[:NUM_JETS].astype(np.uint64)
    probabilities = generator.dirichlet(np.ones(3), NUM_JETS)
    return Predictions(event_id, generator.integers(0, 3, NUM_JETS), np.ones(NUM_JETS), probabilities, CLASSES)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_targets_are_distributions_whose_largest_entry_is_the_class(teacher: Predictions, share: float) -> None:
    targets = soft_targets(teacher, teacher.event_id, teacher.label, CLASSES, share=share)
    np.testing.assert_allclose(targets.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(targets.argmax(1), teacher.label)
    truth = np.eye(3)[teacher.label]
    np.testing.assert_allclose((targets - (1.0 - share) * truth) / share, teacher.probabilities, atol=1e-6)


def test_jets_are_found_by_number_and_classes_by_name(teacher: Predictions) -> None:
    asked = np.random.default_rng(2).permutation(NUM_JETS)[:20]
    expected = soft_targets(teacher, teacher.event_id, teacher.label, CLASSES, share=0.3)[asked]
    turned = ("W", "g", "q")
    moved = np.array([turned.index(name) for name in CLASSES])
    probabilities = teacher.probabilities[:, [CLASSES.index(name) for name in turned]]
    other = Predictions(teacher.event_id, moved[teacher.label], teacher.weight, probabilities, turned)
    found = soft_targets(other, teacher.event_id[asked], teacher.label[asked], CLASSES, share=0.3)
    np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_named(teacher: Predictions) -> None:
    ids, labels = teacher.event_id, teacher.label
    with pytest.raises(InputError, match=r"no prediction for 1 of 50 jets"):
        soft_targets(
            teacher, np.where(np.arange(NUM_JETS) == 3, 10**6, ids).astype(np.uint64), labels, CLASSES, share=0.5
        )
    with pytest.raises(InputError, match="no prediction for 50 of 50"):
        soft_targets(teacher.take(np.arange(0)), ids, labels, CLASSES, share=0.5)
    with pytest.raises(InputError, match="have other classes"):
        soft_targets(teacher, ids, (labels + 1) % 3, CLASSES, share=0.5)
    with pytest.raises(InputError, match="the teacher knows g, q, W; g, q, top are needed"):
        soft_targets(teacher, ids, labels, ("g", "q", "top"), share=0.5)
    for share in (0.0, 0.6, float("nan")):
        with pytest.raises(InputError, match="teacher_share is"):
            soft_targets(teacher, ids, labels, CLASSES, share=share)


def test_samples_hold_the_answers_of_the_teacher_and_no_others(tmp_path: Path, dataset_path: Path) -> None:
    dataset = Dataset.open(dataset_path)
    jets = dataset.read_split("all")
    labels = jets.scalars["label"].astype(np.int64)
    sure = np.where(labels[:, None] == np.arange(2), 0.2, 0.8)
    for name, probabilities in (("one", sure), ("other", 1.0 - sure)):
        made = Predictions(jets.scalars["event_id"], labels, np.ones(len(labels)), probabilities, dataset.classes)
        with building(tmp_path / name, kind="predictions", config={}) as folder:
            made.write(folder / "predictions.parquet")
    config = TriggerConfig(
        task=JetTask(teacher=str(tmp_path / "one"), teacher_share=0.5),
        network=MLPConfig(widths=(4,), num_outputs=2),
        fit=FitConfig(epochs=1, batch_size=64, pressure=BetaSchedule(points=((0.0, 1e-7),))),
    )
    run = train_trigger(config, dataset_path, tmp_path / "run")
    assert run.members
    with np.load(tmp_path / "run-samples" / "samples.npz") as arrays:
        np.testing.assert_allclose(np.sort(arrays["y"], axis=1), np.tile([0.4, 0.6], (len(labels), 1)), rtol=1e-6)
    (tmp_path / "one").rename(tmp_path / "first")
    (tmp_path / "other").rename(tmp_path / "one")
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(InputError, match="made from another dataset"):
        train_trigger(config, dataset_path, tmp_path / "run")
