"""Trajectories of public optimizers on given gradients: FOLDER/gradients.npz to FOLDER/theirs.npz."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from muon import SingleDeviceMuon
from pytorch_optimizer import AdaGO, Conda, NorMuon

PEERS = {
    "muon": lambda weight: SingleDeviceMuon([weight], lr=0.02, weight_decay=0.1, momentum=0.95),
    "normuon": lambda weight: NorMuon([{"params": [weight], "use_muon": True}], lr=0.02, weight_decay=0.1),
    "adago": lambda weight: AdaGO([{"params": [weight], "use_muon": True}], lr=0.05),
    "conda": lambda weight: Conda([weight], lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, scale=0.25),
}


def main() -> None:
    folder = Path(sys.argv[1])
    theirs = {}
    with np.load(folder / "gradients.npz") as given:
        for shape in given.files:
            gradients = torch.from_numpy(given[shape])
            for name, build in PEERS.items():
                weight = torch.nn.Parameter(gradients[0].clone())
                optimizer = build(weight)
                path = []
                for gradient in gradients[1:]:
                    weight.grad = gradient.clone()
                    optimizer.step()
                    path.append(weight.detach().numpy().copy())
                theirs[f"{name}_{shape}"] = np.stack(path)
    np.savez(folder / "theirs.npz", **theirs)
    print(json.dumps({"steps": len(gradients) - 1}))


if __name__ == "__main__":
    main()
