"""What a study asks of a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.study._config import StudyConfig
from collidium.study._jets import JetsTask
from collidium.study._language import LanguageTask
from collidium.study._memory import MemoryTask


class Task(Protocol):
    """A model, batches and a loss, each a function of a seed alone."""

    def build(self, seed: int) -> nn.Module:
        """The untrained model; it tells ``parameter_roles()`` and ``split_sizes()``."""

    def batches(self, seed: int) -> Iterator[Any]:
        """Batches without end."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """Training loss of a batch."""

    def validate(self, model: nn.Module) -> float:
        """Loss on data that training does not see; the model stays in training mode."""

    def figures(self, model: nn.Module) -> dict[str, float]:
        """Further figures of the trained model."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Files that tasks read.

    Attributes
    ----------
    text : Path or None
        Text of the language task.
    jets : Path or None
        Dataset of the jet task.
    """

    text: Path | None = None
    jets: Path | None = None

    def used(self, tasks: tuple[str, ...]) -> tuple[Path, ...]:
        """The files of these tasks.

        Raises
        ------
        InputError
            If a task's file is not given.
        """
        needed = [("language", "text", self.text), ("jets", "jets", self.jets)]
        for task, flag, path in needed:
            if task in tasks and path is None:
                raise InputError(f"tasks has {task}, which needs --{flag} PATH; give it or leave the task out")
        return tuple(path for task, _, path in needed if task in tasks and path is not None)


def open_task(name: str, config: StudyConfig, sources: Sources) -> Task:
    """Make a task ready to run.

    Parameters
    ----------
    name : str
        Key of ``TASKS``.
    config : StudyConfig
        Sizes.
    sources : Sources
        Files.

    Returns
    -------
    Task
        The task.

    Raises
    ------
    InputError
        If its file is missing or unfit.
    """
    device = _find_device(config.device)
    sources.used((name,))
    if name == "language":
        assert sources.text is not None
        return LanguageTask(config.language, sources.text, device)
    if name == "jets":
        assert sources.jets is not None
        return JetsTask(config.jets, sources.jets, device)
    return MemoryTask(config.memory, is_hidden=name == "memory_hidden", device=device)


def _find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu" or (name == "cuda" and torch.cuda.is_available()):
        return torch.device(name)
    raise InputError(f"device is {name!r}; auto, cpu or, where torch finds a GPU, cuda is needed")
