"""Speed of training and inference on generated jets against weaver-core's Particle Transformer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from collidium.cloud import BatchPlan, Cloud, Dataset, feature_set
from collidium.models import JETFORMER_SIZES, JetFormerConfig, ParticleTransformerConfig
from collidium.optim import for_model
from collidium.train import train_step
from harness import PEERS, WEAVER, Row, dataset, median_seconds, peer_python, publish, run_json

BATCH = 256
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


def main() -> None:
    data = Dataset.open(dataset("top-vs-qcd", "top-vs-qcd", "--num-jets", "20000"))
    plan = BatchPlan(dataset=data, schema=feature_set("full"), split="train", batch_size=BATCH, max_particles=128)
    with tempfile.TemporaryDirectory() as folder:
        publish("training", speed_rows(peer_python("weaver", WEAVER), next(plan.epoch(seed=0)), Path(folder)))


if __name__ == "__main__":
    main()
