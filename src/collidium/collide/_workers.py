"""Blocks on the cores of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.collide._block import generate_block
from collidium.collide._config import GenerateConfig
from collidium.collide._plan import Block


@dataclass(frozen=True)
class _Failure:
    """What went wrong in a worker."""

    message: str
    is_input: bool


@dataclass
class _Worker:
    """A process, the line to it, and the block it works on."""

    process: SpawnProcess
    line: Connection
    block: Block | None = None


def run_local(
    config: GenerateConfig, blocks: Sequence[Block], *, workers: int, advance: Callable[[int], None]
) -> Generator[tuple[Block, Jets], None, None]:
    """Make blocks in worker processes.

    Parameters
    ----------
    config : GenerateConfig
        What to generate.
    blocks : sequence of Block
        The blocks still to make.
    workers : int
        Number of processes.
    advance : callable
        Called with numbers of jets as they are accepted.

    Yields
    ------
    tuple of Block and Jets
        Each block once, in the order in which they are ready.

    Raises
    ------
    InputError
        If a block cannot be made from this configuration, or a worker dies.
    RuntimeError
        If a worker fails.

    Notes
    -----
    Workers are spawned, so nothing of this process leaks into them. They do not see Ctrl-C: the caller's
    KeyboardInterrupt closes this iterator, which ends them at once, whatever Pythia is doing. If this process dies
    without doing so, they end by themselves.
    """
    waiting = list(reversed(blocks))
    crew: list[_Worker] = []
    try:
        for _ in range(min(workers, len(blocks))):
            crew.append(_start(config))
            _give(crew[-1], waiting)
        while busy := [worker for worker in crew if worker.block is not None]:
            for line in wait([worker.line for worker in busy]):
                worker = next(member for member in busy if member.line is line)
                answer = _receive(worker)
                if isinstance(answer, int):
                    advance(answer)
                    continue
                block = worker.block
                _give(worker, waiting)
                assert block is not None
                yield block, answer
    finally:
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.process.join()
            worker.line.close()


def _start(config: GenerateConfig) -> _Worker:
    """Start a process that does not see the interrupt signal."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(config, theirs), daemon=True)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, waiting: list[Block]) -> None:
    """Give a worker its next block, if there is one."""
    worker.block = waiting.pop() if waiting else None
    if worker.block is not None:
        try:
            worker.line.send(worker.block)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _death(worker) from error


def _receive(worker: _Worker) -> int | Jets:
    """What a worker says: jets accepted, or a finished block."""
    try:
        answer: int | Jets | _Failure = worker.line.recv()
    except (EOFError, ConnectionResetError) as error:
        raise _death(worker) from error
    if isinstance(answer, _Failure):
        raise InputError(answer.message) if answer.is_input else RuntimeError(answer.message)
    return answer


def _death(worker: _Worker) -> InputError:
    """What is known of a worker whose line is broken."""
    worker.process.join()
    block = worker.block.name if worker.block else "none"
    return InputError(
        f"a worker died (exit code {worker.process.exitcode}) on block {block}; it may have run out of memory: "
        "the same call with fewer workers goes on from the last finished block"
    )


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one, then end this one too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(config: GenerateConfig, line: Connection) -> None:
    """Make blocks as they are asked for, until the other side is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        while True:
            block: Block = line.recv()
            line.send(_attempt(config, block, line))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _attempt(config: GenerateConfig, block: Block, line: Connection) -> Jets | _Failure:
    """A block, or why there is none."""
    try:
        return generate_block(config, block, advance=line.send)
    except InputError as error:
        return _Failure(str(error), is_input=True)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, MemoryError):
        return _Failure(f"block {block.name} failed:\n{traceback.format_exc()}", is_input=False)
