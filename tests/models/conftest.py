"""Small padded batches and deterministic models for the backbone tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from collidium.cloud import Cloud
from collidium.models import BACKBONES, CloudBatchNorm, JetModel

NUM_FEATURES, NUM_JET_FEATURES, NUM_CLASSES = 7, 3, 4


@dataclass(frozen=True)
class Batch:
    """Padded arrays of a batch."""

    x: Tensor
    p4: Tensor
    mask: Tensor
    g: Tensor

    @property
    def cloud(self) -> Cloud:
        """The packed batch."""
        return Cloud.from_padded(self.x, self.p4, self.mask, g=self.g)

    def to(self, dtype: torch.dtype) -> Batch:
        """The same numbers in another precision."""
        return Batch(self.x.to(dtype), self.p4.to(dtype), self.mask, self.g.to(dtype))


def make_batch(lengths: list[int], *, seed: int = 0, width: int | None = None) -> Batch:
    """Jets of these lengths with soft random particles around the x axis; padded rows are zero."""
    generator = torch.Generator().manual_seed(seed)
    N, P = len(lengths), max(lengths) if width is None else width
    mask = torch.arange(P) < torch.tensor(lengths)[:, None]
    x = torch.randn(N, P, NUM_FEATURES, generator=generator)
    p3 = torch.randn(N, P, 3, generator=generator) + torch.tensor([6.0, 0.0, 2.0])
    energy = (p3.square().sum(-1, keepdim=True) + 0.02).sqrt()
    p4 = torch.cat([energy, p3], -1)
    hidden = ~mask[..., None]
    g = torch.randn(N, NUM_JET_FEATURES, generator=generator)
    return Batch(x.masked_fill(hidden, 0), p4.masked_fill(hidden, 0), mask, g)


def make_model(name: str, *, dropout: float = 0.0, num_blocks: int = 2) -> JetModel:
    """A registered backbone as if it had learned for a while, without dropout and with two blocks unless told.

    Weights are off their trivial start, and so are the running averages of batch norms: at 0 and 1 they would hide that
    evaluation takes the wrong ones.
    """
    config = BACKBONES[name].config
    if hasattr(config, "dropout"):
        config = replace(config, dropout=dropout, num_blocks=num_blocks)
    model = config.build(NUM_FEATURES, NUM_JET_FEATURES, NUM_CLASSES, seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator) * parameter.abs().mean().clamp(min=0.1)
        for module in model.modules():
            if isinstance(module, CloudBatchNorm):
                module.running_mean += 0.3 * torch.randn(module.running_mean.shape, generator=generator)
                module.running_var *= 0.5 + torch.rand(module.running_var.shape, generator=generator)
    return model


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """Maker of batches."""
    return make_batch


@pytest.fixture
def build() -> Callable[..., JetModel]:
    """Maker of models."""
    return make_model
