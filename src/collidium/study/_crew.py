"""Runs in worker processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol

import torch

from collidium.artifact import InputError
from collidium.study._config import StudyConfig
from collidium.study._task import Sources, Task, open_task
from collidium.study._trial import Trial, run_trial, write_trial


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What a worker needs to know.

    Attributes
    ----------
    config : StudyConfig
        The study.
    sources : Sources
        Files of the tasks.
    folder : Path
        Where results go.
    """

    config: StudyConfig
    sources: Sources
    folder: Path


class Crew(Protocol):
    """Takes runs and hands them back when they are done, in any order."""

    def submit(self, trial: Trial) -> None:
        """Queue a run."""

    def wait(self) -> Trial:
        """The next run whose result is written."""


@contextmanager
def gather(workplace: Workplace, workers: int) -> Iterator[Crew]:
    """Have runs done.

    Parameters
    ----------
    workplace : Workplace
        The study.
    workers : int
        Processes; 0 for this one.

    Yields
    ------
    Crew
        Its processes end with the block, whatever they are doing.

    Raises
    ------
    InputError
        If a task cannot be opened or a worker dies.
    RuntimeError
        If a run fails.
    """
    if workers == 0:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield _OwnProcess(workplace)
        finally:
            torch.set_num_threads(threads)
        return
    crew = _Processes(workplace, workers)
    try:
        yield crew
    finally:
        crew.end()


class _Bench:
    """Does runs, with each task opened once."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._tasks: dict[str, Task] = {}

    def do(self, trial: Trial) -> None:
        """Run and write the result."""
        place = self._workplace
        if trial.task not in self._tasks:
            self._tasks[trial.task] = open_task(trial.task, place.config, place.sources)
        result, timing = run_trial(trial, self._tasks[trial.task], place.config)
        write_trial(place.folder / trial.folder, result, timing)


class _OwnProcess:
    """Does the runs here."""

    def __init__(self, workplace: Workplace) -> None:
        self._bench = _Bench(workplace)
        self._waiting: deque[Trial] = deque()

    def submit(self, trial: Trial) -> None:
        """Queue a run."""
        self._waiting.append(trial)

    def wait(self) -> Trial:
        """Do the next run."""
        trial = self._waiting.popleft()
        self._bench.do(trial)
        return trial


@dataclass
class _Worker:
    """A process, the line to it, and its run."""

    process: SpawnProcess
    line: Connection
    trial: Trial | None = None


@dataclass(frozen=True)
class _Failure:
    """What went wrong in a worker."""

    message: str
    is_input: bool


class _Processes:
    """Does the runs in spawned processes, which do not see Ctrl-C and end with this one."""

    def __init__(self, workplace: Workplace, workers: int) -> None:
        self._workplace = workplace
        self._size = workers
        self._crew: list[_Worker] = []
        self._waiting: deque[Trial] = deque()

    def submit(self, trial: Trial) -> None:
        """Queue a run, or give it to an idle worker."""
        self._waiting.append(trial)
        idle = next((worker for worker in self._crew if worker.trial is None), None)
        if idle is None and len(self._crew) < self._size:
            idle = _start(self._workplace)
            self._crew.append(idle)
        if idle is not None:
            self._give(idle)

    def wait(self) -> Trial:
        """The next finished run."""
        ready = wait([worker.line for worker in self._crew if worker.trial is not None])[0]
        worker = next(member for member in self._crew if member.line is ready)
        trial = worker.trial
        assert trial is not None
        try:
            failure: _Failure | None = worker.line.recv()
        except (EOFError, ConnectionResetError) as error:
            worker.process.join()
            raise InputError(
                f"a worker died (exit code {worker.process.exitcode}) in {trial.folder}; "
                "the same call with fewer workers goes on from the finished runs"
            ) from error
        if failure is not None:
            raise InputError(failure.message) if failure.is_input else RuntimeError(failure.message)
        worker.trial = None
        self._give(worker)
        return trial

    def end(self) -> None:
        """End all processes."""
        for worker in self._crew:
            worker.process.terminate()
        for worker in self._crew:
            worker.process.join()
            worker.line.close()

    def _give(self, worker: _Worker) -> None:
        if self._waiting:
            worker.trial = self._waiting.popleft()
            worker.line.send(worker.trial)


def _start(workplace: Workplace) -> _Worker:
    """Start a process that does not see the interrupt signal."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(workplace, theirs), daemon=True)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    theirs.close()
    return _Worker(process, ours)


def _work(workplace: Workplace, line: Connection) -> None:
    """Do runs until the line ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    bench = _Bench(workplace)
    while True:
        trial: Trial = line.recv()
        try:
            bench.do(trial)
        except InputError as error:
            line.send(_Failure(str(error), is_input=True))
        except BaseException:
            line.send(_Failure(f"{trial.folder}: {traceback.format_exc()}", is_input=False))
        else:
            line.send(None)


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one, then end this one too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
