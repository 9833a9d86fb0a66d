"""Grooming: soft radiation at wide angles taken out of jets."""

from __future__ import annotations

import numpy as np

from collidium.artifact import missing_extra
from collidium.cloud import MOMENTUM_COLUMNS, Jets

try:
    import awkward as ak
    import fastjet
except ImportError as error:
    raise missing_extra(error.name or "fastjet", "collide") from error

_ALL_IN_ONE = 100.0  # radius that holds every particle of a jet

# Without a stream FastJet does not print its banner.
fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)


def groom(jets: Jets, *, zcut: float = 0.1, beta: float = 0.0, radius: float = 0.8) -> Jets:
    """Groom jets by soft drop; with beta = 0 the modified mass drop tagger.

    Parameters
    ----------
    jets : Jets
        N jets.
    zcut : float
        Least share of the softer branch at the angle ``radius``, 1.
    beta : float
        Power with which this share falls with the angle, 1.
    radius : float
        Radius of the jets, 1.

    Returns
    -------
    Jets
        The same jets with the momenta of the particles that are left, hardest first, and all their jet columns as they
        were.

    Notes
    -----
    The particles are clustered again by angle alone (Cambridge/Aachen), and the last step is undone and the softer
    branch dropped until ``min(pT1, pT2) / (pT1 + pT2) > zcut (dR / radius)^beta``.

    References
    ----------
    Dasgupta, Fregoso, Marzani, Salam, arXiv:1307.0007; Larkoski, Marzani, Soyez, Thaler, arXiv:1402.2657, eq. (1.1).
    """
    record = ak.contents.RecordArray(
        [ak.contents.NumpyArray(jets.particles[name].astype(np.float64)) for name in MOMENTUM_COLUMNS],
        ["px", "py", "pz", "E"],
    )
    array = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(jets.offsets), record))
    sequence = fastjet.ClusterSequence(array, fastjet.JetDefinition(fastjet.cambridge_algorithm, _ALL_IN_ONE))
    groomed = sequence.exclusive_jets_softdrop_grooming(njets=1, beta=beta, symmetry_cut=zcut, R0=radius)
    lists = groomed["constituents"]
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(lists)))]).astype(np.int64)
    columns = {
        name: ak.to_numpy(ak.flatten(lists[field])).astype(np.float32)
        for name, field in zip(MOMENTUM_COLUMNS, ("px", "py", "pz", "E"), strict=True)
    }
    return Jets(offsets, columns, jets.scalars, jets.classes).sorted_by_pt()
