"""Packing: the values of an independent float64 computation, the same bits for every number of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from collidium.cloud import FeatureSchema, Jets, ParticleColumns, feature_set, make_cloud
from collidium.cloud import _packing as packing
from collidium.cloud._memory import RecycledMemory
from collidium.cloud._packing import pack


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _reference(jets: Jets) -> np.ndarray:
    """The seventeen features of JetClass in float64, written out from their published formulas."""
    c = {name: value.astype(np.float64) for name, value in jets.particles.items()}
    s = {name: np.repeat(jets.scalars[name].astype(np.float64), jets.lengths) for name in jets.scalars if "jet" in name}
    pt = np.hypot(c["part_px"], c["part_py"])
    deta = (np.arcsinh(c["part_pz"] / pt) - s["jet_eta"]) * np.where(s["jet_eta"] < 0, -1, 1)
    dphi = np.angle(np.exp(1j * (np.arctan2(c["part_py"], c["part_px"]) - s["jet_phi"])))
    columns = [
        np.clip((np.log(pt) - 1.7) * 0.7, -5, 5),
        np.clip((np.log(c["part_energy"]) - 2) * 0.7, -5, 5),
        np.clip((np.log(pt / s["jet_pt"]) + 4.7) * 0.7, -5, 5),
        np.clip((np.log(c["part_energy"] / s["jet_energy"]) + 4.7) * 0.7, -5, 5),
        np.clip((np.hypot(deta, dphi) - 0.2) * 4, -5, 5),
        *(c[name] for name in jets.particles if name == "part_charge" or name.startswith("part_is")),
        np.tanh(c["part_d0val"]),
        np.clip(c["part_d0err"], 0, 1),
        np.tanh(c["part_dzval"]),
        np.clip(c["part_dzerr"], 0, 1),
        deta,
        dphi,
    ]
    return np.stack(columns, 1)


def _packed(jets: Jets, rows: np.ndarray, *, max_particles: int) -> torch.Tensor:
    lengths = np.minimum(jets.lengths[rows], max_particles)
    places = np.arange(len(rows))
    memory = RecycledMemory()
    return pack([(jets, rows)], lengths, places, feature_set("full"), max_particles=max_particles, memory=memory).x


def test_features_are_those_of_float64(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(400)
    x = make_cloud(jets, feature_set("full")).x.double().numpy()
    # one rounding of a pseudorapidity below 8 is 5e-7, and the distance is scaled by 4
    tolerance = np.where(np.arange(17) == 4, 4e-6, 1e-6)
    assert (np.abs(x - _reference(jets)) <= tolerance + 1e-6 * np.abs(x)).all()


def test_pseudorapidity_is_accurate_at_every_slope() -> None:
    slope = np.concatenate([[0.0], np.geomspace(1e-12, 1e12, 2001)]).astype(np.float32)
    slope = np.concatenate([slope, -slope])
    columns = {name: torch.zeros(len(slope)) for name in ("part_py", "jet_eta")}
    columns.update(part_px=torch.full((len(slope),), 2.0), part_pz=torch.from_numpy(2 * slope))
    ours = ParticleColumns(columns).eta_relative.double().numpy()
    assert np.allclose(ours, np.arcsinh(slope.astype(np.float64)), rtol=4e-7, atol=0)


def test_a_particle_along_the_beam_stays_finite() -> None:
    columns = {name: torch.zeros(3) for name in ("part_px", "part_py", "jet_eta")}
    eta = ParticleColumns({**columns, "part_pz": torch.tensor([5.0, 0.0, -5.0])}).eta_relative
    assert eta.tolist() == pytest.approx([np.arcsinh(5e20), 0.0, -np.arcsinh(5e20)], rel=1e-6)


@pytest.mark.parametrize("max_particles", [7, 100])
@pytest.mark.parametrize("chunk", [1, 100, 10**9])
def test_chunks_change_nothing_and_threads_no_bit(
    make_jets: Callable[..., Jets], monkeypatch: pytest.MonkeyPatch, max_particles: int, chunk: int
) -> None:
    jets = make_jets(300)
    rows = np.flatnonzero(np.random.default_rng(0).random(300) < 0.7)
    whole = make_cloud(jets.take(rows, max_particles=max_particles), feature_set("full")).x
    monkeypatch.setattr(packing, "_CHUNK_PARTICLES", chunk)
    torch.set_num_threads(1)
    alone = _packed(jets, rows, max_particles=max_particles)
    torch.set_num_threads(3)
    assert torch.equal(_packed(jets, rows, max_particles=max_particles), alone)
    # the last particles of a chunk may be rounded otherwise
    assert torch.allclose(alone, whole, rtol=0, atol=2e-6)


def test_jets_of_all_parts_go_to_their_places(make_jets: Callable[..., Jets]) -> None:
    parts = [(make_jets(30, seed=i), np.arange(0, 30, step)) for i, step in enumerate((1, 2, 3))]
    nothing = (make_jets(3), np.zeros(0, dtype=np.int64))
    chosen = Jets.concat([jets.take(rows) for jets, rows in parts])
    places = np.random.default_rng(0).permutation(len(chosen))
    all_parts = [*parts[:2], nothing, parts[2]]
    schema, memory = feature_set("full"), RecycledMemory()
    ours = pack(all_parts, chosen.lengths, places, schema, max_particles=1000, memory=memory)
    theirs = make_cloud(chosen, schema).take(torch.from_numpy(np.argsort(places)))
    assert torch.allclose(ours.x, theirs.x, rtol=0, atol=2e-6)
    for name in ("p4", "offsets", "y", "w", "event_id"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name))


def test_an_exception_in_a_thread_is_raised_and_leaves_no_thread(
    make_jets: Callable[..., Jets], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_: object, **__: object) -> None:
        raise MemoryError("chunk")

    monkeypatch.setattr(FeatureSchema, "compute", compute)
    monkeypatch.setattr(packing, "_CHUNK_PARTICLES", 100)
    before = threading.active_count()
    with pytest.raises(MemoryError, match="chunk"):
        _packed(make_jets(300), np.arange(300), max_particles=100)
    assert threading.active_count() == before
