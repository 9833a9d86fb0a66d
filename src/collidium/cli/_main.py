"""Entry point: finds the verb, turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from collidium import __version__
from collidium.artifact import InputError, unknown

VERBS = {
    "generate": "make collisions with Pythia 8, a detector response and labelled jets",
    "convert": "read ROOT, HDF5, NanoAOD, ... into a dataset",
    "train": "train a model on a dataset",
    "evaluate": "measure a run on a split of a dataset",
    "search": "search trigger networks for the front of merit against compiled cost",
    "compile": "make proved Verilog of a trigger network",
    "verify": "prove firmware: integer model, emulator and Verilog agree",
    "export": "write a run's model as ONNX",
    "report": "make one HTML page of a run and its predictions",
    "show": "print what an artifact is",
    "run": "run a chain of stages, e.g. the quickstart",
    "templates": "make a workspace of a tagger's scores",
    "fit": "fit a HistFactory workspace, or a resonance in open data",
    "limit": "test a signal strength and find its upper limits",
    "scan": "scan the profile likelihood of one parameter or two",
    "rank": "rank nuisance parameters by their impact",
    "toys": "test a hypothesis with toy experiments",
    "bumphunt": "search a spectrum for a narrow excess",
    "bench": "compare optimizers on language, jets and associative memory",
}
INTERRUPTED = 130


def usage() -> str:
    """Text of ``collidium --help``."""
    rows = [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            "usage: collidium VERB ...",
            "",
            "Particle collisions in, physics out.",
            "",
            *rows,
            "",
            "collidium VERB --help tells the flags of a verb; collidium --version the version.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; the process's own by default.

    Returns
    -------
    int
        0 when done, 2 on bad input (one line on standard error), 130 after Ctrl-C.

    Examples
    --------
    >>> main(["--version"]) == 0
    collidium ...
    True
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    if arguments[:1] == ["--version"]:
        sys.stdout.write(f"collidium {__version__}\n")
        return 0
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(usage() + "\n")
        return 0 if arguments else 2
    try:
        return _run(arguments)
    except InputError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing half-written is left, and the same command goes on where it can\n")
        return INTERRUPTED
    except BrokenPipeError:
        if _is_reader_gone():
            return 0
        return _fail("a worker process ended unexpectedly; the same command goes on from the finished parts")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("collidium"):
            raise
        return _fail(f'{error.name} is not installed: pip install "collidium[all]"')
    except OSError as error:
        return _fail(f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")


def _run(arguments: list[str]) -> int:
    """Load the verb's file and run it."""
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    run: Callable[[list[str]], int] = importlib.import_module(f"collidium.cli._{verb}").run
    try:
        return run(rest)
    finally:
        if (progress := sys.modules.get("collidium.cli._progress")) is not None:
            progress.TerminalProgress.clear()


def _is_reader_gone() -> bool:
    """Tell whether standard output was closed by its reader (``| head``), and stop writing to it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _fail(message: str) -> int:
    """Tell the user in one line."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return 2
