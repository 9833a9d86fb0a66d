"""An event of plain NanoAOD as the cloud of its reconstructed objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Jets
from collidium.io._kinematics import momenta, offsets_of
from collidium.io._nanoaod import MM_PER_CM, linked, owners
from collidium.io._root import Block
from collidium.io._species import FLAGS

EVENT_CLASSES = ("top", "higgs", "Z", "W", "other")
_RESONANCES = (6, 25, 23, 24)
_FROM_HARD_PROCESS = 1 << 8
_TRACKED = {"Electron": "part_isElectron", "Muon": "part_isMuon"}
_OBJECTS = {**_TRACKED, "Photon": "part_isPhoton"}
_AXES = ("pt", "eta", "phi", "mass")
_TRACK = {"part_d0val": "dxy", "part_d0err": "dxyErr", "part_dzval": "dz", "part_dzerr": "dzErr"}
# An object that carries more than this share of the jet it is linked to is the jet; else it is a part of it.
_OWN_SHARE = 0.5

EVENT_BRANCHES = (
    *(f"{name}_{part}" for name in ("Jet", *_OBJECTS) for part in _AXES),
    *(f"{name}_jetIdx" for name in _OBJECTS),
    *(f"{name}_{part}" for name in _TRACKED for part in ("charge", *_TRACK.values())),
    "Photon_electronIdx",
)
EVENT_OPTIONAL = ("genWeight", "GenPart_pdgId", "GenPart_statusFlags")


def event_clouds(block: Block) -> tuple[Jets, NDArray[np.int64]]:
    """Build a cloud of each event.

    Parameters
    ----------
    block : Block
        Events with ``EVENT_BRANCHES``.

    Returns
    -------
    jets : Jets
        N events, with ``label`` but without ``weight`` and ``event_id``. The particles are AK4 jets (corrected
        momentum, no species flag set), electrons, muons and photons, each deposit once: an electron, muon or photon
        with more than half the pT of the jet it is linked to stands for that jet; with less it is part of the jet and
        left out. A photon that shares its cluster with an electron is left out. ``jet_pt`` is the scalar sum of pT,
        ``jet_energy`` the sum of energies, and ``jet_eta`` and ``jet_phi`` are 0, so that relative angles are the
        detector's.
    event : ndarray of int64, (N,)
        0, 1, ..., N - 1.
    """
    jet_offsets = block.offsets("Jet_pt")
    parts, is_replaced = [], np.zeros(int(jet_offsets[-1]), dtype=bool)
    for name in _OBJECTS:
        part, jets = _objects(block, name, jet_offsets)
        parts.append(part)
        is_replaced[jets] = True
    parts.append(_untracked(block, "Jet", owners(jet_offsets), ~is_replaced))
    event = np.concatenate([part["event"] for part in parts])
    order = np.argsort(event, kind="stable")
    columns = {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0] if name != "event"}
    axes = [columns.pop(name) for name in _AXES]
    particles: dict[str, NDArray[Any]] = {**momenta(*axes), **columns}
    offsets = offsets_of(np.bincount(event, minlength=len(block)))
    classes, label = _labels(block)
    scalars = {
        "jet_pt": np.bincount(event[order], axes[0], len(block)),
        "jet_eta": np.zeros(len(block)),
        "jet_phi": np.zeros(len(block)),
        "jet_energy": np.bincount(event[order], particles["part_energy"], len(block)),
        "label": label,
    }
    return Jets(offsets, particles, scalars, classes), np.arange(len(block))


def _objects(
    block: Block, name: str, jet_offsets: NDArray[np.int64]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """The objects of a kind that stand for themselves, and the rows of the jets that they replace."""
    event = owners(block.offsets(f"{name}_pt"))
    jet = linked(block, f"{name}_jetIdx", event, jet_offsets, "Jet")
    jet_pt = np.append(block.flat("Jet_pt"), 0.0)[jet]
    keep = block.flat(f"{name}_pt") > _OWN_SHARE * jet_pt
    if name == "Photon":
        keep &= block.flat("Photon_electronIdx") < 0
    part = _untracked(block, name, event, keep)
    if name in _TRACKED:
        part["part_charge"] = block.flat(f"{name}_charge")[keep]
        part |= {column: block.flat(f"{name}_{branch}")[keep] * MM_PER_CM for column, branch in _TRACK.items()}
    return part, jet[keep & (jet >= 0)]


def _untracked(block: Block, name: str, event: NDArray[np.int64], keep: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Columns of objects, without a track."""
    count = int(keep.sum())
    return {
        "event": event[keep],
        **{axis: block.flat(f"{name}_{axis}")[keep].astype(np.float64) for axis in _AXES},
        "part_charge": np.zeros(count),
        **{flag: np.full(count, _OBJECTS.get(name) == flag, dtype=np.int8) for flag in FLAGS},
        **{column: np.zeros(count) for column in _TRACK},
    }


def _labels(block: Block) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class of each event: the first of top, higgs, Z, W in its hard process; unlabelled in data."""
    if not {"GenPart_pdgId", "GenPart_statusFlags"} <= set(block.arrays):
        return (), np.full(len(block), -1, dtype=np.int64)
    event = owners(block.shared_offsets(("GenPart_pdgId", "GenPart_statusFlags")))
    code = np.abs(block.flat("GenPart_pdgId"))
    is_hard = (block.flat("GenPart_statusFlags") & _FROM_HARD_PROCESS) != 0
    has = [np.bincount(event[is_hard & (code == pdg)], minlength=len(block)) > 0 for pdg in _RESONANCES]
    return EVENT_CLASSES, np.select(has, range(len(has)), default=len(has))
