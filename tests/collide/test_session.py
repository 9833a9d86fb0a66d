from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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


def test_threads_do_not_share_a_stream() -> None:
    def draw(seed: int, between: Callable[[], object] = lambda: None) -> EventRecord:
        events = session("QCD", CONFIG)
        events.seed(seed)
        between()
        return events.events(4)

    expected = draw(5), draw(6)
    with ThreadPoolExecutor(1) as other:
        found: list[EventRecord] = []
        # another thread seeds and draws after this one has seeded, and before it draws
        mine = draw(5, lambda: found.append(other.submit(draw, 6).result()))
    assert same(mine, expected[0])
    assert same(found[0], expected[1])


def test_sessions_are_kept() -> None:
    assert session("QCD", CONFIG) is session("QCD", GenerateConfig(classes=("QCD",), num_jets=1, pt_max=650.0))
