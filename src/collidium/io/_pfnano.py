"""NanoAOD with particle-flow candidates: jets as clouds of their candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Jets
from collidium.io._kinematics import momenta, offsets_of
from collidium.io._nanoaod import (
    FLAVOURS,
    MM_PER_CM,
    chosen_collection,
    events_of,
    flavour_labels,
    has_event_branch,
    jet_numbers,
    linked,
    owners,
    raw_jets,
    report_dropped,
    weights,
    without_empty,
)
from collidium.io._root import Block, Tree
from collidium.io._source import checked_jets, stream_of
from collidium.io._species import flags

_CANDIDATES = ("pt", "eta", "phi", "mass", "pdgId", "charge", "d0", "d0Err", "dz", "dzErr")
_TRACK = {"part_d0": ("d0", "d0Err"), "part_dz": ("dz", "dzErr")}


@dataclass(frozen=True, kw_only=True)
class JetCollection:
    """How a jet collection lies in the file.

    Attributes
    ----------
    jet : str
        Prefix of the jet branches.
    links : str
        Prefix of the branches that link jets to candidates.
    has_puppi_weights : bool
        The jets are clustered from candidates scaled by their PUPPI weight.
    extras : dict of str to str
        Further jet columns and the branches they come from, read where they exist.
    """

    jet: str
    links: str
    has_puppi_weights: bool
    extras: dict[str, str]

    @property
    def needed(self) -> tuple[str, ...]:
        """Branches without which the collection cannot be read."""
        weight = ("PFCands_puppiWeight",) if self.has_puppi_weights else ()
        return (
            *(f"{self.jet}_{part}" for part in ("pt", "eta", "phi", "mass", "rawFactor")),
            *(f"{self.links}_{part}" for part in ("pFCandsIdx", "jetIdx")),
            *(f"PFCands_{part}" for part in _CANDIDATES),
            *weight,
        )


COLLECTIONS = {
    "AK4": JetCollection(jet="Jet", links="JetPFCands", has_puppi_weights=False, extras={}),
    "AK8": JetCollection(
        jet="FatJet",
        links="FatJetPFCands",
        has_puppi_weights=True,
        extras={"jet_sdmass": "FatJet_msoftdrop", **{f"jet_tau{i}": f"FatJet_tau{i}" for i in range(1, 5)}},
    ),
    "AK4Puppi": JetCollection(jet="Jet", links="JetPFCands", has_puppi_weights=True, extras={}),
}


def recognise_pfnano(path: Path) -> bool:
    """Tell whether a file is a NanoAOD file that links jets to particle-flow candidates."""
    return has_event_branch(path, [f"{item.links}_pFCandsIdx" for item in COLLECTIONS.values()])


def read_pfnano(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read jets of NanoAOD with particle-flow candidates.

    Parameters
    ----------
    path : Path
        ROOT file with ``PFCands_*`` and ``JetPFCands_*`` or ``FatJetPFCands_*``.
    collection : {"AK4", "AK8", "AK4Puppi"}, optional
        ``AK4`` (default; charged-hadron subtracted), ``AK8`` (PUPPI: momenta are multiplied by the candidate's PUPPI
        weight, candidates of weight zero are left out), ``AK4Puppi`` (files whose AK4 jets are PUPPI jets).
    step : int
        Events at a time.

    Yields
    ------
    Jets
        The jets of ``step`` events, with the uncorrected jet momentum (what the candidates add up to), all JetClass
        particle columns (impact parameters from cm to mm, 0 without a track), and the flavours uds, g, c, b; -1 where
        no flavour is defined and in data. Jets without candidates are left out and counted in the log.

    Raises
    ------
    InputError
        If a branch is missing, a link points nowhere, or a value is not finite.
    """
    name = chosen_collection(path, collection, tuple(COLLECTIONS))
    chosen = COLLECTIONS[name]
    stream, seen, dropped = stream_of(path, name), 0, 0
    with events_of(path) as tree:
        tree.require(chosen.needed)
        for block in tree.blocks((*chosen.needed, *_optional(tree, chosen)), step):
            jets = _jets(block, chosen, stream)
            kept = without_empty(jets)
            seen, dropped = seen + len(jets), dropped + len(jets) - len(kept)
            yield checked_jets(
                f"{path} (counting from event {block.start})", kept.offsets, kept.particles, kept.scalars, kept.classes
            )
    report_dropped(path, dropped, seen, f"{name} jets without candidates")


def _optional(tree: Tree, chosen: JetCollection) -> list[str]:
    """Branches read where they exist: truth, weight, extra jet columns."""
    names = {
        "genWeight",
        f"{chosen.jet}_hadronFlavour",
        f"{chosen.jet}_partonFlavour",
        *chosen.extras.values(),
    }
    if chosen.jet == "FatJet":
        names |= {"FatJet_genJetAK8Idx", "GenJetAK8_partonFlavour"}
    return sorted(names & set(tree.branches))


def _jets(block: Block, chosen: JetCollection, stream: int) -> Jets:
    """All jets of a block, those without candidates too."""
    jet_offsets = block.offsets(f"{chosen.jet}_pt")
    rows, offsets = _candidate_rows(block, chosen, jet_offsets)
    classes, label = _labels(block, chosen, jet_offsets)
    scalars = {
        **raw_jets(block, chosen.jet),
        **{column: block.flat(branch) for column, branch in chosen.extras.items() if branch in block.arrays},
        "label": label,
        "weight": weights(block, owners(jet_offsets)),
        "event_id": jet_numbers(stream, block, owners(jet_offsets)),
    }
    return Jets(offsets, _particles(block, chosen, rows), scalars, classes)


def _candidate_rows(
    block: Block, chosen: JetCollection, jet_offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the candidates in order of the jets, and where each jet's begin."""
    candidate_offsets = block.shared_offsets(f"PFCands_{part}" for part in _CANDIDATES)
    event = owners(block.shared_offsets((f"{chosen.links}_pFCandsIdx", f"{chosen.links}_jetIdx")))
    candidate = linked(block, f"{chosen.links}_pFCandsIdx", event, candidate_offsets, "PFCands")
    jet = linked(block, f"{chosen.links}_jetIdx", event, jet_offsets, chosen.jet)
    is_used = (candidate >= 0) & (jet >= 0)
    if chosen.has_puppi_weights:
        is_used &= block.flat("PFCands_puppiWeight")[candidate] > 0
    candidate, jet = candidate[is_used], jet[is_used]
    counts = np.bincount(jet, minlength=int(jet_offsets[-1]))
    return candidate[np.argsort(jet, kind="stable")], offsets_of(counts)


def _particles(block: Block, chosen: JetCollection, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Particle columns of candidates."""
    columns = {part: block.flat(f"PFCands_{part}")[rows] for part in _CANDIDATES}
    p4 = momenta(columns["pt"], columns["eta"], columns["phi"], columns["mass"])
    if chosen.has_puppi_weights:
        p4 = {name: value * block.flat("PFCands_puppiWeight")[rows] for name, value in p4.items()}
    tracks = {}
    for name, (value, error) in _TRACK.items():
        has_track = ~(columns[error] < 0)
        tracks[f"{name}val"] = np.where(has_track, columns[value] * MM_PER_CM, 0)
        tracks[f"{name}err"] = np.where(has_track, columns[error] * MM_PER_CM, 0)
    charge = columns["charge"]
    return {**p4, "part_charge": charge, **flags(columns["pdgId"], charge), **tracks}


def _labels(
    block: Block, chosen: JetCollection, jet_offsets: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Classes and labels from the true flavours; unlabelled in data."""
    hadron = f"{chosen.jet}_hadronFlavour"
    if hadron not in block.arrays:
        return (), np.full(int(jet_offsets[-1]), -1, dtype=np.int64)
    return FLAVOURS, flavour_labels(block.flat(hadron), _parton_flavour(block, chosen, jet_offsets))


def _parton_flavour(block: Block, chosen: JetCollection, jet_offsets: NDArray[np.int64]) -> NDArray[np.integer]:
    """Parton flavour of each jet: its own branch, or the matched generator jet's; 0 without either."""
    if f"{chosen.jet}_partonFlavour" in block.arrays:
        return block.flat(f"{chosen.jet}_partonFlavour")
    if not {"FatJet_genJetAK8Idx", "GenJetAK8_partonFlavour"} <= set(block.arrays):
        return np.zeros(int(jet_offsets[-1]), dtype=np.int64)
    generated = block.flat("GenJetAK8_partonFlavour")
    gen_offsets = block.offsets("GenJetAK8_partonFlavour")
    match = linked(block, "FatJet_genJetAK8Idx", owners(jet_offsets), gen_offsets, "GenJetAK8")
    flavour = np.zeros(len(match), dtype=np.int64)
    flavour[match >= 0] = generated[match[match >= 0]]
    return flavour
