"""Jets in memory: ragged columns, as readers and generators hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud._columns import MOMENTUM_COLUMNS


@dataclass(frozen=True)
class Jets:
    """N jets with T particles in all, as flat columns.

    Attributes
    ----------
    offsets : ndarray of int64, (N + 1,)
        The particles of jet i are rows ``offsets[i]:offsets[i + 1]``.
    particles : dict of str to ndarray, (T,)
        Particle columns, in the units of ``COLUMNS``.
    scalars : dict of str to ndarray, (N,)
        Jet columns, in the units of ``COLUMNS``.
    classes : tuple of str
        Meaning of ``scalars["label"]``; empty without labels.

    Examples
    --------
    >>> jets = Jets(np.array([0, 2, 3]), {"part_px": np.array([1.0, 3.0, 2.0])}, {"label": np.array([0, 1])})
    >>> len(jets), jets.lengths.tolist(), jets.take([1, 0]).particles["part_px"].tolist()
    (2, [2, 1], [2.0, 1.0, 3.0])
    """

    offsets: NDArray[np.int64]
    particles: dict[str, NDArray[Any]]
    scalars: dict[str, NDArray[Any]]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Particles in each jet, (N,)."""
        return np.diff(self.offsets)

    def take(self, index: Sequence[int] | NDArray[np.integer], *, max_particles: int | None = None) -> Jets:
        """Select jets.

        Parameters
        ----------
        index : sequence of int, (M,)
            Jets to keep, in this order.
        max_particles : int, optional
            Keep only the first so many particles of each jet: the hardest, where particles are sorted by pT.

        Returns
        -------
        Jets
            M jets, copied.
        """
        chosen = np.asarray(index, dtype=np.int64)
        rows, offsets = gather_rows(self.offsets, chosen, max_particles)
        return Jets(
            offsets,
            {name: column.take(rows) for name, column in self.particles.items()},
            {name: column.take(chosen) for name, column in self.scalars.items()},
            self.classes,
        )

    @staticmethod
    def concat(parts: Sequence[Jets]) -> Jets:
        """Join jets with the same columns and classes.

        Parameters
        ----------
        parts : sequence of Jets
            At least one.

        Returns
        -------
        Jets
            All jets in order.

        Raises
        ------
        InputError
            If columns or classes differ.
        """
        first = parts[0]
        for part in parts[1:]:
            _same_layout(first, part)
        starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
        offsets = np.concatenate([[0], *(part.offsets[1:] + start for part, start in zip(parts, starts, strict=False))])
        return Jets(
            offsets.astype(np.int64),
            {name: np.concatenate([part.particles[name] for part in parts]) for name in first.particles},
            {name: np.concatenate([part.scalars[name] for part in parts]) for name in first.scalars},
            first.classes,
        )

    def sorted_by_pt(self) -> Jets:
        """Order the particles of each jet by descending transverse momentum (stable).

        Returns
        -------
        Jets
            The same jets.
        """
        pt = np.hypot(self.particles["part_px"], self.particles["part_py"])
        owner = np.repeat(np.arange(len(self)), self.lengths)
        order = np.lexsort((-pt, owner))
        return Jets(
            self.offsets, {name: column[order] for name, column in self.particles.items()}, self.scalars, self.classes
        )

    def validate(self, source: str) -> None:
        """Refuse what cannot be a jet.

        Parameters
        ----------
        source : str
            Where the jets come from, named in the message.

        Raises
        ------
        InputError
            On offsets that do not fit the columns, a jet without particles, a NaN or infinity, a negative energy of a
            particle, or a jet momentum or energy that is not positive; the message names source, column and jet.
        """
        self._check_layout(source)
        empty = np.flatnonzero(self.lengths == 0)
        if len(empty):
            raise InputError(f"{source}: jet {empty[0]} has no particles ({len(empty)} such jets); drop them first")
        for columns in (self.particles, self.scalars):
            for name, column in columns.items():
                self._check_finite(source, name, column)
        for name in ("jet_pt", "jet_energy"):
            bad = np.flatnonzero(self.scalars[name] <= 0) if name in self.scalars else np.zeros(0, dtype=np.int64)
            if len(bad):
                value = self.scalars[name][bad[0]]
                raise InputError(f"{source}: column {name} is {value:g} GeV in jet {bad[0]}; it must be positive")
        energy = self.particles["part_energy"]
        negative = np.flatnonzero(energy < 0)
        if len(negative):
            jet = self._owner(int(negative[0]))
            raise InputError(
                f"{source}: column part_energy is {energy[negative[0]]:g} GeV in jet {jet}; it must not be negative"
            )

    def _check_layout(self, source: str) -> None:
        """Offsets against column lengths, and the columns that must be there."""
        missing = [name for name in MOMENTUM_COLUMNS if name not in self.particles]
        if missing:
            raise InputError(f"{source}: particle column {missing[0]} is missing")
        if len(self.offsets) < 1 or self.offsets[0] != 0 or np.any(self.lengths < 0):
            raise InputError(f"{source}: offsets must start at 0 and not decrease")
        for names, size in ((self.particles, int(self.offsets[-1])), (self.scalars, len(self))):
            for name, column in names.items():
                if column.shape != (size,):
                    raise InputError(f"{source}: column {name} has shape {column.shape}, ({size},) is needed")

    def _check_finite(self, source: str, name: str, column: NDArray[Any]) -> None:
        """Refuse NaN and infinity in a floating-point column."""
        bad = np.flatnonzero(~np.isfinite(column)) if column.dtype.kind == "f" else np.zeros(0, dtype=np.int64)
        if len(bad):
            row = int(bad[0])
            jet = self._owner(row) if name in self.particles else row
            raise InputError(f"{source}: column {name} is {column[row]} in jet {jet}; finite values are needed")

    def _owner(self, row: int) -> int:
        """Jet of a particle row."""
        return int(np.searchsorted(self.offsets, row, side="right")) - 1


def gather_rows(
    offsets: NDArray[np.int64], index: NDArray[np.int64], max_particles: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Particle rows of the chosen jets and the offsets of the result."""
    lengths = offsets[index + 1] - offsets[index]
    if max_particles is not None:
        lengths = np.minimum(lengths, max_particles)
    taken = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(taken[-1]) + np.repeat(offsets[index] - taken[:-1], lengths)
    return rows, taken


def _same_layout(a: Jets, b: Jets) -> None:
    """Refuse to join jets of different columns or classes."""
    differing = sorted((set(a.particles) ^ set(b.particles)) | (set(a.scalars) ^ set(b.scalars)))
    if differing:
        raise InputError(f"cannot join jets: column {differing[0]} is only in one part")
    if a.classes != b.classes:
        raise InputError(f"cannot join jets of classes {a.classes} and {b.classes}")
