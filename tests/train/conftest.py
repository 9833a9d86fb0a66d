"""A small training with everything that a resume must restore: dropout, momentum, average, class weights."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from collidium.models import ParticleTransformerConfig
from collidium.train import RunConfig, TrainConfig

MODEL = ParticleTransformerConfig(
    embedding_widths=(16,), pair_widths=(8,), num_heads=2, num_blocks=1, num_class_blocks=1, dropout=0.2
)
TRAIN = TrainConfig(
    epochs=2,
    batch_size=64,
    max_particles=16,
    lr=3e-3,
    ema_decay=0.9,
    class_balance="inverse",
    log_every=3,
    checkpoint_every=4,
    device="cpu",
    seed=5,
)


@pytest.fixture
def small() -> Callable[..., RunConfig]:
    """Maker of the small training (12 steps, 6 an epoch) with some settings changed."""
    return lambda **changes: RunConfig(model=MODEL, features="kin", train=dataclasses.replace(TRAIN, **changes))


def digests(run: Path) -> dict[str, str]:
    """Hash of every file of a run that a resume must give back."""
    return {
        str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*"))
        if file.is_file() and file.name not in ("timings.jsonl", "manifest.json")
    }


@pytest.fixture
def hashes() -> Callable[[Path], dict[str, str]]:
    """Maker of a run's hashes by file."""
    return digests
