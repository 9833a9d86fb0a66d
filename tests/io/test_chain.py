"""Every format becomes a dataset that the Particle Transformer trains on and is evaluated on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from collidium.cloud import Dataset, Jets
from collidium.evaluate import EvaluateConfig, Predictions, evaluate
from collidium.io import convert
from collidium.models import ParticleTransformerConfig
from collidium.train import RunConfig, TrainConfig, train

CONFIG = RunConfig(
    model=ParticleTransformerConfig(
        embedding_widths=(16,), pair_widths=(8,), num_heads=2, num_blocks=1, num_class_blocks=1
    ),
    features="kin",
    train=TrainConfig(steps=2, batch_size=4),
)


def _chain(inputs: Sequence[Path], folder: Path, classes: Sequence[str] | None = None) -> Predictions:
    """Convert, train two steps, evaluate; the predictions of all jets."""
    data = convert(inputs, folder / "data", classes=classes)
    train(CONFIG, data, folder / "run")
    out = evaluate(folder / "run", data, folder / "predictions", config=EvaluateConfig(split="all", num_replicas=10))
    predictions = Predictions.read(out)
    assert len(predictions.label) == Dataset.open(data).num_jets
    assert np.isfinite(predictions.probabilities).all()
    assert np.ptp(predictions.probabilities[:, 0]) > 0
    return predictions


def test_jetclass(
    tmp_path: Path, write_root: Callable[..., Path], jetclass_branches: Callable[..., dict[str, Any]]
) -> None:
    files = [
        write_root(tmp_path / f"{name}.root", "tree", **jetclass_branches(30, name, seed))
        for seed, name in enumerate(("QCD", "Tbqq"))
    ]
    assert _chain(files, tmp_path).probabilities.shape == (60, 10)


def test_toptagging(tmp_path: Path, top_frame: Callable[..., pd.DataFrame]) -> None:
    top_frame(60).to_hdf(tmp_path / "train.h5", key="table", format="table")
    assert _chain([tmp_path / "train.h5"], tmp_path).probabilities.shape == (60, 2)


def test_hls4ml(tmp_path: Path, write_hls4ml: Callable[..., Path]) -> None:
    assert _chain([write_hls4ml(tmp_path / "jets.h5", 60)], tmp_path).probabilities.shape == (60, 5)


def test_energyflow(tmp_path: Path, write_energyflow: Callable[..., Path]) -> None:
    assert _chain([write_energyflow(tmp_path / "QG.npz", 60)], tmp_path).probabilities.shape == (60, 2)


def test_our_own(tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path]) -> None:
    parts = [make_dataset(tmp_path / str(seed), [make_jets(30, seed=seed)]) for seed in range(2)]
    assert _chain(parts, tmp_path).probabilities.shape == (60, 2)


def test_nanoaod_with_candidates(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    # The split goes by event, and ten events leave one of the collections without a validation split.
    sample, classes = shared_data("format-samples/pfnano_mc_10evts.root"), ("uds", "g", "c", "b")
    data = {
        name: convert([sample], tmp_path / name, collection=name, classes=classes)
        for name in ("AK8", "AK4", "AK4Puppi")
    }
    train(CONFIG, data["AK8"], tmp_path / "run")
    for name, path in data.items():
        config = EvaluateConfig(split="all", num_replicas=10)
        out = evaluate(tmp_path / "run", path, tmp_path / f"{name}-predictions", config=config)
        probabilities = Predictions.read(out).probabilities
        assert probabilities.shape == (Dataset.open(path).num_jets, 4)
        assert np.isfinite(probabilities).all()
        assert np.ptp(probabilities[:, 0]) > 0


def test_plain_nanoaod(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    sample = shared_data("format-samples/nanoaodv5_ttlike_mc_1000evts.root")
    assert _chain([sample], tmp_path, classes=("uds", "g", "c", "b")).probabilities.shape[1] == 4
