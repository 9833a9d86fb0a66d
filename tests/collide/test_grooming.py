from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from collidium.cloud import MOMENTUM_COLUMNS, Jets
from collidium.collide import groom

Vector = np.ndarray  # px, py, pz, E


def _pt(p: Vector) -> float:
    return math.hypot(p[0], p[1])


def _rapidity(p: Vector) -> float:
    return 0.5 * math.log((p[3] + p[2]) / (p[3] - p[2]))


def _distance(a: Vector, b: Vector) -> float:
    dphi = math.remainder(math.atan2(a[1], a[0]) - math.atan2(b[1], b[0]), 2 * math.pi)
    return math.hypot(_rapidity(a) - _rapidity(b), dphi)


def _soft_drop(particles: list[Vector], zcut: float, beta: float, radius: float) -> set[int]:
    """Cambridge/Aachen by trying all pairs, then the declustering; rows that are left."""
    branches: list[tuple[Vector, set[int], tuple[int, int] | None]] = [(p, {i}, None) for i, p in enumerate(particles)]
    alive = list(range(len(branches)))
    while len(alive) > 1:
        a, b = min(
            ((i, j) for n, i in enumerate(alive) for j in alive[n + 1 :]),
            key=lambda pair: _distance(branches[pair[0]][0], branches[pair[1]][0]),
        )
        branches.append((branches[a][0] + branches[b][0], branches[a][1] | branches[b][1], (a, b)))
        alive = [i for i in alive if i not in (a, b)] + [len(branches) - 1]
    _, members, parents = branches[alive[0]]
    while parents is not None:
        first, second = (branches[i] for i in parents)
        softer = min(_pt(first[0]), _pt(second[0])) / (_pt(first[0]) + _pt(second[0]))
        if softer > zcut * (_distance(first[0], second[0]) / radius) ** beta:
            break
        _, members, parents = first if _pt(first[0]) > _pt(second[0]) else second
    return members


@pytest.mark.parametrize(("zcut", "beta"), [(0.1, 0.0), (0.2, 1.0)])
def test_it_is_soft_drop_of_an_independent_implementation(
    make_jets: Callable[..., Jets], zcut: float, beta: float
) -> None:
    jets = make_jets(40, longest=14)
    groomed = groom(jets, zcut=zcut, beta=beta)
    p4 = np.stack([jets.particles[name] for name in MOMENTUM_COLUMNS], 1).astype(float)
    order = [MOMENTUM_COLUMNS.index(name) for name in ("part_px", "part_py", "part_pz", "part_energy")]
    for jet in range(len(jets)):
        particles = list(p4[jets.offsets[jet] : jets.offsets[jet + 1]][:, order])
        left = _soft_drop(particles, zcut, beta, 0.8)
        rows = slice(groomed.offsets[jet], groomed.offsets[jet + 1])
        expected = sorted(particles[i][0] for i in left)
        np.testing.assert_allclose(np.sort(groomed.particles["part_px"][rows]), expected, rtol=1e-6)


def test_jets_keep_their_place_and_columns(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(100)
    groomed = groom(jets)
    assert len(groomed) == len(jets)
    assert (groomed.lengths <= jets.lengths).all()
    assert (groomed.lengths > 0).all()
    assert (groomed.lengths < jets.lengths).any()
    assert groomed.scalars is jets.scalars
    pt = np.hypot(groomed.particles["part_px"], groomed.particles["part_py"])
    inside = np.ones(len(pt), dtype=bool)
    inside[groomed.offsets[:-1]] = False
    assert (np.diff(pt)[inside[1:]] <= 0).all()


def test_without_a_cut_nothing_is_lost(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(30)
    assert (groom(jets, zcut=0.0).lengths == jets.lengths).all()
