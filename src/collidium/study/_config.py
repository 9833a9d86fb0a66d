"""What a study compares, on what, and how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from collidium.artifact import InputError, unknown
from collidium.models import JetFormerConfig
from collidium.optim import OPTIMIZERS
from collidium.study._gpt import GPTConfig
from collidium.study._jets import JetsConfig
from collidium.study._language import LanguageConfig
from collidium.study._memory import MemoryConfig

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "language": "next characters of a text, a small GPT",
        "jets": "classes of generated jets, JetFormer",
        "memory": "facts with power-law frequencies, one matrix",
        "memory_hidden": "the same facts, two matrices with a ReLU between them",
    }
)


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """Everything that decides a study, beside the text and the jets.

    Attributes
    ----------
    members : tuple of str
        Keys of ``collidium.optim.OPTIMIZERS``; all of them by default.
    tasks : tuple of str
        Keys of ``TASKS``.
    language, jets, memory
        Sizes of the tasks; both memory tasks share theirs.
    steps : int or None
        Steps of every run, in place of each task's own.
    grid_factor : float, 1
        Ratio of neighbouring learning rates in the sweep.
    grid_half_width : int
        Rates below and above the centre in the first grid.
    num_seeds : int
        Runs at the best rate, with seeds 1, 2, ...; the sweep has seed ``seed`` alone.
    seed : int
        Added to all seeds; weights and batches of a run follow from its seed, whatever the member.
    warmup : float, 1
        Fraction of the steps in which the learning rate rises.
    decay : float, 1
        Fraction of the steps, the last, in which it falls linearly to zero. With 0 every point of a curve is the end of
        a run of that length, so numbers of steps can be read off.
    clip : float, 1
        Largest global norm of the gradient, for every member.
    num_points : int
        Validations of a run after the first.
    device : str
        ``auto`` takes a GPU where there is one.

    Raises
    ------
    InputError
        If a value is outside its range or a name is unknown.
    """

    members: tuple[str, ...] = tuple(OPTIMIZERS)
    tasks: tuple[str, ...] = tuple(TASKS)
    language: LanguageConfig = field(default_factory=LanguageConfig)
    jets: JetsConfig = field(default_factory=JetsConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    steps: int | None = None
    grid_factor: float = 3.0
    grid_half_width: int = 1
    num_seeds: int = 3
    seed: int = 0
    warmup: float = 0.05
    decay: float = 0.0
    clip: float = 1.0
    num_points: int = 20
    device: str = "auto"

    def __post_init__(self) -> None:
        for kind, names, allowed in (("optimizer", self.members, OPTIMIZERS), ("task", self.tasks, TASKS)):
            for name in names:
                if name not in allowed:
                    raise unknown(kind, name, allowed)
            if len(set(names)) != len(names) or not names:
                raise InputError(f"{kind}s are {', '.join(names) or 'none'}; one at least, each once, is needed")
        _require("steps", self.steps, self.steps is None or self.steps >= 1, "at least 1, or None,")
        _require("grid_factor", self.grid_factor, 1.0 < self.grid_factor <= 100.0, "a number in (1, 100]")
        for name in ("grid_half_width", "seed"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "0 or a positive number")
        for name in ("num_seeds", "num_points"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("warmup", "decay"):
            _require(name, getattr(self, name), 0.0 <= getattr(self, name) <= 1.0, "a fraction in [0, 1]")
        _require("clip", self.clip, self.clip > 0.0, "a positive number")

    def task_config(self, task: str) -> LanguageConfig | JetsConfig | MemoryConfig:
        """Sizes of a task."""
        if task == "language":
            return self.language
        return self.jets if task == "jets" else self.memory

    def num_steps(self, task: str) -> int:
        """Steps of a run of a task."""
        return self.steps or self.task_config(task).steps


def _require(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise InputError(f"{name} is {value}; {allowed} is needed")


PRESETS: Mapping[str, StudyConfig] = MappingProxyType(
    {
        "small": StudyConfig(device="cpu"),
        "large": StudyConfig(
            language=LanguageConfig(
                model=GPTConfig(num_blocks=6, width=384, num_heads=6, context=256),
                batch_size=64,
                steps=1500,
                validation_windows=256,
                rate_scale=1.0,
            ),
            jets=JetsConfig(
                model=JetFormerConfig(num_blocks=4, width=128, num_heads=4),
                features="full",
                batch_size=256,
                max_particles=128,
                steps=1500,
                validation_jets=4000,
                rate_scale=1.0,
            ),
            memory=MemoryConfig(num_facts=4096, width=256, hidden=512, batch_size=4096, steps=1000),
        ),
    }
)
