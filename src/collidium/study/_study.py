"""The study: sweeps, then seeds at the best rates, every run kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from collidium.study._config import StudyConfig
from collidium.study._crew import Workplace, gather
from collidium.study._summary import summarise, with_seconds
from collidium.study._sweep import MAX_EXTENSIONS, best_index, centre_rate, grid_rate, next_indices
from collidium.study._table import write_tables
from collidium.study._task import Sources, open_task
from collidium.study._trial import TIMING_NAME, Trial, read_trial

KIND = "study"
STUDY_NAME = "study.json"
TIMINGS_NAME = "timings.json"
TABLE_STEM = "table"
TIME_PLOT = "loss-against-time"
_UNTRACKED = (
    TIMING_NAME, TIMINGS_NAME, f"{TABLE_STEM}.csv", f"{TABLE_STEM}.md", f"{TIME_PLOT}.png", f"{TIME_PLOT}.pdf",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Study:
    """A finished study.

    Attributes
    ----------
    path : Path
        Its folder.
    runs : list of dict
        Result of every run.
    summary : list of dict
        One row for each task and member, seconds included.
    timings : dict of str to list
        For each run's folder: step, seconds in the model, seconds in the optimizer.
    """

    path: Path
    runs: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    timings: dict[str, list[list[float]]]

    @staticmethod
    def open(path: Path) -> Study:
        """Read a study.

        Parameters
        ----------
        path : Path
            Its folder.

        Returns
        -------
        Study
            The content.

        Raises
        ------
        InputError
            If it is no study, or damaged.
        """
        read_manifest(path, KIND)
        try:
            content = json.loads((path / STUDY_NAME).read_text(encoding="utf-8"))
            timings = json.loads((path / TIMINGS_NAME).read_text(encoding="utf-8"))
            return Study(path, content["runs"], with_seconds(content["summary"], content["runs"], timings), timings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged study ({error})") from error


def next_trials(
    config: StudyConfig, task: str, member: str, results: Mapping[Trial, Mapping[str, Any]]
) -> tuple[Trial, ...]:
    """Runs of a member on a task that can start now.

    Parameters
    ----------
    config : StudyConfig
        The study.
    task, member : str
        The pair.
    results : Mapping of Trial to result
        Its finished runs.

    Returns
    -------
    tuple of Trial
        The missing runs of the sweep; after the sweep those at the best rate; empty when there is nothing left, or the
        sweep found no rate at which training converges.

    Examples
    --------
    >>> [trial.rate for trial in next_trials(StudyConfig(), "memory", "adamw", {})]
    [0.01, 0.03, 0.09]
    """
    centre = centre_rate(member) * config.task_config(task).rate_scale

    def trial(index: int, seed: int | None = None) -> Trial:
        return Trial(
            task=task,
            member=member,
            purpose="sweep" if seed is None else "final",
            index=index,
            rate=grid_rate(centre, index, config.grid_factor),
            seed=config.seed + (seed or 0),
        )

    losses = {
        done.index: math.inf if result["final_loss"] is None else float(result["final_loss"])
        for done, result in results.items()
        if done.purpose == "sweep"
    }
    if indices := next_indices(losses, config.grid_half_width):
        return tuple(trial(index) for index in indices)
    best = best_index(losses)
    if best is None:
        return ()
    finals = (trial(best, seed) for seed in range(1, config.num_seeds + 1))
    return tuple(final for final in finals if final not in results)


def run_study(
    config: StudyConfig,
    out: Path,
    *,
    sources: Sources,
    workers: int = 2,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Study:
    """Compare optimizers.

    Parameters
    ----------
    config : StudyConfig
        What to compare.
    out : Path
        Folder of the study; an interrupted one goes on from its finished runs.
    sources : Sources
        Text and jets.
    workers : int
        Processes of one thread each; 0 runs everything in this process.
    progress : Progress, optional
        Told of finished runs.
    command : sequence of str, optional
        Recorded in the manifest.

    Returns
    -------
    Study
        Opened.

    Raises
    ------
    InputError
        If a file is missing or unfit, or ``out`` exists.
    """
    if workers < 0:
        raise InputError(f"workers is {workers}; 0 or a positive number is needed")
    inputs = sources.used(config.tasks)
    from collidium.study._plots import draw_plots

    for task in config.tasks:
        open_task(task, config, sources)
    with building(
        out, kind=KIND, config=config, inputs=inputs, seed=config.seed, command=command, resumable=True,
        untracked=_UNTRACKED,
    ) as folder:  # fmt: skip
        workplace = Workplace(config=config, sources=sources, folder=folder)
        results = _run_all(workplace, workers, progress or SilentProgress())
        runs = [results[trial] for trial in sorted(results, key=lambda trial: _order(config, trial))]
        summary = summarise(runs, config)
        timings = {
            trial.folder: json.loads((folder / trial.folder / TIMING_NAME).read_text(encoding="utf-8"))["seconds"]
            for trial in results
        }
        for name, content in ((STUDY_NAME, {"runs": runs, "summary": summary}), (TIMINGS_NAME, timings)):
            with atomic_write(folder / name, "w") as stream:
                stream.write(json_dumps(content))
        rows = with_seconds(json.loads(json_dumps(summary)), runs, timings)
        write_tables(folder / TABLE_STEM, rows)
        for plot in draw_plots(runs, rows, timings):
            for ending, drawn in (("png", plot.png), ("pdf", plot.pdf)):
                with atomic_write(folder / f"{plot.name}.{ending}") as stream:
                    stream.write(drawn)
    return Study.open(out)


def _run_all(workplace: Workplace, workers: int, progress: Progress) -> dict[Trial, dict[str, Any]]:
    """Run what is not there yet; a run that follows from others starts when they are done."""
    config = workplace.config
    pairs = [(task, member) for task in config.tasks for member in config.members]
    results: dict[tuple[str, str], dict[Trial, dict[str, Any]]] = {pair: {} for pair in pairs}
    open_runs = dict.fromkeys(pairs, 0)
    most = 2 * config.grid_half_width + 1 + MAX_EXTENSIONS + config.num_seeds
    progress.start("optimizers", most * len(pairs), "runs")
    with gather(workplace, workers) as crew:

        def go_on(pair: tuple[str, str]) -> None:
            while not open_runs[pair]:
                following = next_trials(config, *pair, results[pair])
                if not following:
                    progress.skip(most - len(results[pair]))
                    return
                for trial in following:
                    if (done := read_trial(workplace.folder / trial.folder)) is not None:
                        results[pair][trial] = done
                        progress.skip(1)
                    else:
                        crew.submit(trial)
                        open_runs[pair] += 1

        for pair in pairs:
            go_on(pair)
        while any(open_runs.values()):
            trial = crew.wait()
            pair = (trial.task, trial.member)
            done = read_trial(workplace.folder / trial.folder)
            assert done is not None
            results[pair][trial] = done
            open_runs[pair] -= 1
            progress.advance(1, loss=math.nan if done["final_loss"] is None else float(done["final_loss"]))
            go_on(pair)
    progress.finish()
    return {trial: result for found in results.values() for trial, result in found.items()}


def _order(config: StudyConfig, trial: Trial) -> tuple[int, int, bool, int, int]:
    """Place of a run in the list."""
    place = config.tasks.index(trial.task), config.members.index(trial.member)
    return *place, trial.purpose == "final", trial.index, trial.seed
