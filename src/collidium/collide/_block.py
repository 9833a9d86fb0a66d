"""One block: from a seed to accepted, labelled jets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import COLUMNS, Column, Jets, jet_ids
from collidium.collide._catalogue import PROCESSES
from collidium.collide._config import MAX_ABS_ETA_JET, GenerateConfig
from collidium.collide._flattening import PtQuotas
from collidium.collide._jets import ClusteredJets, cluster
from collidium.collide._plan import Block, detector_generator, pythia_seed, stream_number
from collidium.collide._record import EventRecord
from collidium.collide._selection import HOPELESS_VETOES
from collidium.collide._session import session
from collidium.collide._truth import is_matched, targets
from collidium.detect import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON, Candidates, respond

MAX_ABS_ETA_PARTICLE = 3.5
MAX_ABS_ETA_CANDIDATE = 3.0
JETS_PER_EVENT = 2
_BARREN_EVENTS = 20_000

_KIND_COLUMNS = {
    "part_isChargedHadron": CHARGED_HADRON,
    "part_isNeutralHadron": NEUTRAL_HADRON,
    "part_isPhoton": PHOTON,
    "part_isElectron": ELECTRON,
    "part_isMuon": MUON,
}
_PARTICLE_COLUMNS = {
    "part_px": "px",
    "part_py": "py",
    "part_pz": "pz",
    "part_energy": "energy",
    "part_charge": "charge",
    "part_d0val": "d0",
    "part_d0err": "d0_error",
    "part_dzval": "dz",
    "part_dzerr": "dz_error",
}
GENERATED_COLUMNS: tuple[Column, ...] = tuple(
    column
    for column in COLUMNS.values()
    if column.scope == "particle"
    or column.name in ("jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_nparticles", "label", "weight", "event_id")
)


def generate_block(config: GenerateConfig, block: Block, *, advance: Callable[[int], None]) -> Jets:
    """Make the jets of a block.

    Parameters
    ----------
    config : GenerateConfig
        What to generate.
    block : Block
        Which part of it.
    advance : callable
        Called after each batch of events with the number of jets accepted in it; what it raises ends the block.

    Returns
    -------
    Jets
        ``block.num_jets`` jets in the order of generation; a function of the arguments alone. The jets of one collision
        share all but the last bits of ``event_id``, and so a split.

    Raises
    ------
    InputError
        If no jet falls into some part of the window, or no collision has what the class must have.
    """
    events = session(block.process, config)
    events.seed(pythia_seed(config.seed, block))
    generator = detector_generator(config.seed, block)
    quotas = PtQuotas(config.pt_min, config.pt_max, block.num_jets, generator=generator)
    parts: list[Jets] = []
    stream = stream_number(config.seed, block.name, "event_id")
    num_events, seen, num_barren = 0, 0, 0
    while not quotas.is_full:
        wanted = quotas.next_batch(seen)
        record = events.events(wanted)
        if events.is_hopeless:
            raise InputError(
                f"{block.process}: no collision in {HOPELESS_VETOES} has its decays within radius {config.radius:g} "
                f"and the window {config.pt_min:g}-{config.pt_max:g} GeV; raise one of them"
            )
        seen = len(record)
        part, event, member = _accepted_jets(config, block, record, quotas, generator)
        part.scalars["event_id"] = jet_ids(stream, num_events + event, member)
        num_events += seen
        num_barren = 0 if len(part) else num_barren + wanted
        if len(part):
            parts.append(part)
        elif num_barren > _BARREN_EVENTS:
            raise InputError(
                f"{block.process}: no jet for the last free part of the window {config.pt_min:g}-{config.pt_max:g} GeV "
                f"in {_BARREN_EVENTS} events; raise margin ({config.margin:g}) or move the window"
            )
        advance(len(part))
    return Jets.concat(parts)


def _accepted_jets(
    config: GenerateConfig, block: Block, record: EventRecord, quotas: PtQuotas, generator: np.random.Generator
) -> tuple[Jets, NDArray[np.int64], NDArray[np.int64]]:
    """Keep the reconstructed jets that are of the class, in the window and wanted; with event and rank of each."""
    particles = record.stable_particles(max_abs_eta=MAX_ABS_ETA_PARTICLE)
    candidates = respond(config.response, particles, generator=generator)
    reach = np.sinh(MAX_ABS_ETA_CANDIDATE)
    is_near = candidates.pz**2 < reach**2 * (candidates.px**2 + candidates.py**2)
    candidates = candidates.take(is_near)
    jets = cluster(candidates, len(record), radius=config.radius, min_pt=config.pt_min)
    is_central = (jets.rank < JETS_PER_EVENT) & (np.abs(jets.eta) < MAX_ABS_ETA_JET)
    useful = np.flatnonzero(is_central & _is_of_class(config, block, record, jets))
    chosen = useful[quotas.accept(jets.pt[useful])]
    return _to_jets(config, block, candidates, jets, chosen), jets.event[chosen], jets.rank[chosen]


def _is_of_class(config: GenerateConfig, block: Block, record: EventRecord, jets: ClusteredJets) -> NDArray[np.bool_]:
    """Truth match of each jet."""
    truth = PROCESSES[block.process].truth
    if truth.resonance is None and not truth.partons:
        return np.ones(len(jets.event), dtype=np.bool_)
    return is_matched(targets(record, truth), jets.event, jets.eta, jets.phi, radius=config.radius)


def _to_jets(
    config: GenerateConfig, block: Block, candidates: Candidates, jets: ClusteredJets, chosen: NDArray[np.int64]
) -> Jets:
    """Dataset columns of the chosen jets."""
    lengths = np.diff(jets.offsets)[chosen]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.arange(offsets[-1]) + np.repeat(jets.offsets[chosen] - offsets[:-1], lengths)
    inside = candidates.take(jets.constituents[rows])
    particles: dict[str, NDArray[Any]] = {name: getattr(inside, field) for name, field in _PARTICLE_COLUMNS.items()}
    particles |= {name: inside.kind == kind for name, kind in _KIND_COLUMNS.items()}
    count = len(chosen)
    scalars: dict[str, NDArray[Any]] = {
        "jet_pt": jets.pt[chosen],
        "jet_eta": jets.eta[chosen],
        "jet_phi": jets.phi[chosen],
        "jet_energy": jets.energy[chosen],
        "jet_nparticles": lengths,
        "label": np.full(count, config.classes.index(block.process)),
        "weight": np.ones(count),
        "event_id": np.zeros(count),
    }
    return Jets(offsets, _typed(particles), _typed(scalars), config.classes)


def _typed(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns in the types they are stored in."""
    return {name: column.astype(COLUMNS[name].numpy_dtype) for name, column in columns.items()}
