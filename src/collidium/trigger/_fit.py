"""The training loop of trigger networks."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from collidium.artifact import InputError, Progress, SilentProgress, atomic_write, building, json_dumps, to_plain
from collidium.optim import NonFiniteGradientError
from collidium.train import read_tensors, schedule_factor, write_tensors
from collidium.trigger._archive import MEMBERS, Member, with_member, write_archive
from collidium.trigger._beta import CostTarget
from collidium.trigger._data import ArrayData, Samples, arranged
from collidium.trigger._decoder import Decoded, build_decoded
from collidium.trigger._fit_config import FitConfig, check_objective, set_rates
from collidium.trigger._losses import OBJECTIVES, Objective, baseline_merit
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._run import CONFIG_NAME, METRICS_NAME, RUN_KIND, TIMINGS_NAME, TriggerRun
from collidium.trigger._store import load_optimizers, optimizer_tensors

CHECKPOINT_NAME = "checkpoint.safetensors"
_LOGGER = logging.getLogger(__name__)
_EVALUATED_AT_ONCE = 8192


def fit(
    network: NetworkConfig,
    data: ArrayData,
    config: FitConfig,
    out: Path,
    *,
    objective: Objective | None = None,
    inputs: Sequence[Path] = (),
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> TriggerRun:
    """Train a network, keep every network on the front of merit against cost, and make a ``trigger-run`` artifact.

    Parameters
    ----------
    network : NetworkConfig
        What to train; a decoder that it has is trained with it, and stored with each member of the front.
    data : ArrayData
        Samples in memory.
    config : FitConfig
        How.
    out : Path
        Folder to make. Until it is complete it is called ``OUT.partial``; the same call after a kill goes on from the
        last checkpoint in it and ends with the same bytes of weights and metrics on the same machine.
    objective : Objective, optional
        Loss and figure of merit in place of a built-in one; ``config.objective`` must be its name.
    inputs : sequence of Path
        Files that the data came from; their hashes are stored.
    progress : Progress, optional
        Told of every step.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    TriggerRun
        The finished run, opened.

    Raises
    ------
    InputError
        If network, data and configuration do not fit, ``out`` exists, or the loss stops being finite. The last
        checkpoint stays.
    """
    if objective is None:
        check_objective(config.objective)
        objective = OBJECTIVES[config.objective]
    elif objective.name != config.objective:
        raise InputError(f"objective is {config.objective!r} in the configuration and {objective.name!r} here")
    document = {"network": network, "fit": config, "is_higher_better": objective.is_higher_better, "data": data.hash}
    artifact = building(
        out,
        kind=RUN_KIND,
        config=document,
        inputs=inputs,
        seed=config.seed,
        command=command,
        resumable=True,
        untracked=(TIMINGS_NAME,),
    )
    with artifact as folder:
        with atomic_write(folder / CONFIG_NAME, "w") as stream:
            stream.write(json_dumps(document))
        job = _Fit(folder, network, data, config, objective, progress or SilentProgress())
        job.run()
        (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
    return TriggerRun.open(out)


@dataclass
class _State:
    """Where a training stands between two epochs, beside tensors and the front."""

    epoch: int = 0
    best: float | None = None
    summed: float = 0.0
    ebops: float | None = None
    stale: int = 0
    ended: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


class _Fit:
    """A training under way in a folder."""

    def __init__(
        self,
        folder: Path,
        network: NetworkConfig,
        data: ArrayData,
        config: FitConfig,
        objective: Objective,
        progress: Progress,
    ) -> None:
        self.folder, self.config = folder, config
        self.objective, self.progress = objective, progress
        self.whole = whole = build_decoded(network, seed=config.seed)
        self.network, decoder = (whole.network, whole.decoder) if isinstance(whole, Decoded) else (whole, None)
        data = arranged(data, list(self.network.inputs))
        self.train, self.val = data.part("train"), data.part("val")
        self.optimizers = config.optimizers(self.network, decoder)
        self.state = _State()
        self.members: tuple[Member, ...] = ()
        self.steps = max(len(self.train) // min(config.batch_size, len(self.train)), 1)
        with torch.no_grad():
            output = self.whole.eval()(*(x[:1] for x in self.train.x))
            self.baseline = baseline_merit(objective, output, self.val.y)
        self.whole.train()

    def run(self) -> None:
        """Go on from the checkpoint, or from the start, to the end."""
        self._resume()
        config, state = self.config, self.state
        epoch_size = self.steps * min(config.batch_size, len(self.train))
        self.progress.start("train", config.epochs * epoch_size, "samples")
        self.progress.skip(state.epoch * epoch_size)
        while state.epoch < config.epochs and not state.ended:
            began = time.perf_counter()
            row = self._epoch()
            seconds = time.perf_counter() - began
            state.epoch += 1
            if state.epoch % config.validate_every == 0 or state.epoch == config.epochs:
                row |= self._validate(row["beta"])
            state.rows.append({"epoch": state.epoch, **row})
            with (self.folder / TIMINGS_NAME).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"epoch": state.epoch, "seconds": seconds}) + "\n")
            if state.epoch % config.checkpoint_every == 0 or state.epoch == config.epochs or state.ended:
                self._save()
        self._save()
        self.progress.finish()

    def _epoch(self) -> dict[str, Any]:
        """Train through the data once."""
        config, state = self.config, self.state
        losses, costs = [], []
        beta = self._beta(state.epoch * self.steps)
        self.whole.train()
        for index, (x, y) in enumerate(self.train.shuffled(config.batch_size, seed=config.seed, epoch=state.epoch)):
            step = state.epoch * self.steps + index
            beta = self._beta(step)
            set_rates(self.optimizers, self._rate_factor(step))
            loss, cost = self._step(x, y, beta)
            losses.append(loss)
            costs.append(cost)
            self.progress.advance(len(y))
        mean_loss, state.ebops = float(torch.stack(losses).mean()), float(torch.stack(costs).mean())
        if not math.isfinite(mean_loss):
            raise InputError(f"{self._where()}: the loss is {mean_loss}; lr={config.lr} is likely too large")
        if isinstance(config.pressure, CostTarget):
            state.summed += config.pressure.error(state.ebops)
        self.progress.advance(0, loss=mean_loss, ebops=state.ebops)
        return {
            "beta": beta,
            "lr": config.lr * self._rate_factor(step),
            "train_loss": mean_loss,
            "train_ebops": state.ebops,
        }

    def _step(self, x: tuple[Tensor, ...], y: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """Move weights and widths."""
        loss, cost = self._set_gradients(x, y, beta)
        try:
            for optimizer in self.optimizers.values():
                optimizer.step()
        except NonFiniteGradientError as error:
            raise InputError(f"{self._where()}: {error}; lr={self.config.lr} is likely too large") from error
        self.network.clip_widths()
        return loss, cost

    def _set_gradients(self, x: tuple[Tensor, ...], y: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """Compute loss and cost of a batch, and the gradients of both."""
        if self.whole is self.network:
            found = self.network.set_gradients(x, lambda out: self.objective.with_gradient(out, y), beta)
            if found is not None:
                return found
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss = self.objective.loss(self.whole(*x), y)
        cost = self.network.ebops()
        torch.autograd.backward(loss + beta * cost)
        return loss.detach(), cost.detach()

    def _beta(self, step: int) -> float:
        """Factor on the cost in a step."""
        pressure = self.config.pressure
        if isinstance(pressure, CostTarget):
            if self.state.ebops is None:
                with torch.no_grad():
                    self.state.ebops = float(self.network.ebops())
            return pressure.value(self.state.ebops, self.state.summed)
        return pressure.value(step / (self.config.epochs * self.steps))

    def _rate_factor(self, step: int) -> float:
        """Factor on the learning rates in a step."""
        config = self.config
        length = -(-config.epochs * self.steps // config.cycles)
        return schedule_factor(
            config.schedule, step % length, num_steps=length, warmup=config.warmup, decay=config.decay
        )

    def _validate(self, beta: float) -> dict[str, Any]:
        """Measure the network as it would be deployed, and offer it to the front."""
        config, state, sign = self.config, self.state, 1.0 if self.objective.is_higher_better else -1.0
        trained = {name: value.clone() for name, value in self.network.state_dict().items()}
        calibration = self.train.first(config.calibration_samples)
        self.network.calibrate(x for x, _ in calibration.batches(_EVALUATED_AT_ONCE))
        loss, merit = measure(self.whole.eval(), self.val, self.objective)
        with torch.no_grad():
            ebops = float(self.network.ebops())
        member = Member(epoch=state.epoch, merit=merit, ebops=ebops, loss=loss, beta=beta)
        front = with_member(self.members, member, is_higher_better=self.objective.is_higher_better)
        state.best = merit if state.best is None else sign * max(sign * state.best, sign * merit)
        skill, best = sign * (merit - self.baseline), sign * (state.best - self.baseline)
        if not math.isfinite(loss) or (best > 0 and skill < config.collapse * best):
            state.ended = "collapsed"
            _LOGGER.warning("%s: merit fell to %.4g from %.4g; stopped", self.folder, merit, state.best)
        elif member in front:
            (self.folder / MEMBERS).mkdir(exist_ok=True)
            write_tensors(self.folder / MEMBERS / member.file, self.whole.state_dict())
            self.members, state.stale = front, 0
        else:
            state.stale += 1
            if config.patience is not None and state.stale >= config.patience:
                state.ended = "no new member"
        self.network.load_state_dict(trained)
        self.whole.train()
        self.progress.advance(0, merit=merit, members=float(len(self.members)))
        return {"val_loss": loss, "merit": merit, "ebops": ebops, "members": len(self.members), "ended": state.ended}

    def _save(self) -> None:
        """Write front, metrics and a checkpoint, in this order."""
        write_archive(self.folder, self.members)
        with atomic_write(self.folder / METRICS_NAME, "w") as stream:
            stream.writelines(json.dumps(to_plain(row)) + "\n" for row in self.state.rows)
        label = json.dumps({"state": asdict(self.state), "members": [asdict(member) for member in self.members]})
        weights = {f"network/{name}": value for name, value in self.whole.state_dict().items()}
        write_tensors(self.folder / CHECKPOINT_NAME, {**weights, **optimizer_tensors(self.optimizers)}, label=label)

    def _resume(self) -> None:
        """Take up the checkpoint."""
        path = self.folder / CHECKPOINT_NAME
        if not path.is_file():
            (self.folder / TIMINGS_NAME).unlink(missing_ok=True)
            return
        tensors, label = read_tensors(path)
        if label is None:
            raise InputError(f"{path}: not the checkpoint of a training")
        content = json.loads(label)
        self.state = _State(**content["state"])
        self.members = tuple(Member(**member) for member in content["members"])
        prefix = "network/"
        weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.whole.load_state_dict(weights)
        load_optimizers(self.optimizers, tensors)
        write_archive(self.folder, self.members)
        _LOGGER.info("%s: going on after epoch %d", self.folder, self.state.epoch)

    def _where(self) -> str:
        """Beginning of a message."""
        return f"training stopped in epoch {self.state.epoch + 1} ({self.folder} keeps what was done)"


@torch.no_grad()
def measure(network: nn.Module, samples: Samples, objective: Objective) -> tuple[float, float]:
    """Loss and figure of merit of a network as it stands.

    Parameters
    ----------
    network : QuantNetwork or Decoded
        In evaluation mode.
    samples : Samples
        N samples.
    objective : Objective
        What is measured.

    Returns
    -------
    loss, merit : float
        Means over the samples.
    """
    loss = merit = 0.0
    for x, y in samples.batches(_EVALUATED_AT_ONCE):
        output = network(*x)
        loss += float(objective.loss(output, y)) * len(y)
        merit += float(objective.merit(output, y).double().sum())
    return loss / len(samples), merit / len(samples)
