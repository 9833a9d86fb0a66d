"""The event record of a batch, flat and without copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.detect import NEUTRINOS, StableParticles

Int = NDArray[np.int64]


@dataclass(frozen=True)
class EventRecord:
    """Entries of the event records of N events, E in all.

    Attributes
    ----------
    offsets : ndarray of int64, (N + 1,)
        Entries of event i are rows ``offsets[i]:offsets[i + 1]``.
    pid, status, mother : ndarray of int32, (E,)
        PDG number, Pythia's status code, and first mother as a number within the event.
    px, py, pz, energy : ndarray of float64, (E,), GeV
        Four-momentum.
    vertex_row : ndarray of int32, (E,)
        Row in the vertex columns, -1 for the origin.
    x, y, z : ndarray of float64, mm
        Production vertices other than the origin.
    """

    offsets: Int
    pid: NDArray[np.int32]
    status: NDArray[np.int32]
    mother: NDArray[np.int32]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    energy: NDArray[np.float64]
    vertex_row: NDArray[np.int32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def event_of(self, rows: NDArray[np.integer[Any]]) -> Int:
        """Event of each row."""
        return np.searchsorted(self.offsets, rows, side="right") - 1

    def mother_row(self, rows: Int) -> Int:
        """Row of the first mother of each row; the event's first row for entries without one."""
        return self.offsets[self.event_of(rows)] + self.mother[rows]

    def stable_particles(self, *, max_abs_eta: float) -> StableParticles:
        """Stable particles but for neutrinos and those near the beam.

        Parameters
        ----------
        max_abs_eta : float
            Largest pseudorapidity of the momentum, 1.

        Returns
        -------
        StableParticles
            In the order of the record.
        """
        final = np.flatnonzero(self.status > 0)
        px, py, pz, pid = self.px[final], self.py[final], self.pz[final], self.pid[final]
        reach = np.sinh(max_abs_eta)
        is_kept = (pz**2 < reach**2 * (px**2 + py**2)) & ~np.isin(np.abs(pid), NEUTRINOS)
        rows = final[is_kept]
        vertex = self.vertex_row[rows]
        x, y, z = (_vertex_column(column, vertex) for column in (self.x, self.y, self.z))
        return StableParticles(
            self.event_of(rows),
            pid[is_kept].astype(np.int64),
            px[is_kept],
            py[is_kept],
            pz[is_kept],
            self.energy[rows],
            x,
            y,
            z,
        )


def _vertex_column(column: NDArray[np.float64], vertex_row: NDArray[np.int32]) -> NDArray[np.float64]:
    """One coordinate of the production vertices, 0 for the origin."""
    if not len(column):
        return np.zeros(len(vertex_row))
    return np.where(vertex_row >= 0, column[vertex_row], 0.0)


def event_record(batch: Any) -> EventRecord:
    """View a batch of ``Pythia.nextBatch`` as flat columns.

    Parameters
    ----------
    batch : awkward.Array, (N,)
        Events with the record ``prt``.

    Returns
    -------
    EventRecord
        The same memory.
    """
    layout = batch.prt.layout
    entries = layout.content
    momentum, vertex = entries.content("p"), entries.content("vProd")
    columns = {name: entries.content(name).data for name in ("id", "status", "mother1")}
    px, py, pz, energy = (momentum.content(name).data for name in ("px", "py", "pz", "e"))
    x, y, z = (vertex.content.content(name).data for name in ("px", "py", "pz"))
    return EventRecord(
        np.asarray(layout.offsets.data),
        columns["id"],
        columns["status"],
        columns["mother1"],
        px,
        py,
        pz,
        energy,
        vertex.index.data,
        x,
        y,
        z,
    )
