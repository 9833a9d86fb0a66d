"""Collisions: named processes, anti-kT jets, truth labels, datasets of them and their jet-level observables.

Configurations need no library beyond the core; what runs Pythia or FastJet is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from collidium.collide._arrays import GROOMED, JetArrays, jet_arrays
from collidium.collide._catalogue import PROCESSES, Process, Truth
from collidium.collide._config import GenerateConfig
from collidium.collide._flattening import PtQuotas
from collidium.collide._plan import Block, plan_blocks
from collidium.collide._record import EventRecord, event_record
from collidium.collide._substructure import GROOMED_OBSERVABLES, groomed_observables
from collidium.collide._truth import Targets, is_matched, targets

if TYPE_CHECKING:
    from collidium.collide._block import GENERATED_COLUMNS, generate_block
    from collidium.collide._generate import generate
    from collidium.collide._grooming import groom
    from collidium.collide._jets import ClusteredJets, cluster
    from collidium.collide._session import Session, pythia_settings, session

_AT_FIRST_USE = {
    "GENERATED_COLUMNS": "_block",
    "generate_block": "_block",
    "generate": "_generate",
    "groom": "_grooming",
    "ClusteredJets": "_jets",
    "cluster": "_jets",
    "Session": "_session",
    "pythia_settings": "_session",
    "session": "_session",
}

__all__ = [
    "GENERATED_COLUMNS",
    "GROOMED",
    "GROOMED_OBSERVABLES",
    "PROCESSES",
    "Block",
    "ClusteredJets",
    "EventRecord",
    "GenerateConfig",
    "JetArrays",
    "Process",
    "PtQuotas",
    "Session",
    "Targets",
    "Truth",
    "cluster",
    "event_record",
    "generate",
    "generate_block",
    "groom",
    "groomed_observables",
    "is_matched",
    "jet_arrays",
    "plan_blocks",
    "pythia_settings",
    "session",
    "targets",
]


def __getattr__(name: str) -> object:
    """Import what needs Pythia or FastJet when it is asked for."""
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)
