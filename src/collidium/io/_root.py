"""ROOT trees as flat NumPy columns; the one file that knows uproot and awkward."""

from __future__ import annotations

import difflib
import functools
import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, missing_extra

# What uproot and its codecs raise on bytes that are not what their headers say.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
_SMALL_FILE_VERSION = 1_000_000


@dataclass(frozen=True)
class Block:
    """Consecutive entries of a tree.

    Attributes
    ----------
    source : str
        File, for messages.
    start : int
        Number of the first entry.
    arrays : dict of str to awkward array
        The branches read.
    """

    source: str
    start: int
    arrays: dict[str, Any]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def scalar(self, name: str) -> NDArray[Any]:
        """A branch with one number per entry, (N,)."""
        import awkward as ak

        if self.arrays[name].ndim != 1:
            raise InputError(f"{self.source}: branch {name} is a list per entry, one number is needed")
        return np.asarray(ak.to_numpy(self.arrays[name]))

    def flat(self, name: str) -> NDArray[Any]:
        """The values of a branch with a list per entry, one after the other."""
        return self._list(name)[1]

    def offsets(self, name: str) -> NDArray[np.int64]:
        """Where each entry's list starts in :meth:`flat`, (N + 1,)."""
        return self._list(name)[0]

    def _list(self, name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Offsets and values of a branch with a list per entry."""
        import awkward as ak

        if self.arrays[name].ndim != 2:
            raise InputError(f"{self.source}: branch {name} is not a list of numbers per entry")
        layout = self.arrays[name].layout.to_ListOffsetArray64(True)
        offsets = np.asarray(layout.offsets.data)
        return offsets, np.asarray(ak.to_numpy(layout.content))[: offsets[-1]]

    def shared_offsets(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Offsets that several branches must have in common."""
        first, *others = names
        offsets = self.offsets(first)
        for name in others:
            if not np.array_equal(offsets, self.offsets(name)):
                raise InputError(f"{self.source}: branch {name} has other list lengths than {first}")
        return offsets


@dataclass(frozen=True)
class Tree:
    """A tree open for reading.

    Attributes
    ----------
    path : Path
        Its file.
    name : str
        Its name.
    tree : uproot.TTree
        The open tree.
    branches : tuple of str
        Names of its branches, in the order of the file.
    """

    path: Path
    name: str
    tree: Any
    branches: tuple[str, ...]

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return int(self.tree.num_entries)

    def require(self, names: Iterable[str]) -> None:
        """Refuse a tree that lacks a branch, by name."""
        known = set(self.branches)
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.7)
                hint = f" (nearest: {', '.join(near)})" if near else ""
                raise InputError(f"{self.path}: branch {name} is missing in tree {self.name}{hint}")

    def blocks(self, names: Iterable[str], step: int) -> Iterator[Block]:
        """Read branches in steps.

        Parameters
        ----------
        names : iterable of str
            Branches.
        step : int
            Entries at a time.

        Yields
        ------
        Block
            ``step`` entries, fewer at the end.
        """
        chosen = sorted(set(names))
        start = 0
        steps = self.tree.iterate(filter_name=chosen, step_size=step, library="ak")
        while True:
            with reading(self.path):
                arrays = next(steps, None)
            if arrays is None:
                break
            block = Block(str(self.path), start, {name: arrays[name] for name in chosen})
            start += len(block)
            yield block
        if start != self.num_entries:
            raise InputError(f"{self.path}: tree {self.name} ends after {start} of {self.num_entries} entries")


@dataclass(frozen=True)
class TreeSummary:
    """What recognising and counting need of a tree: names of its branches in order, number of entries."""

    branches: tuple[str, ...]
    num_entries: int


def summary_of(path: Path, name: str) -> TreeSummary | None:
    """Look at a tree without keeping the file open.

    Parameters
    ----------
    path : Path
        The file; a file that did not change is opened once.
    name : str
        The tree.

    Returns
    -------
    TreeSummary or None
        None if the file has no tree of that name.

    Raises
    ------
    InputError
        As :func:`open_tree`.
    """
    status = path.stat()
    return _summary(path.resolve(), name, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _summary(path: Path, name: str, modified: int, size: int) -> TreeSummary | None:
    """Summary by the identity of the file's content."""
    with open_tree(path, name) as tree:
        return None if tree is None else TreeSummary(tree.branches, tree.num_entries)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a damaged ROOT file makes uproot raise into one line."""
    import cramjam
    import uproot

    try:
        yield
    except InputError:
        raise
    except (*_DAMAGE, cramjam.DecompressionError, uproot.DeserializationError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{path}: damaged or truncated ROOT file ({reason})") from error


@contextmanager
def open_tree(path: Path, name: str) -> Iterator[Tree | None]:
    """Open a tree of a ROOT file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The tree.

    Yields
    ------
    Tree or None
        None if the file has no tree of that name.

    Raises
    ------
    InputError
        If the file is damaged or truncated, or uproot is not installed.
    """
    try:
        import uproot
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "io") from error
    _check_length(path)
    with reading(path):
        file = uproot.open(path)
    try:
        with reading(path):
            found = file.get(name)
            is_tree = found is not None and found.classname == "TTree"
            tree = Tree(path, name, found, tuple(found.keys(recursive=False))) if is_tree else None
        yield tree
    finally:
        file.close()


def _check_length(path: Path) -> None:
    """Compare a file's size with the end that its header states."""
    with path.open("rb") as stream:
        header = stream.read(20)
    if len(header) < 20:
        raise InputError(f"{path}: damaged or truncated ROOT file ({len(header)} bytes)")
    (version,) = struct.unpack(">i", header[4:8])
    (end,) = (
        struct.unpack(">q", header[12:20]) if version >= _SMALL_FILE_VERSION else struct.unpack(">i", header[12:16])
    )
    size = path.stat().st_size
    if size < end:
        raise InputError(f"{path}: damaged or truncated ROOT file ({size} bytes, its header says {end})")
