"""Anti-kT jets of a batch of events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import missing_extra
from collidium.detect import Candidates

try:
    import awkward as ak
    import fastjet
except ImportError as error:
    raise missing_extra(error.name or "fastjet", "collide") from error

Int = NDArray[np.int64]
Float = NDArray[np.float64]

# Without a stream FastJet does not print its banner.
fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)


@dataclass(frozen=True)
class ClusteredJets:
    """J jets of a batch of events.

    Attributes
    ----------
    event : ndarray of int64, (J,)
        Event of each jet, not decreasing.
    rank : ndarray of int64, (J,)
        Place by descending pT among the jets of the event, 0 for the hardest.
    px, py, pz, energy : ndarray, (J,), GeV
        Sum of the constituents.
    offsets : ndarray of int64, (J + 1,)
        Constituents of jet j are ``constituents[offsets[j]:offsets[j + 1]]``.
    constituents : ndarray of int64
        Rows of the candidates, in each jet by descending pT.
    """

    event: Int
    rank: Int
    px: Float
    py: Float
    pz: Float
    energy: Float
    offsets: Int
    constituents: Int

    @property
    def pt(self) -> Float:
        """Transverse momentum, (J,), GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Float:
        """Pseudorapidity, (J,), 1."""
        return np.arcsinh(self.pz / self.pt)

    @property
    def phi(self) -> Float:
        """Azimuth, (J,), rad."""
        return np.arctan2(self.py, self.px)


def cluster(candidates: Candidates, num_events: int, *, radius: float, min_pt: float) -> ClusteredJets:
    """Find anti-kT jets.

    Parameters
    ----------
    candidates : Candidates
        C candidates of N events, ordered by event.
    num_events : int
        N.
    radius : float
        R of the algorithm, 1.
    min_pt : float
        Smallest pT of a jet, GeV.

    Returns
    -------
    ClusteredJets
        The jets of all events.

    References
    ----------
    Cacciari, Salam, Soyez, arXiv:0802.1189 (anti-kT) and arXiv:1111.6097 (FastJet).
    """
    offsets = np.searchsorted(candidates.event, np.arange(num_events + 1))
    record = ak.contents.RecordArray(
        [ak.contents.NumpyArray(getattr(candidates, name)) for name in ("px", "py", "pz", "energy")],
        ["px", "py", "pz", "E"],
    )
    events = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
    sequence = fastjet.ClusterSequence(events, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))
    layout = sequence.constituent_index(min_pt=min_pt).layout
    jets_of_event = np.asarray(layout.offsets.data)
    members = np.asarray(layout.content.offsets.data)
    local = np.asarray(layout.content.content.data)[members[0] : members[-1]]
    members = members - members[0]
    event = np.repeat(np.arange(num_events), np.diff(jets_of_event))
    owner = np.repeat(np.arange(len(event)), np.diff(members))
    rows = local + offsets[event][owner]
    hardness = np.hypot(candidates.px[rows], candidates.py[rows])
    rows = rows[np.lexsort((rows, -hardness, owner))]
    px, py, pz, energy = (
        np.bincount(owner, weights=column[rows], minlength=len(event)).astype(np.float64)
        for column in (candidates.px, candidates.py, candidates.pz, candidates.energy)
    )
    return ClusteredJets(event, _ranks(event, np.hypot(px, py)), px, py, pz, energy, members, rows)


def _ranks(event: Int, pt: Float) -> Int:
    """Place of each jet by descending pT in its event; ``event`` does not decrease."""
    order = np.lexsort((-pt, event))
    rank = np.empty(len(event), dtype=np.int64)
    rank[order] = np.arange(len(event)) - np.searchsorted(event, event[order])
    return rank
