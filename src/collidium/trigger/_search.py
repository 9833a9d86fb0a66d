"""Search for networks that no other beats in merit and in cells of the compiled firmware."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from collidium.artifact import (
    InputError,
    Progress,
    SilentProgress,
    atomic_write,
    building,
    json_dumps,
    read_manifest,
)
from collidium.firmware import CompileConfig
from collidium.trigger._losses import OBJECTIVES
from collidium.trigger._sampler import Direction, Sampler
from collidium.trigger._search_crew import Places, run_here, run_in_processes
from collidium.trigger._search_space import SearchSpace, space_of
from collidium.trigger._search_trial import (
    TRIALS,
    SearchPoint,
    SearchTrial,
    TrialJob,
    front_of,
    read_trial,
    revive_trial,
    write_trials,
)
from collidium.trigger._store import read_json
from collidium.trigger._tasks import TaskSamples
from collidium.trigger._training import TriggerConfig, ready_samples, samples_path

SEARCH_KIND = "trigger-search"
TRIALS_NAME = "trials.jsonl"
FRONT_NAME = "front.json"
_LEAST_POPULATION = 2


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a space is searched.

    Attributes
    ----------
    num_trials : int
        Trainings.
    population : int
        Trainings of a generation; the first one is drawn at random.
    num_points : int
        Networks of a training's front that are compiled: the latest, which is what the sampler is told, and others that
        are spread over its costs.
    compiler : CompileConfig
        Clock, solver, depth.
    seed : int
        Of the places that are drawn.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    num_trials: int = 40
    population: int = 10
    num_points: int = 4
    compiler: CompileConfig = field(default_factory=CompileConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("num_trials", 1), ("population", _LEAST_POPULATION), ("num_points", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, at least {least} is needed")


@dataclass(frozen=True)
class SearchResult:
    """A finished search.

    Attributes
    ----------
    path : Path
        Its folder; the run of each trial is in ``trials/``.
    trials : tuple of SearchTrial
        By number.
    front : tuple of SearchPoint
        What no other point beats, ascending in LUT.
    config : dict
        Recipe, space and settings as plain values.
    is_higher_better : bool
        Whether merit grows as networks get better.
    """

    path: Path
    trials: tuple[SearchTrial, ...]
    front: tuple[SearchPoint, ...]
    config: dict[str, Any]
    is_higher_better: bool

    @classmethod
    def open(cls, path: Path) -> SearchResult:
        """Open a search.

        Raises
        ------
        InputError
            If it is none or a file of it is damaged.
        """
        config: Any = read_manifest(path, SEARCH_KIND).config
        document = read_json(path / FRONT_NAME)
        try:
            lines = (path / TRIALS_NAME).read_text(encoding="utf-8").splitlines()
            trials = tuple(revive_trial(json.loads(line), path / TRIALS_NAME) for line in lines)
            front = tuple(SearchPoint(**point) for point in document["points"])
            return cls(path, trials, front, dict(config), bool(document["is_higher_better"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: damaged search ({error})") from error

    @property
    def objective(self) -> str:
        """Name of the merit."""
        return str(self.config["recipe"]["fit"]["objective"])

    def run(self, trial: int) -> Path:
        """The trigger run of a trial."""
        return self.path / TRIALS / f"{trial:04d}"


def search(
    recipe: TriggerConfig,
    source: Path | None,
    out: Path,
    *,
    space: SearchSpace | None = None,
    config: SearchConfig | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> SearchResult:
    """Train networks of many shapes, compile them, and keep the front of merit against LUT.

    Parameters
    ----------
    recipe : TriggerConfig
        Task, and everything that does not vary.
    source : Path or None
        Dataset, where the task reads one.
    out : Path
        Folder to make; the samples go to ``OUT-samples``. The same call after a kill goes on, even within a training,
        and ends with the same trials.
    space : SearchSpace, optional
        What varies; the one of the recipe's kind of network by default.
    config : SearchConfig, optional
        Trials, population, seed.
    workers : int
        Trainings at a time; the result does not depend on it.
    progress : Progress, optional
        Told of every step.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    SearchResult
        The finished search, opened.

    Raises
    ------
    InputError
        If Optuna is missing, samples and network do not fit, folders are in the way, or every trial fails.

    Notes
    -----
    A trial is one training with its Pareto archive. NSGA-II is told one point of it, the latest network of the front in
    (merit, log2 LUT), because the pressure on the cost is a dimension of the space and that is where it leads. All
    compiled points of all trials compete for the front of the search.
    """
    config, reporter = config or SearchConfig(), progress or SilentProgress()
    space = space_of(recipe.network) if space is None else space
    if workers < 1:
        raise InputError(f"workers is {workers}, at least 1 is needed")
    if out.exists():
        raise InputError(f"{out}: output exists already; choose another name or remove it")
    is_higher_better = OBJECTIVES[recipe.fit.objective].is_higher_better
    directions: list[Direction] = ["maximize" if is_higher_better else "minimize", "minimize"]
    sampler = Sampler(space.dimensions(), directions, population=config.population, seed=config.seed)
    samples = ready_samples(recipe, source, samples_path(out), progress=reporter, command=command)
    document = {"recipe": recipe, "space": space, "search": config}
    artifact = building(
        out,
        kind=SEARCH_KIND,
        config=document,
        inputs=[samples_path(out)],
        seed=config.seed,
        command=command,
        resumable=True,
        untracked=("timings.jsonl",),
    )
    with artifact as folder:
        (folder / TRIALS).mkdir(exist_ok=True)
        job = TrialJob(
            recipe=recipe,
            space=space,
            compiler=config.compiler,
            num_points=config.num_points,
            samples=samples_path(out).resolve(),
            folder=folder,
            command=None if command is None else tuple(command),
        )
        _Search(job, config, sampler, samples, workers, reporter, is_higher_better).run()
    return SearchResult.open(out)


class _Search:
    """A search under way in a folder."""

    def __init__(
        self,
        job: TrialJob,
        config: SearchConfig,
        sampler: Sampler,
        samples: TaskSamples,
        workers: int,
        progress: Progress,
        is_higher_better: bool,
    ) -> None:
        self.job, self.config, self.sampler, self.samples = job, config, sampler, samples
        self.workers, self.progress, self.is_higher_better = workers, progress, is_higher_better
        self.cost = job.recipe.fit.epochs * int((samples.data.split == 0).sum())
        self.trials: dict[int, SearchTrial] = {}

    def run(self) -> None:
        """All generations."""
        config = self.config
        self.progress.start("search", config.num_trials * self.cost, "samples")
        try:
            for start in range(0, config.num_trials, config.population):
                self._generation(start, min(config.population, config.num_trials - start))
        finally:
            self.progress.finish()
        self._close()

    def _generation(self, start: int, count: int) -> None:
        """Ask for places, do what is not done, tell."""
        places = list(enumerate(self.sampler.ask(count), start))
        missing: list[Any] = []
        for number, values in places:
            if self.job.record(number).is_file():
                self._accept(read_trial(self.job.record(number)), values)
                self.progress.skip(self.cost)
            else:
                missing.append((number, values))
        for trial in self._run(missing):
            self.trials[trial.number] = trial
            self._write()
        self.sampler.tell([self._figures(self.trials[number]) for number, _ in places])
        if all(trial.failure for trial in self.trials.values()):
            raise InputError(f"{self.job.folder}: every trial failed, e.g. {self.trials[start].failure}")

    def _run(self, places: Places) -> Iterator[SearchTrial]:
        if self.workers == 1:
            yield from run_here(self.job, places, self.samples.data, self.progress)
            return
        for trial in run_in_processes(self.job, places, self.workers):
            self.progress.advance(self.cost)
            yield trial

    def _accept(self, trial: SearchTrial, values: Any) -> None:
        """Take up a trial of an interrupted call."""
        if trial.values != values:
            raise InputError(
                f"{self.job.record(trial.number)}: drawn otherwise than here, by another version of Optuna; "
                f"remove {self.job.folder}"
            )
        self.trials[trial.number] = replace(trial, values=values)

    def _figures(self, trial: SearchTrial) -> tuple[float, float] | None:
        """What the sampler is told: merit, and the logarithm of the cells, in which the front is spread evenly."""
        point = trial.outcome
        return None if point is None else (point.merit, math.log2(max(point.lut, 1)))

    def _write(self) -> None:
        """The trials so far, and their front."""
        trials = [self.trials[number] for number in sorted(self.trials)]
        write_trials(self.job.folder / TRIALS_NAME, trials)
        front = front_of(trials, is_higher_better=self.is_higher_better)
        with atomic_write(self.job.folder / FRONT_NAME, "w") as stream:
            stream.write(
                json_dumps({"is_higher_better": self.is_higher_better, "points": [asdict(point) for point in front]})
            )
        figures = {"best": front[-1].merit} if front else {}
        self.progress.advance(0, trials=float(len(trials)), front=float(len(front)), **figures)

    def _close(self) -> None:
        """Leave what belongs to the artifact: records are lines now, and locks of killed trainings are nobody's."""
        self._write()
        for number in self.trials:
            self.job.record(number).unlink()
        for lock in (self.job.folder / TRIALS).glob(".*.lock"):
            lock.unlink()
