from __future__ import annotations

import numpy as np
import pytest

from collidium.collide import PROCESSES, EventRecord, Targets, Truth, is_matched, targets

# One event per class: rows of (pid, status, mother, eta, phi), the decay chains as Pythia writes them.
SYSTEM = (90, -11, 0, 0.0, 0.0)
TOP_CHAIN = [
    SYSTEM,
    (6, -62, 0, 0.0, 3.1),
    (24, -22, 1, 0.1, 3.1),
    (5, 23, 1, -0.3, -3.1),
    (24, -52, 2, 0.1, 3.1),
]
HADRONIC_TOP = [*TOP_CHAIN, (2, 23, 4, 0.4, 2.9), (-1, -23, 4, 0.0, 3.0)]
LEPTONIC_TOP = [*TOP_CHAIN, (-11, 23, 4, 0.4, 2.9), (12, 23, 4, 2.0, 0.0)]
HIGGS_TO_QQLV = [
    SYSTEM,
    (25, -62, 0, 0.0, 0.0),
    (24, -22, 1, 0.0, 0.0),
    (-24, -22, 1, 0.0, 0.0),
    (2, -23, 2, 0.1, 0.1),
    (-1, -23, 2, -0.1, 0.2),
    (13, 23, 3, 0.0, -0.4),
    (-14, 23, 3, 0.0, -2.0),
]
DIJET = [SYSTEM, (21, -23, 0, 0.2, 1.0), (3, -23, 0, -0.2, -2.1)]


def record_of(*events: list[tuple[int, int, int, float, float]]) -> EventRecord:
    rows = [row for event in events for row in event]
    pid, status, mother, eta, phi = (np.array(column) for column in zip(*rows, strict=True))
    none = np.zeros(0)
    return EventRecord(
        np.cumsum([0, *(len(event) for event in events)]),
        pid,
        status,
        mother,
        np.cos(phi),
        np.sin(phi),
        np.sinh(eta),
        np.cosh(eta),
        np.full(len(rows), -1),
        none,
        none,
        none,
    )


@pytest.mark.parametrize(
    ("name", "events", "groups", "directions"),
    [
        ("Tbqq", [HADRONIC_TOP, LEPTONIC_TOP, HADRONIC_TOP], [0, 2], 8),
        ("Tbl", [HADRONIC_TOP, LEPTONIC_TOP, HADRONIC_TOP], [1], 3),
        ("Wqq", [HADRONIC_TOP, LEPTONIC_TOP], [0], 3),
        ("Hqql", [HADRONIC_TOP, HIGGS_TO_QQLV], [1], 4),
        ("H4q", [HIGGS_TO_QQLV], [], 0),
        ("light", [DIJET, HADRONIC_TOP], [0, 1, 1], 3),
        ("gluon", [DIJET], [0], 1),
    ],
)
def test_decays_are_told_apart(name: str, events: list, groups: list[int], directions: int) -> None:
    found = targets(record_of(*events), PROCESSES[name].truth)
    assert found.event.tolist() == groups
    assert len(found.eta) == directions


def test_neutrinos_need_not_be_inside() -> None:
    found = targets(record_of(LEPTONIC_TOP), PROCESSES["Tbl"].truth)
    assert found.eta.max() < 1.0


def test_matching_across_the_seam_of_the_azimuth() -> None:
    found = targets(record_of(HADRONIC_TOP), PROCESSES["Tbqq"].truth)
    axis = np.array([0.0]), np.array([0]), np.array([-3.13])
    assert is_matched(found, axis[1], axis[0], axis[2], radius=0.8).tolist() == [True]
    assert is_matched(found, axis[1], axis[0], axis[2], radius=0.3).tolist() == [False]


def test_matching_against_loops() -> None:
    generator = np.random.default_rng(4)
    group_event = np.sort(generator.integers(0, 20, 30))
    group = np.repeat(np.arange(30), generator.integers(1, 4, 30))
    shuffled = generator.permutation(group)
    wanted = Targets(
        group_event, shuffled, generator.uniform(-1, 1, len(group)), generator.uniform(-np.pi, np.pi, len(group))
    )
    event = np.sort(generator.integers(0, 20, 40))
    eta, phi = generator.uniform(-1, 1, 40), generator.uniform(-np.pi, np.pi, 40)
    found = is_matched(wanted, event, eta, phi, radius=1.5)
    for jet in range(40):
        expected = False
        for candidate in np.flatnonzero(group_event == event[jet]):
            mine = shuffled == candidate
            angle = np.angle(np.exp(1j * (wanted.phi[mine] - phi[jet])))
            expected |= bool((np.hypot(wanted.eta[mine] - eta[jet], angle) < 1.5).all())
        assert found[jet] == expected
    assert 0 < found.sum() < 40


def test_no_targets_no_match() -> None:
    none = targets(record_of(DIJET), Truth(resonance=25, quarks=2))
    assert is_matched(none, np.array([0, 0]), np.zeros(2), np.zeros(2), radius=0.8).tolist() == [False, False]


def test_pythia_top_pairs_give_two_groups_of_four_directions(top_events: EventRecord) -> None:
    found = targets(top_events, PROCESSES["Tbqq"].truth)
    assert found.event.tolist() == np.repeat(np.arange(len(top_events)), 2).tolist()
    assert np.bincount(found.group).tolist() == [4] * len(found.event)


def test_decay_products_add_up_to_their_mothers(top_events: EventRecord) -> None:
    record = top_events
    hard = np.flatnonzero((np.abs(record.status) == 23) & (np.abs(record.pid) <= 5))
    mothers = record.mother_row(hard)
    hard, mothers = hard[np.abs(record.pid[mothers]) == 24], mothers[np.abs(record.pid[mothers]) == 24]
    bosons, owner = np.unique(mothers, return_inverse=True)
    assert len(bosons) == 2 * len(record)
    for column in (record.px, record.pz, record.energy):
        np.testing.assert_allclose(np.bincount(owner, weights=column[hard]), column[bosons], rtol=1e-6, atol=1e-6)
