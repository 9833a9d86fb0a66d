"""Run a trained model over a split of a dataset, and keep what it says with all figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from collidium.artifact import InputError, Progress, SilentProgress, atomic_write, building
from collidium.cloud import BatchPlan, Dataset, SplitName
from collidium.evaluate._evaluation import EFFICIENCIES, NUM_REPLICAS, evaluate_predictions
from collidium.evaluate._figures import METRICS_NAME
from collidium.evaluate._predictions import PREDICTIONS_NAME, Predictions, background_index
from collidium.evaluate._rejection import working_points
from collidium.train import Run, find_device


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How a run is evaluated.

    Attributes
    ----------
    split : {"train", "val", "test", "all"}
        Part of the dataset.
    batch_size : int
        Jets that the model sees at a time; the figures do not depend on it.
    device : str
        Where the model runs: a torch device, or ``"auto"`` for a GPU where there is one.
    background : str or None
        Class against which rejections are quoted; by default the one called QCD, else the first.
    efficiencies : tuple of float
        Signal efficiencies of the rejections.
    num_replicas : int
        Bootstrap replicas behind every interval.
    seed : int
        Seed of the bootstrap.

    Raises
    ------
    InputError
        If a count is below 1, the seed negative, or an efficiency outside (0, 1].
    """

    split: SplitName = "test"
    batch_size: int = 512
    device: str = "auto"
    background: str | None = None
    efficiencies: tuple[float, ...] = EFFICIENCIES
    num_replicas: int = NUM_REPLICAS
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("num_replicas", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, at least {least} is needed")
        working_points(self.efficiencies)


def predict(
    run: Run,
    dataset: Dataset,
    split: SplitName = "test",
    *,
    batch_size: int = 512,
    device: str = "auto",
    progress: Progress | None = None,
) -> Predictions:
    """Class probabilities of every jet of a split.

    Parameters
    ----------
    run : Run
        The trained model; its best weights are used.
    dataset : Dataset
        The jets; columns must be those the model was trained on, and classes where it has any.
    split : {"train", "val", "test", "all"}
        Part of the dataset.
    batch_size : int
        Jets that the model sees at a time.
    device : str
        A torch device, or ``"auto"`` for a GPU where there is one.
    progress : Progress, optional
        Told of every batch.

    Returns
    -------
    Predictions
        In the order of event numbers: independent of batches and shards.

    Raises
    ------
    InputError
        If the data do not fit the model, the split is empty, or an output is not finite.
    """
    run.check(dataset)
    return _predict(
        run, _plan(run, dataset, split, batch_size), device, SilentProgress() if progress is None else progress
    )


def evaluate(
    run_path: Path,
    data_path: Path,
    out: Path,
    *,
    config: EvaluateConfig | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a ``predictions`` artifact: ``predictions.parquet`` and ``metrics.json``.

    Parameters
    ----------
    run_path : Path
        A run.
    data_path : Path
        A dataset. Where no jet has a label the predictions are kept and every figure is null.
    out : Path
        Folder to make.
    config : EvaluateConfig, optional
        How.
    progress : Progress, optional
        Told of batches and bootstrap replicas.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``out``. The metrics are those of :class:`Evaluation`, with the split and the fractions of particles and of
        transverse momentum that the model's limit on particles cuts away.

    Raises
    ------
    InputError
        If an input is not what it should be, the data do not fit the model, ``background`` is no class of it, or
        ``out`` exists.
    """
    config = EvaluateConfig() if config is None else config
    reporter = SilentProgress() if progress is None else progress
    run, dataset = Run.open(run_path), Dataset.open(data_path)
    run.check(dataset)
    background_index(run.classes, config.background)
    plan = _plan(run, dataset, config.split, config.batch_size)
    with building(
        out, kind="predictions", config=config, inputs=[run_path, data_path], seed=config.seed, command=command
    ) as folder:
        predictions = _predict(run, plan, config.device, reporter)
        predictions.write(folder / PREDICTIONS_NAME)
        figures = evaluate_predictions(
            predictions,
            background=config.background,
            efficiencies=config.efficiencies,
            num_replicas=config.num_replicas,
            seed=config.seed,
            progress=reporter,
        )
        particles, pt = plan.truncated()
        context = {
            "split": config.split,
            "max_particles": plan.max_particles,
            "truncated_particles": particles,
            "truncated_pt": pt,
        }
        with atomic_write(folder / METRICS_NAME, "w") as stream:
            stream.write(json.dumps(json.loads(figures.to_json()) | context, indent=2, sort_keys=True) + "\n")
    return out


def _plan(run: Run, dataset: Dataset, split: SplitName, batch_size: int) -> BatchPlan:
    """All jets of the split, once, in the order of storage."""
    return BatchPlan(
        dataset=dataset,
        schema=run.schema,
        split=split,
        batch_size=batch_size,
        max_particles=run.config.train.max_particles,
        is_shuffled=False,
        has_partial_batch=True,
    )


def _predict(run: Run, plan: BatchPlan, device: str, progress: Progress) -> Predictions:
    """Predictions of the jets of a plan."""
    place = find_device(device)
    model = run.model().to(place)
    event_id, label, weight, logits = [], [], [], []
    progress.start("evaluate", plan.num_jets, "jets")
    try:
        with torch.inference_mode():
            for cloud in plan.epoch():
                logits.append(model(cloud.to(place)).double().cpu())
                event_id.append(cloud.event_id)
                label.append(cloud.y)
                weight.append(cloud.w)
                progress.advance(len(cloud))
    finally:
        progress.finish()
    outputs = torch.cat(logits)
    if not torch.isfinite(outputs).all():
        raise InputError("the model's output holds NaN or infinity; the run has diverged")
    return Predictions(
        torch.cat(event_id).numpy().view(np.uint64),
        torch.cat(label).numpy(),
        torch.cat(weight).double().numpy(),
        torch.softmax(outputs, dim=1).numpy(),
        run.classes,
    ).by_event()
