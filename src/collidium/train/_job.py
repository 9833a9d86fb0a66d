"""A training, made ready: everything that does not change while it runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from collidium.artifact import InputError
from collidium.cloud import BatchPlan, Cloud, Dataset, FeatureSchema, feature_set
from collidium.models import JetModel
from collidium.objectives import inverse_class_weights
from collidium.optim import RoutedOptimizer, for_model
from collidium.train._checkpoint import Learner
from collidium.train._config import RunConfig, TrainConfig
from collidium.train._data import class_totals
from collidium.train._device import find_device, is_bfloat16
from collidium.train._prefetch import on_device
from collidium.train._schedule import schedule_factor
from collidium.train._weights import inputs_label


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a training needs.

    Attributes
    ----------
    config : RunConfig
        The configuration.
    train_plan, val_plan : BatchPlan
        The data.
    device : torch.device
        Where it runs.
    learner : Learner
        Model, optimizer and average on the device.
    optimizer : RoutedOptimizer
        The learner's optimizer.
    class_weights : Tensor, (K,), 1, or None
        Factors of the classes in the loss.
    base_rates : tuple of float, 1
        Learning rate of each parameter group at the factor 1.
    """

    config: RunConfig
    train_plan: BatchPlan
    val_plan: BatchPlan
    device: torch.device
    learner: Learner
    optimizer: RoutedOptimizer
    class_weights: Tensor | None
    base_rates: tuple[float, ...]

    @staticmethod
    def prepare(config: RunConfig, dataset: Dataset) -> Job:
        """Build everything, so that bad input is refused before anything is written.

        Parameters
        ----------
        config : RunConfig
            The configuration.
        dataset : Dataset
            The data.

        Returns
        -------
        Job
            At step 0.

        Raises
        ------
        InputError
            If the data lack a column, a split or a class, or an option is not allowed.
        """
        settings = config.train
        device = find_device(settings.device)
        schema = feature_set(config.features)
        train_plan, val_plan = (_plan(dataset, schema, split, settings) for split in ("train", "val"))
        totals = class_totals(dataset)
        model = build_model(config, schema, len(dataset.classes)).to(device)
        try:
            optimizer = for_model(model, settings.optimizer, lr=settings.lr, weight_decay=settings.weight_decay)
        except ValueError as error:
            raise InputError(str(error)) from error
        average = copy.deepcopy(model) if settings.ema_decay is not None else None
        weights = inverse_class_weights(torch.from_numpy(totals)) if settings.class_balance == "inverse" else None
        return Job(
            config=config,
            train_plan=train_plan,
            val_plan=val_plan,
            device=device,
            learner=Learner(model=model.train(), optimizer=optimizer, average=average),
            optimizer=optimizer,
            class_weights=None if weights is None else weights.float().to(device),
            base_rates=tuple(float(group["lr"]) for group in optimizer.param_groups),
        )

    @property
    def settings(self) -> TrainConfig:
        """How the model is trained."""
        return self.config.train

    @property
    def label(self) -> str:
        """Text for the header of weights files."""
        return inputs_label(self.train_plan.schema, self.train_plan.dataset.classes)

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.settings.steps or self.settings.epochs * self.train_plan.num_batches

    @property
    def is_bfloat16(self) -> bool:
        """Whether the model runs under autocast."""
        return is_bfloat16(self.settings.precision, self.device)

    def epoch_of(self, step: int) -> int:
        """Epoch, from 1, to which the last of ``step`` steps belongs."""
        return (step - 1) // self.train_plan.num_batches + 1

    def is_border(self, step: int) -> bool:
        """Whether an epoch or the training ends after ``step`` steps: time for validation."""
        return step > 0 and (step % self.train_plan.num_batches == 0 or step == self.num_steps)

    def has_checkpoint(self, step: int) -> bool:
        """Whether a checkpoint is due after ``step`` steps."""
        return self.is_border(step) or (step > 0 and step % self.settings.checkpoint_every == 0)

    def batches(self, step: int) -> Iterator[Cloud]:
        """Yield the batches of all steps after the first ``step``, on the device."""
        while step < self.num_steps:
            epoch, start = divmod(step, self.train_plan.num_batches)
            batches = self.train_plan.epoch(seed=self.settings.seed, epoch=epoch, start=start)
            for batch in on_device(batches, self.device):
                yield batch
                step += 1
                if step == self.num_steps:
                    return

    def set_rate(self, step: int) -> float:
        """Give the optimizer the learning rates of a step; returns the factor."""
        settings = self.settings
        factor = schedule_factor(
            settings.schedule, step, num_steps=self.num_steps, warmup=settings.warmup, decay=settings.decay
        )
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        return factor


def build_model(config: RunConfig, schema: FeatureSchema, num_classes: int) -> JetModel:
    """Build the network of a run with its initial weights.

    Parameters
    ----------
    config : RunConfig
        The configuration.
    schema : FeatureSchema
        The inputs.
    num_classes : int
        K.

    Returns
    -------
    JetModel
        On the CPU.
    """
    return config.model.build(len(schema.particle), len(schema.jet), num_classes, seed=config.train.seed)


def _plan(dataset: Dataset, schema: FeatureSchema, split: Literal["train", "val"], settings: TrainConfig) -> BatchPlan:
    """Batches of a split: whole and shuffled for training, all jets in order for validation."""
    is_training = split == "train"
    plan = BatchPlan(
        dataset=dataset,
        schema=schema,
        split=split,
        batch_size=settings.batch_size,
        max_particles=settings.max_particles,
        is_shuffled=is_training,
        has_partial_batch=not is_training,
    )
    if plan.num_batches == 0:
        needed = settings.batch_size if is_training else 1
        raise InputError(f"{dataset.path}: the {split} split has {plan.num_jets} jets; {needed} are needed at least")
    return plan
