"""One trial of a search: a training, and what its networks cost once they are compiled."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from collidium.artifact import InputError, Progress, atomic_write, json_dumps
from collidium.firmware import CompileConfig, compile_model, predicted_resources
from collidium.trigger._archive import Member
from collidium.trigger._data import ArrayData
from collidium.trigger._fit import fit
from collidium.trigger._run import TriggerRun
from collidium.trigger._search_space import SearchSpace, Value
from collidium.trigger._store import read_json
from collidium.trigger._training import TriggerConfig

TRIALS = "trials"
_TRAINING_STOPPED = "training stopped"


@dataclass(frozen=True, kw_only=True)
class SearchPoint:
    """A network of a trial's front, compiled.

    Attributes
    ----------
    trial, epoch : int
        Where it is from.
    merit : float
        Figure of merit on the validation split.
    ebops : float
        Effective bit operations, the cost in the training.
    lut, ff : int
        Cells predicted by the compiler.
    latency_cycles : int
        Clock cycles.
    latency_ns : float, ns
        The same in the timing model.
    """

    trial: int
    epoch: int
    merit: float
    ebops: float
    lut: int
    ff: int
    latency_cycles: int
    latency_ns: float


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """What a trial gave.

    Attributes
    ----------
    number : int
        From 0.
    values : mapping of str to int, float or str
        Its place in the space.
    points : tuple of SearchPoint
        Compiled networks of its front, ascending in EBOPs.
    failure : str
        Why there is no point; else empty.
    """

    number: int
    values: Mapping[str, Value]
    points: tuple[SearchPoint, ...]
    failure: str = ""

    @property
    def outcome(self) -> SearchPoint | None:
        """The point that the sampler is told: the latest network, to which the pressure has led."""
        return max(self.points, key=lambda point: point.epoch, default=None)


@dataclass(frozen=True, kw_only=True)
class TrialJob:
    """What all trials of a search have in common.

    Attributes
    ----------
    recipe : TriggerConfig
        What they start from.
    space : SearchSpace
        What varies.
    compiler : CompileConfig
        Clock and solver.
    num_points : int
        Networks of a trial's front that are compiled.
    samples : Path
        Samples of all trainings.
    folder : Path
        Of the search.
    command : tuple of str or None
        What makes the search again.
    """

    recipe: TriggerConfig
    space: SearchSpace
    compiler: CompileConfig
    num_points: int
    samples: Path
    folder: Path
    command: tuple[str, ...] | None

    def config(self, number: int, values: Mapping[str, Value]) -> TriggerConfig:
        """Configuration of a trial; its seed is the recipe's and its number, so that a place drawn twice is new."""
        recipe = self.recipe
        changed: dict[str, Any] = {
            "network": self.space.network(recipe.network, values),
            "fit": replace(self.space.fit(recipe.fit, values), seed=recipe.fit.seed + number),
        }
        return replace(recipe, **changed)

    def path(self, number: int) -> Path:
        """The run of a trial."""
        return self.folder / TRIALS / f"{number:04d}"

    def record(self, number: int) -> Path:
        """The file that says that a trial is done."""
        return self.folder / TRIALS / f"{number:04d}.json"


def run_trial(
    job: TrialJob, number: int, values: Mapping[str, Value], data: ArrayData, progress: Progress
) -> SearchTrial:
    """Train, or go on with the training, compile, and write the record.

    Parameters
    ----------
    job : TrialJob
        The search.
    number : int
        Which trial.
    values : mapping of str to int, float or str
        Its place in the space.
    data : ArrayData
        The samples.
    progress : Progress
        Told of the training's samples.

    Returns
    -------
    SearchTrial
        Without points if the training broke down, or found no network that can be compiled.

    Raises
    ------
    InputError
        If the training cannot begin, e.g. because another process is at it.
    """
    config, path = job.config(number, values), job.path(number)
    try:
        if not path.exists():
            fit(config.network, data, config.fit, path, inputs=[job.samples], progress=progress, command=job.command)
        run = TriggerRun.open(path)
        chosen = spread(run.members, job.num_points)
        points = tuple(compiled(run, member, job.compiler, trial=number) for member in chosen)
        trial = SearchTrial(
            number=number,
            values=values,
            points=points,
            failure="" if points else "no network was better than a constant answer",
        )
    except InputError as error:
        if not path.exists() and not str(error).startswith(_TRAINING_STOPPED):
            raise
        shutil.rmtree(path.with_name(f"{path.name}.partial"), ignore_errors=True)
        trial = SearchTrial(number=number, values=values, points=(), failure=str(error).replace(f"{job.folder}/", ""))
    with atomic_write(job.record(number), "w") as stream:
        stream.write(json_dumps(asdict(trial)))
    return trial


def read_trial(path: Path) -> SearchTrial:
    """Read a record.

    Raises
    ------
    InputError
        If it is damaged.
    """
    return revive_trial(read_json(path), path)


def revive_trial(document: Any, path: Path) -> SearchTrial:
    """Make a trial from its record in a file.

    Raises
    ------
    InputError
        If it is none, with the file's name.
    """
    try:
        points = tuple(SearchPoint(**point) for point in document["points"])
        return SearchTrial(**{**document, "points": points})
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: no record of a trial ({error})") from error


def spread(members: Sequence[Member], count: int) -> tuple[Member, ...]:
    """A few members of a front: the latest, and those nearest to places that are even in the logarithm of the cost.

    Parameters
    ----------
    members : sequence of Member
        Ascending in cost.
    count : int
        At most so many, at least 1.

    Returns
    -------
    tuple of Member
        Ascending in cost.

    Examples
    --------
    >>> front = [Member(epoch=9 - n, merit=0.1 * n, ebops=10.0**n, loss=1.0, beta=0.0) for n in range(9)]
    >>> [member.epoch for member in spread(front, 3)]
    [9, 5, 1]
    """
    if not members:
        return ()
    latest = max(members, key=lambda member: member.epoch)
    kept = {latest.epoch}
    low, high = (math.log(max(member.ebops, 1.0)) for member in (members[0], members[-1]))
    for place in range(count):
        wanted = high - (high - low) * place / max(count - 1, 1)
        nearest = min(members, key=lambda member: (abs(math.log(max(member.ebops, 1.0)) - wanted), member.epoch))
        if len(kept) < count:
            kept.add(nearest.epoch)
    return tuple(member for member in members if member.epoch in kept)


def compiled(run: TriggerRun, member: Member, compiler: CompileConfig, *, trial: int) -> SearchPoint:
    """Freeze and compile a member of a front, and count its cells."""
    firmware = compile_model(run.network(member).double().freeze(), compiler)
    cells = predicted_resources(firmware)
    return SearchPoint(
        trial=trial,
        epoch=member.epoch,
        merit=member.merit,
        ebops=member.ebops,
        lut=int(cells["lut"]),
        ff=int(cells["ff"]),
        latency_cycles=firmware.latency,
        latency_ns=firmware.latency_ns,
    )


def front_of(trials: Sequence[SearchTrial], *, is_higher_better: bool) -> tuple[SearchPoint, ...]:
    """The points that no other point beats in merit and LUT; of equal ones the first.

    Parameters
    ----------
    trials : sequence of SearchTrial
        By number.
    is_higher_better : bool
        Whether merit grows as networks get better.

    Returns
    -------
    tuple of SearchPoint
        Ascending in LUT, and so in quality.

    Examples
    --------
    >>> common = {"epoch": 1, "ebops": 1.0, "ff": 0, "latency_cycles": 1, "latency_ns": 5.0}
    >>> points = [(10, 0.5), (20, 0.4), (20, 0.6)]
    >>> made = [SearchPoint(trial=n, merit=merit, lut=lut, **common) for n, (lut, merit) in enumerate(points)]
    >>> trials = [SearchTrial(number=point.trial, values={}, points=(point,)) for point in made]
    >>> [point.trial for point in front_of(trials, is_higher_better=True)]
    [0, 2]
    """
    sign = 1.0 if is_higher_better else -1.0
    points = [point for trial in trials for point in trial.points]
    front: list[SearchPoint] = []
    for point in sorted(points, key=lambda point: (point.lut, -sign * point.merit, point.trial, point.epoch)):
        if not front or sign * point.merit > sign * front[-1].merit:
            front.append(point)
    return tuple(front)


def write_trials(path: Path, trials: Sequence[SearchTrial]) -> None:
    """Write one line for each trial."""
    with atomic_write(path, "w") as stream:
        stream.writelines(json.dumps(asdict(trial)) + "\n" for trial in trials)
