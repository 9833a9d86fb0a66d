"""One run: a member on a task at a rate, from a seed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.linalg import LinAlgError  # type: ignore[attr-defined]  # public, but torch's stubs do not re-export it

from collidium.artifact import atomic_write, json_dumps
from collidium.optim import OPTIMIZERS, NonFiniteGradientError, RoutedOptimizer, for_model
from collidium.study._config import StudyConfig
from collidium.study._entropy import mean_entropy
from collidium.study._gpt import GPT
from collidium.study._sweep import BASELINE, companion_rate
from collidium.study._task import Task

RESULT_NAME = "result.json"
TIMING_NAME = "timing.json"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Which run.

    Attributes
    ----------
    task, member : str
        Keys of ``TASKS`` and ``OPTIMIZERS``.
    purpose : {"sweep", "final"}
        Whether it looks for the best rate or measures at it.
    index : int
        Place of the rate in the grid.
    rate : float, 1
        Learning rate of the matrices.
    seed : int
        Decides weights and batches.
    """

    task: str
    member: str
    purpose: Literal["sweep", "final"]
    index: int
    rate: float
    seed: int

    @property
    def folder(self) -> str:
        """Its folder inside the study."""
        number = self.index if self.purpose == "sweep" else self.seed
        return f"runs/{self.task}/{self.member}/{self.purpose}_{number}"


@dataclass
class _Clock:
    """Seconds spent in the model and in the optimizer."""

    device: torch.device
    model: float = 0.0
    optimizer: float = 0.0

    def now(self) -> float:
        """Seconds of this process on a CPU; seconds on the wall, after all kernels, on a GPU."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return time.perf_counter()
        return time.process_time()


def rate_factor(step: int, steps: int, *, warmup: float, decay: float) -> float:
    """Factor on the learning rate.

    Parameters
    ----------
    step, steps : int
        Number of the step, from 0, and of all steps.
    warmup, decay : float, 1
        Fractions of the steps in which the rate rises and falls.

    Returns
    -------
    float, 1
        Linear from ``1 / n`` to 1 over the first n steps, and from 1 towards 0 over the last ones.

    Examples
    --------
    >>> [rate_factor(step, 4, warmup=0.5, decay=0.5) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rise = math.ceil(warmup * steps)
    fall = math.ceil(decay * steps)
    up = (step + 1) / rise if step < rise else 1.0
    down = (steps - step) / fall if steps - step < fall else 1.0
    return min(up, down)


def make_optimizer(model: nn.Module, member: str, rate: float, *, weight_decay: float | None = None) -> RoutedOptimizer:
    """The optimizer of a run: the member for hidden matrices, AdamW for the rest.

    Parameters
    ----------
    model : nn.Module
        Tells its roles.
    member : str
        Key of ``OPTIMIZERS``.
    rate : float, 1
        Learning rate of the matrices; see :func:`companion_rate` for the rest.
    weight_decay : float, optional
        In place of the recipe's.

    Returns
    -------
    RoutedOptimizer
        A member that bounds attention logits gets the reports of a model that can give them.
    """
    options: dict[str, Any] = {}
    if "attention" in OPTIMIZERS[member].defaults and isinstance(model, GPT):
        options["attention"] = model.track_logits()
    adamw = None if member == BASELINE else {"lr": companion_rate(member, rate)}
    return for_model(model, member, lr=rate, weight_decay=weight_decay, adamw=adamw, **options)


def run_trial(trial: Trial, task: Task, config: StudyConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train once.

    Parameters
    ----------
    trial : Trial
        Which run.
    task : Task
        Its task.
    config : StudyConfig
        Steps, schedule and clipping.

    Returns
    -------
    tuple of dict, dict
        What is a function of the configuration (curves, final loss, entropy, bytes of state, ``diverged_at``), and the
        seconds it took.
    """
    model = task.build(trial.seed)
    weight_decay = config.task_config(trial.task).weight_decay
    optimizer = make_optimizer(model, trial.member, trial.rate, weight_decay=weight_decay)
    roles, sizes = _declared(model)
    clock = _Clock(next(model.parameters()).device)
    initial_entropy = mean_entropy(model, roles, sizes)
    curves: dict[str, list[list[float]]] = {"train": [], "val": [[0, task.validate(model)]], "seconds": [[0, 0.0, 0.0]]}
    diverged_at = _train(trial, task, config, model, optimizer, clock, curves)
    final_loss = curves["val"][-1][1]
    if diverged_at is None and not final_loss < curves["val"][0][1]:
        diverged_at = config.num_steps(trial.task)
    matrices = {name for name, role in roles.items() if role == "matrix"}
    result = {
        **asdict(trial),
        "steps": config.num_steps(trial.task),
        "diverged_at": diverged_at,
        "final_loss": None if diverged_at is not None else final_loss,
        "train": curves["train"],
        "val": curves["val"],
        "figures": task.figures(model) if diverged_at is None else {},
        "initial_entropy": initial_entropy,
        "entropy": mean_entropy(model, roles, sizes),
        "state_bytes": _state_bytes(model, optimizer, matrices),
        "state_bytes_model": _state_bytes(model, optimizer, set(roles)),
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    return result, {"seconds": curves["seconds"]}


def _train(
    trial: Trial,
    task: Task,
    config: StudyConfig,
    model: nn.Module,
    optimizer: RoutedOptimizer,
    clock: _Clock,
    curves: dict[str, list[list[float]]],
) -> int | None:
    """Fill the curves; returns the step at which the run diverged, if it did."""
    steps = config.num_steps(trial.task)
    points = {round(number * steps / config.num_points) for number in range(1, config.num_points + 1)} - {0}
    rates = [group["lr"] for group in optimizer.param_groups]
    batches = task.batches(trial.seed)
    since: list[float] = []
    for step in range(steps):
        batch = next(batches)
        factor = rate_factor(step, steps, warmup=config.warmup, decay=config.decay)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = _step(partial(task.loss, model, batch), model, optimizer, config.clip, clock)
        if loss is None:
            return step
        since.append(loss)
        if step + 1 in points:
            validation = task.validate(model)
            curves["train"].append([step + 1, sum(since) / len(since)])
            curves["val"].append([step + 1, validation])
            curves["seconds"].append([step + 1, clock.model, clock.optimizer])
            since.clear()
            if not math.isfinite(validation):
                return step
    return None


def _step(
    compute: Callable[[], torch.Tensor], model: nn.Module, optimizer: RoutedOptimizer, clip: float, clock: _Clock
) -> float | None:
    """One step; the loss before it, or None if loss, gradient or a decomposition in the optimizer is not finite."""
    started = clock.now()
    optimizer.zero_grad(set_to_none=True)
    loss = compute()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    between = clock.now()
    value = float(loss.detach())
    if not math.isfinite(value):
        return None
    try:
        optimizer.step()
    except (NonFiniteGradientError, LinAlgError):
        return None
    clock.model += between - started
    clock.optimizer += clock.now() - between
    return value


def _declared(model: nn.Module) -> tuple[Mapping[str, str], Mapping[str, tuple[int, ...]]]:
    """Roles and fused rows that the model tells."""
    roles: Callable[[], Mapping[str, str]] = getattr(model, "parameter_roles")  # noqa: B009 - nn.Module types it as Tensor
    sizes: Callable[[], Mapping[str, tuple[int, ...]]] = getattr(model, "split_sizes")  # noqa: B009
    return roles(), sizes()


def _state_bytes(model: nn.Module, optimizer: RoutedOptimizer, names: set[str]) -> float:
    """Bytes of optimizer state per number in the named parameters."""
    chosen = [parameter for name, parameter in model.named_parameters() if name in names]
    tensors = [value for parameter in chosen for value in optimizer.state.get(parameter, {}).values()]
    held = sum(value.numel() * value.element_size() for value in tensors if isinstance(value, torch.Tensor))
    return held / sum(parameter.numel() for parameter in chosen)


def write_trial(folder: Path, result: Mapping[str, object], timing: Mapping[str, object]) -> None:
    """Write the outcome of a run; the result, which marks the run as done, last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((TIMING_NAME, timing), (RESULT_NAME, result)):
        with atomic_write(folder / name, "w") as stream:
            stream.write(json_dumps(content))


def read_trial(folder: Path) -> dict[str, Any] | None:
    """Read the result of a run, or None if it has not been finished."""
    path = folder / RESULT_NAME
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
