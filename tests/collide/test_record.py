from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import pythia8mc

from collidium.collide import EventRecord, event_record


@pytest.fixture(scope="module")
def batch() -> ak.Array:
    pythia = pythia8mc.Pythia("", False)
    for setting in ("Print:quiet=on", "HardQCD:all=on", "PhaseSpace:pTHatMin=100"):
        pythia.readString(setting)
    pythia.init()
    return pythia.nextBatch(8)


@pytest.fixture(scope="module")
def record(batch: ak.Array) -> EventRecord:
    return event_record(batch)


def test_columns_are_those_of_the_batch(batch: ak.Array, record: EventRecord) -> None:
    assert len(record) == 8
    assert np.array_equal(record.pid, ak.to_numpy(ak.flatten(batch.prt.id)))
    assert np.array_equal(record.pz, ak.to_numpy(ak.flatten(batch.prt.p.pz)))
    assert np.array_equal(np.diff(record.offsets), ak.to_numpy(ak.num(batch.prt.id)))


def test_stable_particles_and_vertices(batch: ak.Array, record: EventRecord) -> None:
    stable = record.stable_particles(max_abs_eta=3.0)
    final = batch.prt[batch.prt.status > 0]
    eta = np.arcsinh(final.p.pz / np.hypot(final.p.px, final.p.py))
    size = abs(final.id)
    chosen = final[(abs(eta) < 3.0) & (size != 12) & (size != 14) & (size != 16)]
    assert np.array_equal(stable.pid, ak.to_numpy(ak.flatten(chosen.id)))
    assert np.array_equal(stable.event, np.repeat(np.arange(8), ak.to_numpy(ak.num(chosen.id))))
    for name in ("x", "y", "z"):
        vertex = ak.fill_none(getattr(chosen.vProd, f"p{name}"), 0.0)
        assert np.array_equal(getattr(stable, name), ak.to_numpy(ak.flatten(vertex)))
    assert (np.hypot(stable.x, stable.y) > 1.0).any()


def test_momentum_is_conserved(record: EventRecord) -> None:
    final = record.status > 0
    event = record.event_of(np.arange(len(record.pid)))
    for column in (record.px, record.py, record.pz):
        np.testing.assert_allclose(np.bincount(event[final], weights=column[final]), 0.0, atol=0.05)


def test_mothers_come_before_their_daughters(record: EventRecord) -> None:
    rows = np.flatnonzero(np.abs(record.status) == 23)
    mothers = record.mother_row(rows)
    assert (mothers < rows).all()
    assert np.array_equal(record.event_of(mothers), record.event_of(rows))
