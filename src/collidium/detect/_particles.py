"""What goes into a detector and what comes out of it, as flat columns over a batch of events."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(5)


@dataclass(frozen=True)
class StableParticles:
    """T stable particles of a batch of events, as the generator leaves them.

    Attributes
    ----------
    event : ndarray of int64, (T,)
        Event of each particle.
    pid : ndarray of int64, (T,)
        PDG number.
    px, py, pz, energy : ndarray, (T,), GeV
        Four-momentum at production.
    x, y, z : ndarray, (T,), mm
        Production vertex.

    Examples
    --------
    >>> one = np.ones(1)
    >>> pion = StableParticles(np.array([0]), np.array([211]), 3 * one, 4 * one, 0 * one, 5 * one, one, one, one)
    >>> pion.pt.tolist(), pion.eta.tolist()
    ([5.0], [0.0])
    """

    event: Int
    pid: Int
    px: Float
    py: Float
    pz: Float
    energy: Float
    x: Float
    y: Float
    z: Float

    def __len__(self) -> int:
        return len(self.event)

    @property
    def pt(self) -> Float:
        """Transverse momentum, (T,), GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Float:
        """Pseudorapidity, (T,), 1; infinite along the beam."""
        with np.errstate(divide="ignore"):
            return np.arcsinh(self.pz / self.pt)

    def take(self, rows: NDArray[Any]) -> StableParticles:
        """Select particles by index or mask."""
        return StableParticles(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Candidates:
    """C reconstructed particles of a batch of events.

    Attributes
    ----------
    event : ndarray of int64, (C,)
        Event of each candidate.
    px, py, pz, energy : ndarray, (C,), GeV
        Reconstructed four-momentum.
    charge : ndarray of int64, (C,), e
        Charge of the track, 0 without one.
    kind : ndarray of int64, (C,)
        ``CHARGED_HADRON``, ``NEUTRAL_HADRON``, ``PHOTON``, ``ELECTRON`` or ``MUON``.
    d0, d0_error, dz, dz_error : ndarray, (C,), mm
        Impact parameters and their standard errors; 0 without a track.
    """

    event: Int
    px: Float
    py: Float
    pz: Float
    energy: Float
    charge: Int
    kind: Int
    d0: Float
    d0_error: Float
    dz: Float
    dz_error: Float

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray[Any]) -> Candidates:
        """Select candidates by index or mask."""
        return Candidates(*(getattr(self, field.name)[rows] for field in fields(self)))

    @staticmethod
    def by_event(*parts: Candidates) -> Candidates:
        """Join candidates and order them by event, keeping the order within the parts.

        Parameters
        ----------
        *parts : Candidates
            Candidates of the same events.

        Returns
        -------
        Candidates
            All of them.
        """
        order = np.argsort(np.concatenate([part.event for part in parts]), kind="stable")
        columns = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Candidates))
        return Candidates(*(column[order] for column in columns))
