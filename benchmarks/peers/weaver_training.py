"""weaver-core's Particle Transformer with its own defaults: speed of training and inference, and a short training.

Arguments: mode (``speed`` or ``train``), folder with the batches written by ours, learning rate for ``train``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from weaver.nn.model.ParticleTransformer import ParticleTransformer
from weaver.utils.nn.optimizer.ranger import Ranger

REPEATS = 5


def load(path: Path) -> dict[str, torch.Tensor]:
    """One padded batch: features (N, F, P), vectors (N, 4, P) as px, py, pz, E, mask (N, 1, P), labels (N,)."""
    return {name: torch.from_numpy(value) for name, value in np.load(path).items()}


def build(num_features: int, num_classes: int) -> ParticleTransformer:
    return ParticleTransformer(
        input_dim=num_features,
        num_classes=num_classes,
        pair_input_dim=4,
        use_pre_activation_pair=False,
        embed_dims=[128, 512, 128],
        pair_embed_dims=[64, 64, 64],
        num_heads=8,
        num_layers=8,
        num_cls_layers=2,
        block_params=None,
        cls_block_params={"dropout": 0, "attn_dropout": 0, "activation_dropout": 0},
        fc_params=[],
        activation="gelu",
        trim=True,
        for_inference=False,
    )


def forward(model: ParticleTransformer, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(batch["x"], v=batch["v"], mask=batch["mask"])


def step(model: ParticleTransformer, optimizer: Ranger, batch: dict[str, torch.Tensor]) -> float:
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(forward(model, batch), batch["y"])
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def speed(folder: Path) -> dict[str, float]:
    batch = load(folder / "speed.npz")
    model = build(batch["x"].shape[1], 2)
    optimizer = Ranger(model.parameters(), lr=1e-3, betas=(0.95, 0.999), eps=1e-5, alpha=0.5, k=6)
    model.train()
    for _ in range(6):  # the trimmer warms up for five calls
        step(model, optimizer, {name: value[:8] for name, value in batch.items()})
    training, inference = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        step(model, optimizer, batch)
        training.append(time.perf_counter() - started)
    model.eval()
    with torch.no_grad():
        for _ in range(REPEATS + 1):
            started = time.perf_counter()
            forward(model, batch)
            inference.append(time.perf_counter() - started)
    jets = len(batch["y"])
    return {"training": jets / float(np.median(training)), "inference": jets / float(np.median(inference[1:]))}


def train(folder: Path, lr: float) -> dict[str, float]:
    """Train on the given batches in order, lr flat for 70 % and exponentially falling to 1 %; write test scores."""
    torch.manual_seed(0)
    paths = sorted(folder.glob("train_*.npz"))
    first = load(paths[0])
    model = build(first["x"].shape[1], 2)
    optimizer = Ranger(model.parameters(), lr=lr, betas=(0.95, 0.999), eps=1e-5, alpha=0.5, k=6)
    flat = int(0.7 * len(paths))
    model.train()
    started = time.perf_counter()
    for number, path in enumerate(paths):
        for group in optimizer.param_groups:
            group["lr"] = lr * 0.01 ** (max(number - flat, 0) / (len(paths) - flat))
        step(model, optimizer, load(path))
    seconds = time.perf_counter() - started
    model.eval()
    scores, labels = [], []
    with torch.no_grad():
        for path in sorted(folder.glob("test_*.npz")):
            batch = load(path)
            scores.append(forward(model, batch).softmax(1)[:, 1].numpy())
            labels.append(batch["y"].numpy())
    np.savez(folder / "weaver_scores.npz", score=np.concatenate(scores), y=np.concatenate(labels))
    return {"seconds": seconds}


if __name__ == "__main__":
    where = Path(sys.argv[2])
    print(json.dumps(speed(where) if sys.argv[1] == "speed" else train(where, float(sys.argv[3]))))
