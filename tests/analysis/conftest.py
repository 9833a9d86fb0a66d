"""Scores of a tagger that was never trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import building
from collidium.evaluate import PREDICTIONS_NAME, Predictions


def scores(num_jets: int, *, seed: int = 0, classes: tuple[str, ...] = ("QCD", "top")) -> Predictions:
    """As many jets of each class; the score of its class is high for a jet."""
    generator = np.random.default_rng(seed)
    label = np.arange(num_jets) % len(classes)
    logits = generator.normal(size=(num_jets, len(classes)))
    logits[np.arange(num_jets), label] += 1.8
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ids = generator.permutation(num_jets).astype(np.uint64)
    return Predictions(ids, label, np.ones(num_jets), probabilities, classes)


@pytest.fixture(scope="session")
def predictions() -> Predictions:
    """4,000 jets of two classes."""
    return scores(4000)


@pytest.fixture
def predictions_path(predictions: Predictions, tmp_path: Path) -> Path:
    """The same as an artifact."""
    with building(tmp_path / "predictions", kind="predictions", config={}) as folder:
        predictions.write(folder / PREDICTIONS_NAME)
    return tmp_path / "predictions"
