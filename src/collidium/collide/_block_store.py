"""Finished blocks on disk, waiting for the rest of their shard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from collidium.artifact import atomic_write
from collidium.cloud import Jets
from collidium.collide._plan import Block

FOLDER = "blocks"


class BlockStore:
    """Blocks as files that exist whole or not at all.

    Parameters
    ----------
    folder : Path
        The dataset's unfinished folder; blocks lie in a folder of their own inside it.
    classes : tuple of str
        Meaning of the labels.
    """

    def __init__(self, folder: Path, classes: tuple[str, ...]) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._classes = classes

    def _path(self, block: Block) -> Path:
        return self._folder / f"{block.name}.npz"

    def has(self, block: Block) -> bool:
        """Whether the block is there."""
        return self._path(block).is_file()

    def save(self, block: Block, jets: Jets) -> None:
        """Keep a block."""
        columns: dict[str, Any] = {"offsets": jets.offsets}
        columns |= {f"p:{name}": column for name, column in jets.particles.items()}
        columns |= {f"s:{name}": column for name, column in jets.scalars.items()}
        with atomic_write(self._path(block)) as stream:
            np.savez(stream, allow_pickle=False, **columns)

    def load(self, block: Block) -> Jets:
        """Read a block back."""
        with np.load(self._path(block)) as file:
            names = [name for name in file.files if name != "offsets"]
            particles = {name[2:]: file[name] for name in names if name.startswith("p:")}
            scalars = {name[2:]: file[name] for name in names if name.startswith("s:")}
            return Jets(file["offsets"], particles, scalars, self._classes)

    def drop(self, block: Block) -> None:
        """Remove a block."""
        self._path(block).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder and what a killed job left in it."""
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()
