"""A jet of plain NanoAOD as the cloud of what the file knows of its inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Jets
from collidium.io._kinematics import momenta, offsets_of
from collidium.io._nanoaod import FLAVOURS, flavour_labels, linked, owners, raw_jets
from collidium.io._root import Block
from collidium.io._species import FLAGS

_FRACTIONS = {
    "part_isChargedHadron": "Jet_chHEF",
    "part_isNeutralHadron": "Jet_neHEF",
    "part_isPhoton": "Jet_neEmEF",
    "part_isElectron": "Jet_chEmEF",
    "part_isMuon": "Jet_muEF",
}
_LEPTONS = {"Electron": "part_isElectron", "Muon": "part_isMuon"}
_AXES = ("pt", "eta", "phi", "mass")
_VERTEX_RADIUS = 0.4
# Fractions are stored with about 8 significant bits: a smaller remainder is rounding.
_SMALLEST_FRACTION = 2.0**-7

COMPOSITION_BRANCHES = (
    *(f"Jet_{part}" for part in (*_AXES, "rawFactor")),
    *_FRACTIONS.values(),
    *(f"SV_{part}" for part in _AXES),
    *(f"{lepton}_{part}" for lepton in _LEPTONS for part in (*_AXES, "jetIdx")),
)
COMPOSITION_OPTIONAL = ("genWeight", "Jet_hadronFlavour", "Jet_partonFlavour")


def jet_compositions(block: Block) -> tuple[Jets, NDArray[np.int64]]:
    """Build a cloud of each AK4 jet.

    Parameters
    ----------
    block : Block
        Events with ``COMPOSITION_BRANCHES``.

    Returns
    -------
    jets : Jets
        N jets (uncorrected momenta), with ``label`` but without ``weight`` and ``event_id``. The particles of a jet are
        the electrons and muons that the file links to it, the secondary vertices within 0.4 of it (nearest jet; they
        count as charged hadrons), and, for each of the five particle-flow classes, what remains of its share of the
        jet's pT, massless along the jet's axis. Parts whose pT exceeds the share of their class are not used.
    event : ndarray of int64, (N,)
        Event of each jet in the block.
    """
    jet_offsets = block.offsets("Jet_pt")
    jets = raw_jets(block, "Jet")
    num_jets = int(jet_offsets[-1])
    found = {"part_isChargedHadron": _vertices(block, jet_offsets, jets)}
    found |= {flag: _leptons(block, name, flag, jet_offsets) for name, flag in _LEPTONS.items()}
    parts = [part for flag in FLAGS for part in _shared(block, flag, jets, found.get(flag))]
    jet = np.concatenate([part["jet"] for part in parts])
    order = np.argsort(jet, kind="stable")
    columns = {name: np.concatenate([part[name] for part in parts])[order] for name in (*_AXES, *FLAGS)}
    particles: dict[str, NDArray[Any]] = {
        **momenta(columns["pt"], columns["eta"], columns["phi"], columns["mass"]),
        **{flag: columns[flag] for flag in FLAGS},
    }
    offsets = offsets_of(np.bincount(jet, minlength=num_jets))
    classes, label = _labels(block, num_jets)
    return Jets(offsets, particles, {**jets, "label": label}, classes), owners(jet_offsets)


def _part(
    jet: NDArray[np.int64], axes: dict[str, NDArray[Any]], flag: str, keep: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Particles of one species: the jet of each, its coordinates and flags."""
    kept = {"jet": jet[keep], **{name: np.asarray(value, dtype=np.float64)[keep] for name, value in axes.items()}}
    return {**kept, **{name: np.full(int(keep.sum()), name == flag, dtype=np.int8) for name in FLAGS}}


def _vertices(
    block: Block, jet_offsets: NDArray[np.int64], jets: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[Any]]:
    """Secondary vertices with the nearest jet within the radius."""
    axes = {name: block.flat(f"SV_{name}") for name in _AXES}
    vertex_event = owners(block.offsets("SV_pt"))
    num_pairs = np.diff(jet_offsets)[vertex_event]
    vertex = np.repeat(np.arange(len(vertex_event)), num_pairs)
    first = np.repeat(np.cumsum(num_pairs) - num_pairs, num_pairs)
    jet = jet_offsets[vertex_event[vertex]] + np.arange(len(vertex)) - first
    dphi = (axes["phi"][vertex] - jets["jet_phi"][jet] + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(axes["eta"][vertex] - jets["jet_eta"][jet], dphi)
    order = np.lexsort((distance, vertex))
    is_nearest = np.diff(vertex[order], prepend=-1) > 0
    nearest = order[is_nearest & (distance[order] < _VERTEX_RADIUS)]
    of_vertex = {name: value[vertex[nearest]] for name, value in axes.items()}
    return _part(jet[nearest], of_vertex, "part_isChargedHadron", np.ones(len(nearest), dtype=bool))


def _leptons(block: Block, name: str, flag: str, jet_offsets: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Electrons or muons that are linked to a jet."""
    jet = linked(block, f"{name}_jetIdx", owners(block.offsets(f"{name}_pt")), jet_offsets, "Jet")
    return _part(jet, {part: block.flat(f"{name}_{part}") for part in _AXES}, flag, jet >= 0)


def _shared(
    block: Block, flag: str, jets: dict[str, NDArray[np.float64]], found: dict[str, NDArray[Any]] | None
) -> list[dict[str, NDArray[Any]]]:
    """The found parts of a particle-flow class, where the class holds that much, and what it has left on the axis."""
    pt = jets["jet_pt"] * block.flat(_FRACTIONS[flag])
    rounding = _SMALLEST_FRACTION * jets["jet_pt"]
    parts = []
    if found is not None:
        fits = np.bincount(found["jet"], found["pt"], len(pt)) <= pt + rounding
        keep = fits[found["jet"]]
        parts.append({name: column[keep] for name, column in found.items()})
        pt = pt - np.bincount(parts[0]["jet"], parts[0]["pt"], len(pt))
    axes = {"pt": pt, "eta": jets["jet_eta"], "phi": jets["jet_phi"], "mass": np.zeros(len(pt))}
    return [*parts, _part(np.arange(len(pt)), axes, flag, pt > rounding)]


def _labels(block: Block, num_jets: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Classes and labels from the true flavours; unlabelled in data."""
    if not {"Jet_hadronFlavour", "Jet_partonFlavour"} <= set(block.arrays):
        return (), np.full(num_jets, -1, dtype=np.int64)
    return FLAVOURS, flavour_labels(block.flat("Jet_hadronFlavour"), block.flat("Jet_partonFlavour"))
