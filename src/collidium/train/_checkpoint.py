"""Checkpoints: folders that exist whole or not at all, from which a training goes on with identical numbers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from collidium.artifact import InputError, atomic_write
from collidium.train._state import TrainState
from collidium.train._weights import read_tensors, write_tensors

CHECKPOINTS = "checkpoints"
MODEL_NAME = "model.safetensors"
AVERAGE_NAME = "ema.safetensors"
OPTIMIZER_NAME = "optimizer.safetensors"
STATE_NAME = "state.json"
LATEST_NAME = "latest"
_STEP = re.compile(r"step_(\d{9,})")
_UNFINISHED = re.compile(r"\.step_\d{9,}\.unfinished")


@dataclass(frozen=True, kw_only=True)
class Learner:
    """The tensors that training changes.

    Attributes
    ----------
    model : nn.Module
        The network.
    optimizer : torch.optim.Optimizer
        Its parameter groups carry ``param_names``.
    average : nn.Module or None
        A copy of the model that holds the moving average of its weights.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None

    @property
    def judged(self) -> nn.Module:
        """The network that validation looks at: the average where there is one."""
        return self.model if self.average is None else self.average


def checkpoint_path(folder: Path, step: int) -> Path:
    """Folder of the checkpoint of a step.

    Examples
    --------
    >>> checkpoint_path(Path("run"), 1200).name
    'step_000001200'
    """
    return folder / CHECKPOINTS / f"step_{step:09d}"


def find_checkpoints(folder: Path) -> list[int]:
    """Steps of the checkpoints in a run's folder, ascending."""
    found = (_STEP.fullmatch(item.name) for item in (folder / CHECKPOINTS).glob("step_*"))
    return sorted(int(name[1]) for name in found if name)


def remove_unfinished(folder: Path) -> None:
    """Remove the folders that a kill in the middle of writing a checkpoint left.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """
    for item in (folder / CHECKPOINTS).glob(".step_*"):
        if _UNFINISHED.fullmatch(item.name):
            shutil.rmtree(item)


def write_checkpoint(folder: Path, state: TrainState, learner: Learner, *, label: str) -> None:
    """Write the checkpoint of ``state.step``.

    Parameters
    ----------
    folder : Path
        The run's folder.
    state : TrainState
        Where the training stands.
    learner : Learner
        Weights, average and optimizer state.
    label : str
        Text for the header of the weights files.

    Notes
    -----
    The files are written into a folder of another name, which is renamed when all are on the disk; a kill or a full
    disk in between leaves the earlier checkpoints as they were. Where the step has a checkpoint already, its tensors
    are those of the learner and only the state is written anew.
    """
    final = checkpoint_path(folder, state.step)
    if final.exists():
        _write_state(final, state)
    else:
        _write_folder(final, state, learner, label)
    with atomic_write(folder / CHECKPOINTS / LATEST_NAME, "w") as stream:
        stream.write(f"{final.name}\n")


def read_checkpoint(folder: Path, step: int, learner: Learner) -> TrainState:
    """Bring a learner to the state of a checkpoint.

    Parameters
    ----------
    folder : Path
        The run's folder.
    step : int
        One of :func:`find_checkpoints`.
    learner : Learner
        Freshly built; changed in place.

    Returns
    -------
    TrainState
        Where the training stood.

    Raises
    ------
    InputError
        If a file is absent, damaged, truncated or of another model.
    """
    path = checkpoint_path(folder, step)
    state = TrainState.read(path / STATE_NAME)
    load_weights(learner.model, path / MODEL_NAME)
    if learner.average is not None:
        load_weights(learner.average, path / AVERAGE_NAME)
    _load_state(learner.optimizer, path / OPTIMIZER_NAME)
    return state


def load_weights(model: nn.Module, path: Path) -> str | None:
    """Load a weights file into a model.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    path : Path
        A safetensors file of the model's names and shapes.

    Returns
    -------
    str or None
        The text of the file's header.

    Raises
    ------
    InputError
        If the file is damaged or of another model.
    """
    tensors, label = read_tensors(path)
    _check_names(path, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return label


def prune_checkpoints(folder: Path, *, keep: int, is_regular: Callable[[int], bool]) -> None:
    """Remove old checkpoints.

    Parameters
    ----------
    folder : Path
        The run's folder.
    keep : int
        Regular checkpoints to keep, the latest.
    is_regular : callable
        Tells whether a step was due for a checkpoint. One made at another step (by an interrupt) goes as soon as there
        is a later one, so that an interrupted and resumed training leaves the same files as an uninterrupted one.
    """
    steps = find_checkpoints(folder)
    kept = {*[step for step in steps if is_regular(step)][-keep:], *steps[-1:]}
    for step in steps:
        if step not in kept:
            shutil.rmtree(checkpoint_path(folder, step))


def _write_folder(final: Path, state: TrainState, learner: Learner, label: str) -> None:
    """Write all files of a checkpoint under another name, then rename."""
    building = final.with_name(f".{final.name}.unfinished")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        write_tensors(building / MODEL_NAME, learner.model.state_dict(), label=label)
        if learner.average is not None:
            write_tensors(building / AVERAGE_NAME, learner.average.state_dict(), label=label)
        write_tensors(building / OPTIMIZER_NAME, _named_state(learner.optimizer))
        _write_state(building, state)
        building.rename(final)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_state(path: Path, state: TrainState) -> None:
    with atomic_write(path / STATE_NAME, "w") as stream:
        stream.write(state.to_json())


def _named_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Optimizer state as tensors named ``parameter/entry``."""
    content = optimizer.state_dict()
    return {
        f"{name}/{entry}": value
        for group in content["param_groups"]
        for name, key in zip(group["param_names"], group["params"], strict=True)
        for entry, value in content["state"].get(key, {}).items()
    }


def _load_state(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Give an optimizer the state of a file; its options stay those of the configuration."""
    content: dict[str, Any] = optimizer.state_dict()
    keys = {
        name: key
        for group in content["param_groups"]
        for name, key in zip(group["param_names"], group["params"], strict=True)
    }
    state: dict[int, dict[str, Tensor]] = {}
    for full, value in read_tensors(path)[0].items():
        name, _, entry = full.rpartition("/")
        if name not in keys:
            raise InputError(f"{path}: optimizer state of {name}, which the model does not have")
        state.setdefault(keys[name], {})[entry] = value
    try:
        optimizer.load_state_dict({**content, "state": state})
    except ValueError as error:
        raise InputError(f"{path}: optimizer state of another model ({error})") from error


def _check_names(path: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse tensors of another model, naming the first that differs."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise InputError(f"{path}: {name} is missing; the weights are of another model")
        if name not in wanted:
            raise InputError(f"{path}: {name} is not in the model; the weights are of another one")
        if wanted[name].shape != found[name].shape:
            shapes = tuple(found[name].shape), tuple(wanted[name].shape)
            raise InputError(f"{path}: {name} has shape {shapes[0]}, the model's has {shapes[1]}")
