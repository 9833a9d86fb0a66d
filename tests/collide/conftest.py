"""Events shared by the tests of generation; Pythia is started once for each process."""

from __future__ import annotations

import pytest

from collidium.collide import EventRecord, GenerateConfig, session

CONFIG = GenerateConfig(classes=("Tbqq", "QCD"), num_jets=20, pt_min=500.0, pt_max=650.0, seed=11)


@pytest.fixture(scope="session")
def top_events() -> EventRecord:
    """Thirty events with two hadronic top quarks."""
    events = session("Tbqq", CONFIG)
    events.seed(5)
    return events.events(30)
