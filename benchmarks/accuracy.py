"""AUC of our Particle Transformer against weaver-core's after the same jets and steps, each with its own optimizer."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from collidium.cloud import BatchPlan, Dataset, feature_set
from collidium.evaluate import Predictions, compare, predict
from collidium.recipes import find_recipe
from collidium.train import Run, RunConfig, train
from harness import PEERS, WEAVER, Row, dataset, peer_python, publish, run_json
from training import BATCH, write_padded

STEPS = 40
TEST_JETS = 2560


def auc_rows(python: Path, data: Dataset, folder: Path) -> list[Row]:
    """Train both on the same jets and steps, each with its own optimizer; compare on the same test jets."""
    config = find_recipe("part", "train")
    assert isinstance(config, RunConfig)
    config = replace(config, train=replace(config.train, steps=STEPS, batch_size=BATCH))
    plan = BatchPlan(dataset=data, schema=feature_set("full"), split="train", batch_size=BATCH, max_particles=128)
    epochs = -(-STEPS // plan.num_batches)
    clouds = (cloud for epoch in range(epochs) for cloud in plan.epoch(seed=config.train.seed, epoch=epoch))
    for number, cloud in zip(range(STEPS), clouds, strict=False):
        write_padded(cloud, folder / f"train_{number:04d}.npz")
    test = BatchPlan(
        dataset=data, schema=feature_set("full"), split="test", batch_size=BATCH, max_particles=128, is_shuffled=False
    )
    ids, labels = [], []
    for number, cloud in zip(range(TEST_JETS // BATCH), test.epoch(), strict=False):
        write_padded(cloud, folder / f"test_{number:04d}.npz")
        ids.append(cloud.event_id.numpy().view(np.uint64))
        labels.append(cloud.y.numpy())
    run_json(python, PEERS / "weaver_training.py", "train", folder, "1e-3")
    train(config, data.path, folder / "run")
    run = Run.open(folder / "run")
    ours = predict(run, data, "test")
    score = np.load(folder / "weaver_scores.npz")["score"].astype(np.float64)
    event_id, label = np.concatenate(ids), np.concatenate(labels)
    theirs = Predictions(event_id, label, np.ones(len(label)), np.stack([1 - score, score], 1), data.classes)
    comparison = compare(ours, theirs)
    area = next(figure for figure in comparison.figures if figure.name == "auc_one_vs_one")
    return [
        Row(
            name=f"AUC after {STEPS} steps of {BATCH} (change {area.change.low:+.4f} to {area.change.high:+.4f})",
            unit="1",
            ours=area.a.value,
            peer=area.b.value,
            peer_name="weaver-core 0.5.3 ParT with Ranger",
            target=1.0,
        )
    ]


def main() -> None:
    data = Dataset.open(dataset("top-vs-qcd", "top-vs-qcd", "--num-jets", "20000"))
    with tempfile.TemporaryDirectory() as folder:
        publish("accuracy", auc_rows(peer_python("weaver", WEAVER), data, Path(folder)))


if __name__ == "__main__":
    main()
