"""Recipes for training: published models on their published features."""

from __future__ import annotations

from collidium.models import JETFORMER_SIZES, DeepSetsConfig, JetFormerConfig, MLPConfig, ParticleTransformerConfig
from collidium.train import RunConfig, TrainConfig

_PART = TrainConfig(epochs=20, batch_size=512, lr=1e-3)


def mlp() -> RunConfig:
    """MLP on sixteen jet-level observables."""
    return RunConfig(model=MLPConfig(), features="jet16", train=TrainConfig(epochs=30, batch_size=512))


def pfn() -> RunConfig:
    """Deep Sets on the seventeen features."""
    return RunConfig(model=DeepSetsConfig(), features="full", train=TrainConfig(epochs=20, batch_size=512))


def part() -> RunConfig:
    """Particle Transformer at its published size."""
    return RunConfig(model=ParticleTransformerConfig(), features="full", train=_PART)


def part_kin() -> RunConfig:
    """Particle Transformer on the seven kinematic features: any four-momenta will do."""
    return RunConfig(model=ParticleTransformerConfig(), features="kin", train=_PART)


def part_plain() -> RunConfig:
    """Particle Transformer without pair features."""
    return RunConfig(model=ParticleTransformerConfig(pair_widths=None), features="full", train=_PART)


def jetformer_small() -> RunConfig:
    """JetFormer at the size of its 150-particle study."""
    model = JetFormerConfig()
    return RunConfig(model=model, features="full", train=TrainConfig(epochs=20, lr=2e-3))


def jetformer() -> RunConfig:
    """JetFormer at its JetClass size."""
    model = JETFORMER_SIZES["jetclass-large"]
    return RunConfig(model=model, features="full", train=TrainConfig(epochs=20, batch_size=512))
