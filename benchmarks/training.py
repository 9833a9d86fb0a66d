"""Training and inference against weaver-core's Particle Transformer: speed, and AUC after the same jets and steps."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from collidium.cloud import BatchPlan, Cloud, Dataset, feature_set
from collidium.evaluate import Predictions, compare, predict
from collidium.models import JETFORMER_SIZES, JetFormerConfig, ParticleTransformerConfig
from collidium.optim import for_model
from collidium.recipes import find_recipe
from collidium.train import Run, RunConfig, train, train_step
from harness import PEERS, Row, dataset, median_seconds, peer_python, publish, run_json

BATCH = 256
STEPS = 80
TEST_JETS = 2560
MODELS = {
    "ParT": (ParticleTransformerConfig(), 2.0),
    "JetFormer at its JetClass size": (JETFORMER_SIZES["jetclass-large"], 3.0),
    "the quickstart's JetFormer": (JetFormerConfig(), 10.0),
}


def write_padded(cloud: Cloud, path: Path) -> None:
    """A batch as weaver takes it, padded to 128: features and (px, py, pz, E) with particles last."""
    padded = cloud.padded(128)
    np.savez(
        path,
        x=padded.x.transpose(1, 2).contiguous().numpy(),
        v=padded.p4[..., [1, 2, 3, 0]].transpose(1, 2).contiguous().numpy(),
        mask=padded.mask[:, None].float().numpy(),
        y=padded.y.numpy(),
    )


def rates(config: ParticleTransformerConfig | JetFormerConfig, cloud: Cloud, *, bfloat16: bool) -> tuple[float, float]:
    """Jets a second of training steps and of inference."""
    model = config.build(cloud.x.shape[1], 0, 2, seed=0)
    optimizer = for_model(model, "muon", lr=1e-3)
    model.train()
    step = median_seconds(lambda: train_step(model, optimizer, cloud, clip=1.0, bfloat16=bfloat16), repeats=5)
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        forward = median_seconds(lambda: model(cloud), repeats=5)
    return len(cloud) / step, len(cloud) / forward


def speed_rows(python: Path, cloud: Cloud, folder: Path) -> list[Row]:
    write_padded(cloud, folder / "speed.npz")
    peer = run_json(python, PEERS / "weaver_training.py", "speed", folder)
    rows = []
    for name, (config, target) in MODELS.items():
        for bfloat16 in (False, True):
            training, inference = rates(config, cloud, bfloat16=bfloat16)
            precision = "bfloat16" if bfloat16 else "float32"
            for what, ours in (("training", training), ("inference", inference)):
                rows.append(
                    Row(
                        name=f"{what}, {name}, {precision}",
                        unit="jets/s",
                        ours=ours,
                        peer=peer[what],
                        peer_name="weaver-core 0.5.3 ParT, its defaults (float32, trimming)",
                        target=None if bfloat16 else target,
                    )
                )
    return rows


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
    peer = run_json(python, PEERS / "weaver_training.py", "train", folder, "1e-3")
    train(config, data.path, folder / "run")
    run = Run.open(folder / "run")
    ours = predict(run, data, "test")
    score = np.load(folder / "weaver_scores.npz")["score"].astype(np.float64)
    event_id, label = np.concatenate(ids), np.concatenate(labels)
    theirs = Predictions(event_id, label, np.ones(len(label)), np.stack([1 - score, score], 1), data.classes)
    comparison = compare(ours, theirs)
    area = next(figure for figure in comparison.figures if figure.name == "auc_one_vs_one")
    print(json.dumps({"auc": vars(area.change), "p": area.p_value, "weaver_seconds": peer["seconds"]}, default=str))
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
    plan = BatchPlan(dataset=data, schema=feature_set("full"), split="train", batch_size=BATCH, max_particles=128)
    python = peer_python("weaver", ["torch==2.13.0", "weaver-core==0.5.3"])
    with tempfile.TemporaryDirectory() as folder:
        rows = speed_rows(python, next(plan.epoch(seed=0)), Path(folder))
        rows += auc_rows(python, data, Path(folder))
    publish("training", rows)


if __name__ == "__main__":
    main()
