"""Collisions: named processes, anti-kT jets, truth labels and datasets of them."""

from collidium.collide._block import GENERATED_COLUMNS, generate_block
from collidium.collide._catalogue import PROCESSES, Process, Truth
from collidium.collide._config import GenerateConfig
from collidium.collide._flattening import PtQuotas
from collidium.collide._generate import generate
from collidium.collide._jets import ClusteredJets, cluster
from collidium.collide._plan import Block, plan_blocks
from collidium.collide._record import EventRecord, event_record
from collidium.collide._session import Session, pythia_settings, session
from collidium.collide._truth import Targets, is_matched, targets

__all__ = [
    "GENERATED_COLUMNS",
    "PROCESSES",
    "Block",
    "ClusteredJets",
    "EventRecord",
    "GenerateConfig",
    "Process",
    "PtQuotas",
    "Session",
    "Targets",
    "Truth",
    "cluster",
    "event_record",
    "generate",
    "generate_block",
    "is_matched",
    "plan_blocks",
    "pythia_settings",
    "session",
    "targets",
]
