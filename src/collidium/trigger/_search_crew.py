"""Trials of a search, one after the other here or several at a time in processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import torch

from collidium.artifact import Progress, SilentProgress
from collidium.trigger._data import ArrayData
from collidium.trigger._search_space import Value
from collidium.trigger._search_trial import SearchTrial, TrialJob, read_trial, run_trial
from collidium.trigger._training import open_samples

Places = Sequence[tuple[int, Mapping[str, Value]]]


def run_here(job: TrialJob, places: Places, data: ArrayData, progress: Progress) -> Iterator[SearchTrial]:
    """Run trials one after the other with one thread, as a process would.

    Parameters
    ----------
    job : TrialJob
        The search.
    places : sequence of (int, mapping)
        Numbers of trials and their places in the space.
    data : ArrayData
        The samples.
    progress : Progress
        Told of the samples of every training, whose number is ``epochs * len(train)`` for each trial.

    Yields
    ------
    SearchTrial
        In order.
    """
    total = job.recipe.fit.epochs * int((data.split == 0).sum())
    with _one_thread():
        for number, values in places:
            inner = _Inner(progress, total)
            trial = run_trial(job, number, values, data, inner)
            inner.complete()
            yield trial


def run_in_processes(job: TrialJob, places: Places, workers: int) -> Iterator[SearchTrial]:
    """Run trials in processes that do not see Ctrl-C and end with this one.

    Parameters
    ----------
    job : TrialJob
        The search.
    places : sequence of (int, mapping)
        Numbers of trials and their places in the space.
    workers : int
        Processes at a time.

    Yields
    ------
    SearchTrial
        As they end.

    Raises
    ------
    RuntimeError
        If a process fails; its traceback is on standard error.
    """
    waiting, running = list(places), dict[int, tuple[SpawnProcess, int]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number, values = waiting.pop(0)
                process = _start(job, number, values)
                running[process.sentinel] = (process, number)
            for sentinel in wait(list(running)):
                assert isinstance(sentinel, int)
                process, number = running.pop(sentinel)
                process.join()
                if process.exitcode:
                    raise RuntimeError(f"trial {number} ended with exit code {process.exitcode}")
                yield replace(read_trial(job.record(number)), values=dict(places)[number])
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


class _Inner:
    """Progress of a trial as part of that of the search."""

    def __init__(self, whole: Progress, total: int) -> None:
        self._whole, self._left = whole, total

    def start(self, label: str, total: int | None, unit: str) -> None:
        """The search has started already."""

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count samples."""
        self._left -= n
        self._whole.advance(n, **{name: figures[name] for name in ("loss", "merit") if name in figures})

    def skip(self, n: int) -> None:
        """Count samples of an earlier call."""
        self._left -= n
        self._whole.skip(n)

    def finish(self) -> None:
        """The search goes on."""

    def complete(self) -> None:
        """Count the samples that a training left out."""
        self._whole.skip(self._left)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _start(job: TrialJob, number: int, values: Mapping[str, Value]) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(job, number, dict(values)), daemon=True)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    return process


def _work(job: TrialJob, number: int, values: Mapping[str, Value]) -> None:
    """Run one trial."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    samples, _ = open_samples(job.samples)
    run_trial(job, number, values, samples.data, SilentProgress())


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one, then end this one too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
