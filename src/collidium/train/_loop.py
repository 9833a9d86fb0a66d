"""The training loop."""

from __future__ import annotations

import errno
import logging
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from collidium.artifact import InputError, Progress, SilentProgress, atomic_write, building, json_dumps
from collidium.cloud import Cloud, Dataset
from collidium.optim import NonFiniteGradientError
from collidium.train._average import update_average
from collidium.train._checkpoint import (
    find_checkpoints,
    prune_checkpoints,
    read_checkpoint,
    remove_unfinished,
    write_checkpoint,
)
from collidium.train._config import RunConfig
from collidium.train._data import DATA_NAME, describe_data
from collidium.train._device import step_randomness
from collidium.train._interrupt import Interrupt, deferred_interrupt
from collidium.train._job import Job
from collidium.train._prefetch import on_device
from collidium.train._rows import METRICS_NAME, TIMINGS_NAME, append_row, cut_rows
from collidium.train._run import BEST_NAME, CONFIG_NAME, ROUTING_NAME, SCHEMA_NAME, Run
from collidium.train._state import TrainState
from collidium.train._step import StepFigures, train_step
from collidium.train._validation import validate
from collidium.train._weights import write_tensors

_LOGGER = logging.getLogger(__name__)
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def train(
    config: RunConfig,
    data: Path,
    out: Path,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Run:
    """Train a model and make a ``run`` artifact.

    Parameters
    ----------
    config : RunConfig
        What to train and how.
    data : Path
        A dataset.
    out : Path
        Folder to make. While training goes on it is called ``OUT.partial``; the same call after a kill, Ctrl-C or a
        full disk goes on from the latest checkpoint in it and ends with the same bytes of weights and metrics as an
        uninterrupted training on the same machine.
    progress : Progress, optional
        Told of every step.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Run
        The finished run, opened.

    Raises
    ------
    InputError
        If configuration and data do not fit, ``out`` exists, the loss stops being finite, or the disk is full. The
        latest checkpoint stays.
    KeyboardInterrupt
        After Ctrl-C; the step in work is finished and a checkpoint is written first.

    Notes
    -----
    Randomness is a function of (seed, step) and the order of the data one of (seed, epoch), so a checkpoint holds no
    state of random generators.
    """
    dataset = Dataset.open(data)
    job = Job.prepare(config, dataset)
    artifact = building(
        out,
        kind="run",
        config=config,
        inputs=[data],
        seed=config.train.seed,
        command=command,
        resumable=True,
        untracked=(TIMINGS_NAME,),
    )
    with artifact as folder, _kept_when_worth(folder), _named_full_disk(folder):
        _describe(job, folder)
        with deferred_interrupt() as interrupt:
            _Training(job, folder, SilentProgress() if progress is None else progress, interrupt).run()
    return Run.open(out)


@dataclass
class _Training:
    """A training under way in a folder."""

    job: Job
    folder: Path
    progress: Progress
    interrupt: Interrupt
    state: TrainState = field(default_factory=TrainState)
    pending: list[StepFigures] = field(default_factory=list)
    row_began: float = field(default_factory=time.perf_counter)
    row_jets: int = 0

    def run(self) -> None:
        """Go on from the latest checkpoint, or from the start, to the end."""
        self._resume()
        batch_size = self.job.settings.batch_size
        self.progress.start("train", self.job.num_steps * batch_size, "jets")
        self.progress.skip(self.state.step * batch_size)
        if self.job.is_border(self.state.step) and self.state.validated < self.state.step:
            self._finish_row()
            self._save()
        if not self._has_ended():
            for batch in self.job.batches(self.state.step):
                self._step(batch)
                if self._has_ended():
                    break
        self.progress.finish()

    def _resume(self) -> None:
        """Take up the latest checkpoint and forget what was written after it."""
        remove_unfinished(self.folder)
        steps = find_checkpoints(self.folder)
        if steps:
            self.state = read_checkpoint(self.folder, steps[-1], self.job.learner)
            _LOGGER.info("%s: going on after step %d", self.folder, self.state.step)
        for name in (METRICS_NAME, TIMINGS_NAME):
            cut_rows(self.folder / name, self.state.step)
        if steps:
            self._save()

    def _has_ended(self) -> bool:
        """Whether all steps are done or validation has stopped getting better."""
        patience = self.job.settings.patience
        is_stale = patience is not None and self.state.stale_epochs >= patience
        return is_stale or self.state.step >= self.job.num_steps

    def _step(self, batch: Cloud) -> None:
        """Move the weights by one step and write what is due after it."""
        job, state, settings = self.job, self.state, self.job.settings
        job.set_rate(state.step)
        try:
            with step_randomness(settings.seed, state.step, job.device):
                figures = train_step(
                    job.learner.model,
                    job.optimizer,
                    batch,
                    class_weights=job.class_weights,
                    clip=settings.clip,
                    bfloat16=job.is_bfloat16,
                )
        except NonFiniteGradientError as error:
            raise InputError(f"{_where(self.folder, state.step + 1)}: {_cause(batch, job)}") from error
        if job.learner.average is not None and settings.ema_decay is not None:
            weights = job.learner.model.state_dict()
            update_average(job.learner.average.state_dict(), weights, step=state.step, decay=settings.ema_decay)
        state.step += 1
        self.pending.append(figures)
        self.row_jets += len(batch)
        self.progress.advance(len(batch))
        if job.is_border(state.step) or state.step % settings.log_every == 0:
            self._finish_row()
        if self.interrupt.is_requested:
            self._save()
            raise KeyboardInterrupt
        if job.has_checkpoint(state.step):
            self._save()

    def _finish_row(self) -> None:
        """Write the figures since the last row, with those of validation where an epoch ends."""
        job, state = self.job, self.state
        self._collect()
        seconds = time.perf_counter() - self.row_began
        figures = self._validate() if job.is_border(state.step) else {}
        if figures is None:
            self._save()
            raise KeyboardInterrupt
        rate = self.job.settings.lr * job.set_rate(state.step - 1)
        row = {"step": state.step, "epoch": job.epoch_of(state.step), "lr": rate, **state.close_row(), **figures}
        append_row(self.folder / METRICS_NAME, row)
        timing = {"step": state.step, "seconds": seconds, "jets_per_second": self.row_jets / seconds}
        append_row(self.folder / TIMINGS_NAME, timing)
        self.row_began, self.row_jets = time.perf_counter(), 0
        self.progress.advance(0, loss=row["train_loss"], **figures)

    def _collect(self) -> None:
        """Bring the figures of the steps since the last call from the device."""
        if not self.pending:
            return
        losses = torch.stack([figures.loss for figures in self.pending]).tolist()
        norms = torch.stack([figures.gradient_norm for figures in self.pending]).tolist()
        first = self.state.step - len(self.pending) + 1
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=first):
            if not math.isfinite(loss + norm):
                raise InputError(
                    f"{_where(self.folder, step)}: the loss is {loss:.3g} and the norm of its gradient {norm:.3g}; "
                    f"lr={self.job.settings.lr} is likely too large"
                )
        self.state.losses += losses
        self.state.gradient_norms += norms
        self.pending = []

    def _validate(self) -> dict[str, float] | None:
        """Figures on the validation split, and the best weights if these are; None when interrupted."""
        job = self.job
        figures = validate(
            job.learner.judged,
            on_device(job.val_plan.epoch(), job.device),
            class_weights=job.class_weights,
            bfloat16=job.is_bfloat16,
            is_stopped=lambda: self.interrupt.is_requested,
        )
        if figures is None:
            return None
        if not math.isfinite(figures["val_loss"]):
            raise InputError(
                f"{_where(self.folder, self.state.step)}: the validation loss is {figures['val_loss']}; "
                f"the val split has no weight, or lr={job.settings.lr} is too large"
            )
        if self.state.is_better(figures["val_loss"]):
            write_tensors(self.folder / BEST_NAME, job.learner.judged.state_dict(), label=job.label)
        return figures

    def _save(self) -> None:
        """Write a checkpoint and remove old ones."""
        self._collect()
        write_checkpoint(self.folder, self.state, self.job.learner, label=self.job.label)
        keep = self.job.settings.keep_checkpoints
        prune_checkpoints(self.folder, keep=keep, is_regular=self.job.has_checkpoint)


def _describe(job: Job, folder: Path) -> None:
    """Write what is known before the first step."""
    num_parameters = sum(parameter.numel() for parameter in job.learner.model.parameters())
    _LOGGER.info("%s: %d parameters, %d steps on %s", folder, num_parameters, job.num_steps, job.device)
    for name, text in (
        (CONFIG_NAME, json_dumps(job.config)),
        (SCHEMA_NAME, job.train_plan.schema.to_json()),
        (ROUTING_NAME, f"{job.optimizer.routing}\n"),
    ):
        with atomic_write(folder / name, "w") as stream:
            stream.write(text)
    if not (folder / DATA_NAME).is_file():
        describe_data(job.train_plan, job.val_plan).write(folder / DATA_NAME)


def _where(folder: Path, step: int) -> str:
    """Beginning of a message: the step, and what is safe."""
    steps = find_checkpoints(folder)
    kept = f"the checkpoint of step {steps[-1]} in {folder} is kept" if steps else "no checkpoint was written yet"
    return f"training stopped at step {step} ({kept})"


def _cause(batch: Cloud, job: Job) -> str:
    """Why a gradient is not finite: the data, if they are not, else the learning rate."""
    schema = job.train_plan.schema
    for values, features in ((batch.x, schema.particle), (batch.g, schema.jet)):
        wrong = (~torch.isfinite(values)).nonzero()
        if len(wrong):
            return f"the feature {features[int(wrong[0, 1])].name} holds NaN or infinity; the data must be repaired"
    for column, values in (("weight", batch.w), ("momenta", batch.p4)):
        if not torch.isfinite(values).all():
            return f"the column {column} holds NaN or infinity; the data must be repaired"
    return f"the loss or its gradient is not finite and the data are: lr={job.settings.lr} is likely too large"


@contextmanager
def _kept_when_worth(folder: Path) -> Iterator[None]:
    """Leave no partial folder behind that holds no checkpoint."""
    try:
        yield
    except BaseException:
        if not find_checkpoints(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _named_full_disk(folder: Path) -> Iterator[None]:
    """Say what a full disk means for the training."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL_DISK:
            raise
        steps = find_checkpoints(folder)
        kept = f"the checkpoint of step {steps[-1]} is whole" if steps else "no checkpoint was written yet"
        raise InputError(f"{folder}: no space left on the disk; {kept}; free space and train again") from error
