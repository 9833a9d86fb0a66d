from __future__ import annotations

import numpy as np
import pytest

from collidium.collide import cluster
from collidium.detect import Candidates


def random_candidates(num_events: int, *, seed: int) -> Candidates:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, 14, num_events)
    event = np.repeat(np.arange(num_events), lengths)
    size = len(event)
    pt, eta, phi = (
        generator.exponential(40, size) + 1,
        generator.uniform(-2, 2, size),
        generator.uniform(-3.1, 3.1, size),
    )
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    zero, none = np.zeros(size), np.zeros(size, dtype=np.int64)
    return Candidates(event, px, py, pz, pt * np.cosh(eta), none, none, zero, zero, zero, zero)


def anti_kt(momenta: np.ndarray, radius: float) -> list[tuple[np.ndarray, frozenset[int]]]:
    """Anti-kT by its definition: the smallest distance of all pairs and beams, again and again; (E, px, py, pz)."""
    left = [(p, frozenset([i])) for i, p in enumerate(momenta)]
    jets = []
    while left:
        pt = [np.hypot(p[1], p[2]) for p, _ in left]
        rapidity = [0.5 * np.log((p[0] + p[3]) / (p[0] - p[3])) for p, _ in left]
        phi = [np.arctan2(p[2], p[1]) for p, _ in left]
        best, pair = min((pt[i] ** -2, (i, i)) for i in range(len(left)))
        for i in range(len(left)):
            for j in range(i):
                dphi = np.mod(phi[i] - phi[j] + np.pi, 2 * np.pi) - np.pi
                distance = ((rapidity[i] - rapidity[j]) ** 2 + dphi**2) / radius**2 / max(pt[i], pt[j]) ** 2
                if distance < best:
                    best, pair = distance, (i, j)
        i, j = pair
        if i == j:
            jets.append(left.pop(i))
        else:
            a, b = left.pop(i), left.pop(j)
            left.append((a[0] + b[0], a[1] | b[1]))
    return jets


def test_jets_against_the_definition() -> None:
    candidates = random_candidates(40, seed=1)
    jets = cluster(candidates, 40, radius=0.8, min_pt=30.0)
    momenta = np.stack([candidates.energy, candidates.px, candidates.py, candidates.pz], axis=1)
    for event in range(40):
        rows = np.flatnonzero(candidates.event == event)
        expected = {
            frozenset(rows[i] for i in members): p
            for p, members in anti_kt(momenta[rows], 0.8)
            if np.hypot(p[1], p[2]) >= 30.0
        }
        found = np.flatnonzero(jets.event == event)
        members = [frozenset(jets.constituents[jets.offsets[j] : jets.offsets[j + 1]]) for j in found]
        assert set(members) == set(expected)
        for j, inside in zip(found, members, strict=True):
            np.testing.assert_allclose([jets.energy[j], jets.px[j], jets.py[j], jets.pz[j]], expected[inside])


def test_constituents_fall_in_pt_and_ranks_count_from_the_hardest() -> None:
    candidates = random_candidates(60, seed=2)
    jets = cluster(candidates, 60, radius=0.4, min_pt=10.0)
    pt = np.hypot(candidates.px, candidates.py)
    for j in range(len(jets.event)):
        assert (np.diff(pt[jets.constituents[jets.offsets[j] : jets.offsets[j + 1]]]) <= 0).all()
    for event in range(60):
        mine = jets.event == event
        order = np.argsort(-jets.pt[mine])
        assert jets.rank[mine][order].tolist() == list(range(mine.sum()))


@pytest.mark.parametrize("num_events", [0, 3])
def test_events_without_jets(num_events: int) -> None:
    jets = cluster(random_candidates(0, seed=1), num_events, radius=0.8, min_pt=10.0)
    assert len(jets.event) == 0
    assert jets.offsets.tolist() == [0]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    cluster(random_candidates(5, seed=3), 5, radius=0.8, min_pt=10.0)
    assert capfd.readouterr().out == ""
