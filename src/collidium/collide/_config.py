"""What to generate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collidium.artifact import InputError, unknown
from collidium.collide._catalogue import PROCESSES

MAX_ABS_ETA_JET = 2.0


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """A dataset of simulated jets.

    Attributes
    ----------
    classes : tuple of str
        Names from ``PROCESSES``; the order gives the labels, and all classes get the same number of jets but for one.
    num_jets : int
        Jets in all.
    pt_min, pt_max : float
        Window of the jets' pT, in which the spectrum of every class is flat, GeV.
    seed : int
        Fixes every jet.
    response : {"cms", "none"}
        Detector, by its name in ``collidium.detect.RESPONSES``.
    radius : float
        R of the anti-kT algorithm, and of the truth match, 1.
    energy : float
        Energy of the colliding protons in their centre of mass, GeV.
    margin : float
        How far the hard scattering may lie outside the window, as a fraction of its edges, 1. Wider margins lose fewer
        jets that radiation carried into the window, and cost time.
    jets_per_shard : int
        Jets in one file, of all classes together.
    jets_per_block : int
        Jets of one class made from one random stream: the unit of parallel work and of what a kill can lose.

    Raises
    ------
    InputError
        For an unknown class or a value out of range.

    Examples
    --------
    >>> GenerateConfig(classes=("Tbqq", "QDC"), num_jets=10)
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: unknown process 'QDC': did you mean QCD? (allowed: ...
    """

    classes: tuple[str, ...]
    num_jets: int
    pt_min: float = 500.0
    pt_max: float = 1000.0
    seed: int = 1
    response: Literal["cms", "none"] = "cms"
    radius: float = 0.8
    energy: float = 13000.0
    margin: float = 0.08
    jets_per_shard: int = 10_000
    jets_per_block: int = 1000

    def __post_init__(self) -> None:
        for name in self.classes:
            if name not in PROCESSES:
                raise unknown("process", name, PROCESSES)
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise InputError(f"classes is {self.classes}: one or more different names are needed")
        if self.response not in ("cms", "none"):
            raise unknown("response", self.response, ("cms", "none"))
        if self.num_jets < len(self.classes):
            raise InputError(f"num_jets is {self.num_jets}: at least one jet for each of {len(self.classes)} classes")
        if not 20.0 <= self.pt_min < self.pt_max < self.energy / 2:
            raise InputError(
                f"the window pt_min {self.pt_min:g}, pt_max {self.pt_max:g} GeV must lie between 20 GeV and half of "
                f"energy {self.energy:g} GeV, pt_min below pt_max"
            )
        if not 0.1 <= self.radius <= 1.5:
            raise InputError(f"radius is {self.radius:g}: 0.1 to 1.5 is allowed")
        if not 0.0 <= self.margin < 1.0:
            raise InputError(f"margin is {self.margin:g}: 0 up to 1 is allowed")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: it must not be negative")
        if self.jets_per_block < 1 or self.jets_per_shard < len(self.classes):
            raise InputError(
                f"jets_per_block is {self.jets_per_block}, jets_per_shard {self.jets_per_shard}: at least 1, and at "
                f"least one jet of each of {len(self.classes)} classes"
            )
