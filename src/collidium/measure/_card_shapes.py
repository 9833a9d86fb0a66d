"""The ``shapes`` lines of datacards: which histogram, density or events belong to a process of a channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from collidium.artifact import InputError
from collidium.measure._parameters import Vector
from collidium.measure._parametric import ParametricDocument
from collidium.measure._pointer import Place
from collidium.measure._templates import Template

DATA = "data_obs"


@dataclass(frozen=True)
class Density:
    """A distribution of an HS3 document."""

    document: ParametricDocument = field(repr=False)
    name: str


@dataclass(frozen=True)
class Events:
    """Values of an observable, event by event."""

    observable: str
    x: Vector = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One ``shapes`` line; without a file the process is counted."""

    place: Place
    process: str
    channel: str
    file: str
    nominal: str
    varied: str


class CardShapes:
    """The ``shapes`` lines of a card, and the files they name.

    Parameters
    ----------
    folder : Path
        Where relative paths begin.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: list[_Line] = []
        self._files: dict[Path, Any] = {}
        self._documents: dict[Path, ParametricDocument] = {}

    def add(self, place: Place, words: Sequence[str]) -> None:
        """Take a line: process, channel, file, object, and the object of variations."""
        if len(words) < 3 or (len(words) < 4 and words[2] != "FAKE"):
            raise place.error("has too few words; process, channel, file and object are needed")
        file, nominal, varied = (*words[2:], "", "")[:3]
        found = _Line(
            place=place,
            process=words[0],
            channel=words[1],
            file="" if file == "FAKE" else str(self.folder / file),
            nominal=nominal,
            varied=varied,
        )
        self._lines.append(found)

    def find(self, channel: str, process: str) -> _Line | None:
        """The line for a process of a channel: named ones go before ``*``; None where it is counted."""
        for wanted in ((process, channel), ("*", channel), (process, "*"), ("*", "*")):
            for line in self._lines:
                if (line.process, line.channel) == wanted:
                    return line if line.file else None
        return None

    def load(self, channel: str, process: str, variation: str = "") -> Template | Density | Events:
        """What the line of a process names, or its variation."""
        line = self.find(channel, process)
        assert line is not None
        pattern = line.varied if variation else line.nominal
        if not pattern:
            raise line.place.error(f"names no object for the variation {variation!r}")
        for word, value in (("$PROCESS", process), ("$CHANNEL", channel), ("$SYSTEMATIC", variation)):
            pattern = pattern.replace(word, value)
        if "$" in pattern:
            raise line.place.error(f"has {pattern!r}; $PROCESS, $CHANNEL and $SYSTEMATIC are understood")
        path = Path(line.file.replace("$CHANNEL", channel).replace("$PROCESS", process))
        return self._object(line.place, path, pattern)

    def _object(self, place: Place, path: Path, name: str) -> Template | Density | Events:
        json = path.with_suffix(".json")
        if json.is_file() and (path.suffix == ".json" or not path.is_file()):
            return self._of_document(place, json, name.rpartition(":")[2])
        if not path.is_file():
            hint = f"; a RooFit workspace is read from its HS3 JSON, {json.name}" if ":" in name else ""
            raise place.error(f"names {path}: no such file{hint}")
        file = self._opened(place, path)
        key, _, branch = name.partition(":")
        if key not in file:
            raise place.error(f"names {key!r}, which {path} does not hold")
        found = file[key]
        if branch and hasattr(found, "arrays"):
            return self._of_tree(place, found, key, branch)
        if branch:
            raise place.error(f"names {name!r}, of a RooFit workspace; one is read from its HS3 JSON, {json.name}")
        return Template.of(found, f"{place.source}: {place.pointer}: histogram {key!r} of {path.name}")

    def _of_document(self, place: Place, path: Path, name: str) -> Density | Events:
        if path not in self._documents:
            self._documents[path] = ParametricDocument.read(path)
        document = self._documents[path]
        if name in document.events:
            return Events(*document.events[name])
        if name not in document.densities:
            raise place.error(f"names {name!r}, which {path} does not hold")
        return Density(document, name)

    def _opened(self, place: Place, path: Path) -> Any:
        if path not in self._files:
            try:
                import uproot
            except ImportError as error:
                raise InputError('ROOT files are read by uproot: pip install "collidium[io]"') from error
            try:
                self._files[path] = uproot.open(path)
            except (ValueError, OSError, KeyError) as error:
                raise place.error(f"names {path}, which is no ROOT file") from error
        return self._files[path]

    @staticmethod
    def _of_tree(place: Place, tree: Any, key: str, branch: str) -> Events:
        if branch not in tree:
            raise place.error(f"names the branch {branch!r}, which {key!r} does not hold")
        x = np.asarray(tree[branch].array(library="np"), dtype=np.float64)
        if not np.all(np.isfinite(x)):
            raise place.error(f"names the branch {branch!r}, which holds NaN or infinite values")
        return Events(branch, x)

    def absolute(self, text: str) -> str:
        """The text of a card with full paths in its ``shapes`` lines, so that it may be moved."""
        lines = text.splitlines()
        return "\n".join(_replaced(line, self._path) for line in lines) + "\n"

    def _path(self, file: str) -> str:
        return file if file == "FAKE" else str((self.folder / file).resolve())


def _replaced(line: str, path: Callable[[str], str]) -> str:
    words = line.split()
    if len(words) < 4 or words[0] != "shapes":
        return line
    return " ".join([*words[:3], path(words[3]), *words[4:]])
