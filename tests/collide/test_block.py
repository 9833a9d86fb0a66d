from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import COLUMNS, Jets, split_of
from collidium.collide import GENERATED_COLUMNS, Block, EventRecord, GenerateConfig, generate_block
from collidium.collide import _block as block_module
from collidium.collide import _selection as selection_module

CONFIG = GenerateConfig(classes=("Tbqq", "QCD"), num_jets=20, pt_min=500.0, pt_max=650.0, seed=11)


def make(process: str, num_jets: int, *, index: int = 0, config: GenerateConfig = CONFIG) -> Jets:
    block = Block(process=process, index=index, num_jets=num_jets, shard=0)
    return generate_block(config, block, advance=lambda _: None)


def masses(jets: Jets) -> np.ndarray:
    owner = np.repeat(np.arange(len(jets)), jets.lengths)
    energy, px, py, pz = (
        np.bincount(owner, weights=jets.particles[name].astype(np.float64))
        for name in ("part_energy", "part_px", "part_py", "part_pz")
    )
    return np.sqrt(energy**2 - px**2 - py**2 - pz**2)


def same(a: Jets, b: Jets) -> bool:
    columns = [(a.particles, b.particles), (a.scalars, b.scalars)]
    return all(np.array_equal(x[name], y[name]) for x, y in columns for name in x)


@pytest.fixture(scope="module")
def tops() -> Jets:
    return make("Tbqq", 120)


@pytest.fixture(scope="module")
def qcd() -> Jets:
    return make("QCD", 120)


@pytest.mark.parametrize("name", ["tops", "qcd"])
def test_jets_are_what_the_configuration_asks_for(name: str, request: pytest.FixtureRequest) -> None:
    jets: Jets = request.getfixturevalue(name)
    jets.validate(name)
    assert len(jets) == 120
    assert jets.classes == CONFIG.classes
    assert set(jets.scalars["label"]) == {0 if name == "tops" else 1}
    assert jets.scalars["jet_pt"].min() >= 500.0
    assert jets.scalars["jet_pt"].max() <= 650.0
    assert np.abs(jets.scalars["jet_eta"]).max() < 2.0
    assert (jets.scalars["weight"] == 1).all()
    assert len(set(jets.scalars["event_id"].tolist())) == 120
    for column in GENERATED_COLUMNS:
        values = (jets.particles if column.scope == "particle" else jets.scalars)[column.name]
        assert values.dtype == COLUMNS[column.name].numpy_dtype


def test_constituents_belong_to_the_jet_and_fall_in_pt(tops: Jets) -> None:
    owner = np.repeat(np.arange(len(tops)), tops.lengths)
    px, py = tops.particles["part_px"].astype(float), tops.particles["part_py"].astype(float)
    sums = np.hypot(np.bincount(owner, weights=px), np.bincount(owner, weights=py))
    np.testing.assert_allclose(sums, tops.scalars["jet_pt"], rtol=1e-5)
    pt = np.hypot(px, py)
    assert (np.diff(pt)[np.diff(owner) == 0] <= 1e-4).all()
    flags = sum(tops.particles[name] for name in tops.particles if name.startswith("part_is"))
    assert (flags == 1).all()
    is_track = tops.particles["part_charge"] != 0
    assert ((tops.particles["part_d0err"] > 0) == is_track).all()


def test_tops_weigh_as_tops_and_qcd_jets_less(tops: Jets, qcd: Jets) -> None:
    mass = masses(tops)
    assert 165 < np.median(mass) < 190
    assert ((mass > 140) & (mass < 220)).mean() > 0.85
    assert np.median(masses(qcd)) < 110
    assert tops.lengths.mean() > qcd.lengths.mean()


def test_bottom_quarks_make_displaced_tracks(tops: Jets, qcd: Jets) -> None:
    def fraction(jets: Jets) -> float:
        is_track = jets.particles["part_charge"] != 0
        pull = jets.particles["part_d0val"][is_track] / jets.particles["part_d0err"][is_track]
        return float(((np.abs(pull) > 5) & (np.abs(pull) < 50)).mean())

    assert fraction(tops) > 1.5 * fraction(qcd)


@pytest.mark.parametrize(
    ("process", "low", "high"),
    [("Wqq", 78, 95), ("Zqq", 88, 106), ("Hbb", 115, 135), ("Hgg", 118, 142), ("H4q", 115, 145), ("Hqql", 80, 112)],
)
@pytest.mark.slow
def test_resonances_peak_at_their_masses(process: str, low: float, high: float) -> None:
    config = dataclasses.replace(CONFIG, classes=(process,))
    assert low < np.median(masses(make(process, 60, config=config))) < high


@pytest.mark.slow
def test_gluon_jets_are_broader_than_quark_jets() -> None:
    config = dataclasses.replace(CONFIG, classes=("light", "gluon"))
    light, gluon = make("light", 120, config=config), make("gluon", 120, config=config)
    assert gluon.lengths.mean() > 1.15 * light.lengths.mean()
    assert np.median(masses(gluon)) > np.median(masses(light))


def test_a_block_depends_on_its_arguments_alone(qcd: Jets) -> None:
    first = make("QCD", 15)
    make("QCD", 5, index=1)
    assert same(make("QCD", 15), first)
    assert not np.array_equal(make("QCD", 15, index=1).scalars["jet_pt"], first.scalars["jet_pt"])


def test_progress_counts_every_jet() -> None:
    steps: list[int] = []
    generate_block(CONFIG, Block(process="QCD", index=3, num_jets=25, shard=0), advance=steps.append)
    assert sum(steps) == 25


def test_without_a_detector_jets_hold_generated_particles() -> None:
    jets = make("QCD", 10, config=dataclasses.replace(CONFIG, response="none"))
    assert not jets.particles["part_d0err"].any()
    assert jets.particles["part_isNeutralHadron"].any()
    mass_squared = jets.particles["part_energy"].astype(float) ** 2 - sum(
        jets.particles[name].astype(float) ** 2 for name in ("part_px", "part_py", "part_pz")
    )
    is_pion = np.abs(mass_squared - 0.13957**2) < 0.002
    assert (is_pion & (jets.particles["part_charge"] != 0)).sum() > 50


def test_blocks_of_two_threads_are_those_of_one() -> None:
    expected = [make("QCD", 8, index=index) for index in range(2)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda index: make("QCD", 8, index=index), range(2)))
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))


def test_jets_of_one_collision_share_a_split(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []  # stream, event and rank as they are numbered
    number = block_module.jet_ids

    def watch(stream: int, event: np.ndarray, member: np.ndarray) -> np.ndarray:
        seen.extend((stream, int(e), int(m)) for e, m in zip(event, member, strict=True))
        return number(stream, event, member)

    monkeypatch.setattr(block_module, "jet_ids", watch)
    ids = make("Tbqq", 60).scalars["event_id"]
    assert len(set(ids.tolist())) == len(set(seen)) == 60
    # tops come in pairs, so many jets have their partner in the sample
    events = [event for _, event, _ in seen]
    twice = [event for event in set(events) if events.count(event) == 2]
    assert len(twice) > 5
    parts = dict.fromkeys(events, frozenset[int]())
    for event, part in zip(events, split_of(ids).tolist(), strict=True):
        parts[event] |= {part}
    assert {len(found) for found in parts.values()} == {1}
    assert len(set().union(*parts.values())) == 3


def test_a_class_that_the_window_excludes_is_an_error_and_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "HOPELESS_VETOES", 500)
    monkeypatch.setattr(block_module, "HOPELESS_VETOES", 500)
    config = GenerateConfig(classes=("Tbqq",), num_jets=5, pt_min=30.0, pt_max=40.0, radius=0.4)
    for _ in range(2):  # the session that gave up is used again
        with pytest.raises(InputError, match=r"Tbqq: no collision in 500 .* radius 0\.4 and the window 30-40 GeV"):
            make("Tbqq", 5, config=config)


def test_events_that_pythia_gives_up_count_as_barren(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        is_hopeless = False

        def seed(self, seed: int) -> None:
            pass

        def events(self, count: int) -> EventRecord:
            none = np.zeros(0)
            return EventRecord(np.zeros(1, np.int64), *[none.astype(np.int32)] * 3, *[none] * 4,
                               none.astype(np.int32), *[none] * 3)  # fmt: skip

    monkeypatch.setattr(block_module, "session", lambda *_: Empty())
    monkeypatch.setattr(block_module, "_BARREN_EVENTS", 200)
    with pytest.raises(InputError, match="no jet for the last free part"):
        make("QCD", 5)


def test_a_window_that_stays_empty_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_module, "_BARREN_EVENTS", 20)
    monkeypatch.setattr(block_module, "MAX_ABS_ETA_JET", 0.0)
    with pytest.raises(InputError, match="QCD: no jet for the last free part of the window 500-650 GeV"):
        make("QCD", 5)
