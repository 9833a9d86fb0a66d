"""Jet classification on a generated dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.cloud import BatchPlan, Cloud, Dataset, feature_set
from collidium.models import JetFormerConfig
from collidium.objectives import cross_entropy


@dataclass(frozen=True, kw_only=True)
class JetsConfig:
    """The jet task.

    Attributes
    ----------
    model : JetFormerConfig
        The model.
    features : str
        Key of ``collidium.cloud.FEATURE_SETS``.
    batch_size : int
        Jets in a step.
    max_particles : int
        Particles kept of each jet, the hardest.
    steps : int
        Steps of a run.
    validation_jets : int
        Jets of the validation split that are looked at, at most.
    rate_scale : float, 1
        Factor on the members' centre rates.
    weight_decay : float or None, 1
        Decay of every member; None leaves each the one of its recipe.
    """

    model: JetFormerConfig = field(default_factory=lambda: JetFormerConfig(num_blocks=2, width=48, num_heads=2))
    features: str = "kin"
    batch_size: int = 64
    max_particles: int = 32
    steps: int = 250
    validation_jets: int = 600
    rate_scale: float = 3.0
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_particles", "steps", "validation_jets"):
            if getattr(self, name) < 1:
                raise InputError(f"jets.{name} is {getattr(self, name)}; at least 1 is needed")
        if not 0.0 < self.rate_scale < 1e6:
            raise InputError(f"jets.rate_scale is {self.rate_scale}; a positive number is needed")
        if self.weight_decay is not None and not 0.0 <= self.weight_decay < 1e6:
            raise InputError(f"jets.weight_decay is {self.weight_decay}; 0, a positive number or None is needed")


class JetsTask:
    """Tell the classes of jets apart.

    Parameters
    ----------
    config : JetsConfig
        Sizes.
    dataset : Path
        A dataset artifact with labels.
    device : torch.device
        Where to compute.

    Raises
    ------
    InputError
        If the dataset lacks columns, classes or jets.
    """

    def __init__(self, config: JetsConfig, dataset: Path, device: torch.device) -> None:
        self.config = config
        self.device = device
        opened = Dataset.open(dataset)
        if len(opened.classes) < 2:
            raise InputError(f"{dataset}: has {len(opened.classes)} classes; two are needed at least")
        self.schema = feature_set(config.features)
        self.num_classes = len(opened.classes)
        self._plan = BatchPlan(
            dataset=opened,
            schema=self.schema,
            split="train",
            batch_size=config.batch_size,
            max_particles=config.max_particles,
        )
        if self._plan.num_batches == 0:
            raise InputError(f"{dataset}: the train split has {self._plan.num_jets} jets, fewer than a batch")
        self._validation = tuple(self._validation_batches(opened))

    def build(self, seed: int) -> nn.Module:
        """The untrained model of this seed."""
        F, G = len(self.schema.particle), len(self.schema.jet)
        return self.config.model.build(F, G, self.num_classes, seed=seed).to(self.device)

    def batches(self, seed: int) -> Iterator[Cloud]:
        """Shuffled jets, epoch after epoch."""
        for epoch in count():
            for batch in self._plan.epoch(seed=seed, epoch=epoch):
                yield batch.to(self.device)

    def loss(self, model: nn.Module, batch: Cloud) -> Tensor:
        """Weighted cross-entropy of the classes."""
        return cross_entropy(model(batch), batch.y, batch.w)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        """The loss on jets of the validation split."""
        model.eval()
        weights = [float((batch.w * (batch.y >= 0)).abs().sum()) for batch in self._validation]
        losses = [float(self.loss(model, batch)) for batch in self._validation]
        model.train()
        return sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / max(sum(weights), 1e-12)

    def figures(self, model: nn.Module) -> dict[str, float]:
        """Nothing beyond the loss."""
        return {}

    def _validation_batches(self, dataset: Dataset) -> Iterator[Cloud]:
        """The first jets of the validation split."""
        plan = BatchPlan(
            dataset=dataset,
            schema=self.schema,
            split="val",
            batch_size=self.config.validation_jets,
            max_particles=self.config.max_particles,
            is_shuffled=False,
            has_partial_batch=True,
        )
        yield next(iter(plan.epoch())).to(self.device)
