"""Data in memory for the training of trigger networks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from collidium.artifact import InputError, atomic_write

SplitName = Literal["train", "val", "test"]
_SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class ArrayData:
    """Samples with their targets and splits.

    Attributes
    ----------
    x : mapping of str to ndarray, (N, *shape)
        The network's inputs by name.
    y : ndarray, (N,) or (N, ...)
        Classes as int64, or numbers.
    split : ndarray of uint8, (N,)
        0 train, 1 val, 2 test.

    Raises
    ------
    InputError
        If lengths differ, a number is not finite, or a split is empty or unknown.

    Examples
    --------
    >>> data = ArrayData({"x": np.zeros((4, 2), np.float32)}, np.zeros(4, np.int64), np.array([0, 0, 1, 2], np.uint8))
    >>> len(data.part("train").y)
    2
    """

    x: Mapping[str, NDArray[np.generic]]
    y: NDArray[np.generic]
    split: NDArray[np.uint8]

    def __post_init__(self) -> None:
        for name, array in (*self.x.items(), ("y", self.y)):
            if len(array) != len(self.split):
                raise InputError(f"{name} has {len(array)} samples, split has {len(self.split)}; they must be equal")
            if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                raise InputError(f"{name} holds NaN or infinity; the data must be repaired")
        found = np.bincount(self.split, minlength=len(_SPLITS)) if len(self.split) else np.zeros(len(_SPLITS))
        if len(found) > len(_SPLITS) or not found[0] or not found[1]:
            raise InputError(f"split: 0 (train) and 1 (val) must occur, 2 (test) may, got {np.unique(self.split)}")

    def part(self, split: SplitName) -> Samples:
        """One split as tensors, numbers as float32."""
        rows = np.flatnonzero(self.split == _SPLITS.index(split))
        return Samples(tuple(_tensor(array[rows]) for array in self.x.values()), _tensor(self.y[rows]))

    @property
    def hash(self) -> str:
        """SHA-256 over names, types, shapes and bytes."""
        digest = hashlib.sha256()
        for name, array in (*self.x.items(), ("y", self.y), ("split", self.split)):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file."""
        with atomic_write(path) as stream:
            named: dict[str, Any] = {f"x_{name}": array for name, array in self.x.items()}
            np.savez(stream, **named, y=self.y, split=self.split)

    @classmethod
    def load(cls, path: Path) -> ArrayData:
        """Read a file of :meth:`save`.

        Parameters
        ----------
        path : Path
            Holds ``x_<input>`` for each input, ``y`` and ``split``.

        Returns
        -------
        ArrayData

        Raises
        ------
        InputError
            If the file is absent or damaged or lacks an array.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            y, split = arrays.pop("y"), arrays.pop("split").astype(np.uint8)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: no file of arrays x_<input>, y and split ({error})") from error
        return cls({name.removeprefix("x_"): array for name, array in arrays.items()}, y, split)


@dataclass(frozen=True)
class Samples:
    """One split.

    Attributes
    ----------
    x : tuple of Tensor, (N, *shape)
        Inputs, in the order of the network's arguments.
    y : Tensor, (N, ...)
        Targets.
    """

    x: tuple[Tensor, ...]
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def batches(self, size: int) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """All samples in order, in parts."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield tuple(x[part] for x in self.x), self.y[part]

    def shuffled(self, size: int, *, seed: int, epoch: int) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Whole batches in an order that is a function of (seed, epoch)."""
        mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(mixed))
        size = min(size, len(self))
        for start in range(0, len(self) - size + 1, size):
            rows = order[start : start + size]
            yield tuple(x.index_select(0, rows) for x in self.x), self.y.index_select(0, rows)

    def first(self, count: int | None) -> Samples:
        """The first samples; None: all."""
        return Samples(tuple(x[:count] for x in self.x), self.y[:count])


def arranged(data: ArrayData, names: Sequence[str]) -> ArrayData:
    """The same data with its inputs in the order of a network's.

    Raises
    ------
    InputError
        If the names differ.
    """
    if set(names) != set(data.x):
        raise InputError(f"the data has the inputs {', '.join(data.x)}; the network needs {', '.join(names)}")
    return ArrayData({name: data.x[name] for name in names}, data.y, data.split)


def _tensor(array: NDArray[np.generic]) -> Tensor:
    kind = np.float32 if np.issubdtype(array.dtype, np.floating) or array.dtype == np.bool_ else np.int64
    return torch.from_numpy(np.ascontiguousarray(array, dtype=kind))
