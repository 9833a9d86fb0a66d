from __future__ import annotations

import numpy as np

from collidium.collide import EventRecord, GenerateConfig, Session, session

CONFIG = GenerateConfig(classes=("QCD",), num_jets=1, pt_min=500.0, pt_max=650.0)


def same(a: EventRecord, b: EventRecord) -> bool:
    names = ("offsets", "pid", "status", "mother", "px", "energy", "vertex_row", "x", "z")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_a_used_session_gives_the_events_of_a_fresh_one() -> None:
    fresh = Session("QCD", CONFIG)
    fresh.seed(77)
    expected = fresh.events(12)
    used = Session("QCD", CONFIG)
    for seed, count in ((3, 25), (900_000_000, 7)):
        used.seed(seed)
        used.events(count)
    used.seed(77)
    assert same(used.events(12), expected)
    assert not same(used.events(12), expected)


def test_batches_continue_one_stream() -> None:
    events = session("QCD", CONFIG)
    events.seed(5)
    whole = events.events(9)
    events.seed(5)
    parts = [events.events(4), events.events(5)]
    assert np.array_equal(np.concatenate([part.px for part in parts]), whole.px)


def test_sessions_are_kept() -> None:
    assert session("QCD", CONFIG) is session("QCD", GenerateConfig(classes=("QCD",), num_jets=1, pt_max=650.0))
