"""Our optimizers against public ones on the same gradients: the distance of their paths, and why where they part."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.optim import OPTIMIZERS
from harness import PEERS, Row, peer_python, publish, run_json

REQUIREMENTS = ["torch==2.13.0", "numpy", "pytorch_optimizer==4.1.0", "muon-optimizer==0.1.0"]
SHAPES = {"square": (48, 48), "wide": (24, 64), "tall": (64, 24)}
STEPS = 10
TORCH_STEPS = {"direction": "jordan", "precision": "bfloat16", "form": "standard"}
# Largest distance of the two paths over the length of ours; rounding of five bfloat16 steps allows 2 %.
OURS = {
    "muon": ({"lr": 0.02, "weight_decay": 0.1, **TORCH_STEPS}, "SingleDeviceMuon, muon-optimizer 0.1.0", 0.02),
    "normuon": (
        {"lr": 0.02, "weight_decay": 0.1, "shape_factor": "original", **TORCH_STEPS},
        "NorMuon, pytorch_optimizer 4.1.0",
        0.02,
    ),
    "adago": ({"lr": 0.05, "shape_factor": "original", **TORCH_STEPS}, "AdaGO, pytorch_optimizer 4.1.0", None),
    "conda": (
        {"lr": 1e-3, "momentum": 0.9, "beta2": 0.99, "weight_decay": 0.1, "scale": 0.25},
        "Conda, pytorch_optimizer 4.1.0",
        1e-5,
    ),
}


def our_path(name: str, gradients: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weights after every step, (STEPS + 1, m, n), from the first entry of ``gradients`` on."""
    weight = torch.nn.Parameter(torch.from_numpy(gradients[0]).clone())
    optimizer = OPTIMIZERS[name].build([weight], **OURS[name][0])
    path = [gradients[0]]
    for gradient in gradients[1:]:
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        path.append(weight.detach().numpy().copy())
    return np.stack(path).astype(np.float64)


def steps_over_root(path: NDArray[np.float64], gradients: NDArray[np.float32]) -> NDArray[np.float64]:
    """The path of AdaGO with each step divided once more by the root of the accumulated squared norms."""
    squared = np.minimum(np.linalg.norm(gradients[1:].astype(np.float64), axis=(1, 2)), 10.0) ** 2
    root = np.sqrt(1e-6 + np.cumsum(squared))
    floor = 5e-4 / 0.05
    ours = np.maximum(floor, np.sqrt(squared) / root)
    theirs = np.maximum(floor, np.sqrt(squared) / root**2)
    steps = np.diff(path, axis=0) * (theirs / ours)[:, None, None]
    mended: NDArray[np.float64] = np.concatenate([path[:1], path[:1] + np.cumsum(steps, axis=0)])
    return mended


def distance(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Largest distance of two paths over the way that ours went."""
    gap = np.linalg.norm(ours - theirs, axis=(1, 2)).max()
    return float(gap / np.linalg.norm(np.diff(ours, axis=0), axis=(1, 2)).sum())


def rows(gradients: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]]) -> list[Row]:
    result = []

    def add(
        name: str, ours: NDArray[np.float64], peer: NDArray[np.float32], peer_name: str, limit: float | None
    ) -> None:
        start = ours[:1]
        gap = distance(ours, np.concatenate([start, peer.astype(np.float64)]))
        result.append(Row(name=name, unit="1", ours=gap, peer=None, peer_name=peer_name, target=limit, is_cost=True))

    for name, (_, peer_name, limit) in OURS.items():
        for shape, given in gradients.items():
            path, peer = our_path(name, given), theirs[f"{name}_{shape}"]
            add(f"distance, {name}, {shape}", path, peer, peer_name, limit)
            if name == "adago":
                mended = steps_over_root(path, given)
                add(f"distance, adago without the root, {shape}", mended, peer, peer_name, 0.02)
    return result


def main() -> None:
    generator = np.random.default_rng(0)
    gradients = {
        name: generator.normal(size=(STEPS + 1, *shape)).astype(np.float32) / 10 for name, shape in SHAPES.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "gradients.npz", **gradients)
        run_json(peer_python("optimizers", REQUIREMENTS), PEERS / "optimizer_trajectories.py", folder)
        with np.load(Path(folder) / "theirs.npz") as stored:
            theirs = {name: stored[name] for name in stored.files}
    publish("trajectories", rows(gradients, theirs))


if __name__ == "__main__":
    main()
