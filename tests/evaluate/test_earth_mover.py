from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from collidium.artifact import InputError
from collidium.evaluate import earth_mover_distance


def _plane(num_cells: int, seed: int = 1) -> np.ndarray:
    points = np.random.default_rng(seed).normal(0, 30, (num_cells, 2))
    return np.hypot(*np.moveaxis(points[:, None] - points, -1, 0))


def test_point_charges_are_as_far_as_their_cells() -> None:
    distance = _plane(10)
    a = np.eye(10)
    b = np.roll(a, 3, axis=0)
    expected = distance[np.arange(10), b.argmax(1)]
    np.testing.assert_allclose(earth_mover_distance(a, b, distance), expected, atol=1e-6)


def test_from_one_cell_the_distance_is_the_mean() -> None:
    distance = _plane(12)
    b = np.random.default_rng(2).random((5, 12))
    a = np.zeros((5, 12))
    a[:, 4] = 3.0
    expected = (b / b.sum(1, keepdims=True)) @ distance[4]
    np.testing.assert_allclose(earth_mover_distance(a, b, distance), expected, atol=1e-6)


def test_on_a_line_it_is_the_area_between_the_cumulative_distributions() -> None:
    generator = np.random.default_rng(3)
    x = np.sort(generator.normal(0, 10, 20))
    a, b = generator.exponential(1, (2, 70, 20)) * (generator.random((2, 70, 20)) < 0.6)
    a[:, 0] += 0.1
    b[:, 0] += 0.1
    found = earth_mover_distance(a, b, np.abs(np.subtract.outer(x, x)))
    expected = [wasserstein_distance(x, x, p, q) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_reduced_program_has_the_value_of_the_full_one() -> None:
    distance = _plane(9)
    generator = np.random.default_rng(4)
    a, b = generator.random((2, 6, 9))
    flows = np.concatenate([np.kron(np.eye(9), np.ones(9)), np.kron(np.ones(9), np.eye(9))])
    expected = []
    for p, q in zip(a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True), strict=True):
        full = linprog(distance.ravel(), A_eq=flows[:-1], b_eq=np.concatenate([p, q])[:-1])
        expected.append(full.fun)
    np.testing.assert_allclose(earth_mover_distance(a, b, distance), expected, atol=1e-6)


def test_charges_below_the_solvers_tolerance_do_no_harm() -> None:
    distance = _plane(48)
    generator = np.random.default_rng(6)
    a, b = np.exp(generator.normal(0, 8, (2, 20, 48)))
    b[:3] = a[:3] * (1 + 1e-13)
    found = earth_mover_distance(a, b, distance)
    assert found[:3].tolist() == [0.0] * 3
    independent = np.einsum("nc,cd,nd->n", a / a.sum(1, keepdims=True), distance, b / b.sum(1, keepdims=True))
    assert (found <= independent + 1e-6).all()
    assert (found[3:] > 0).all()


def test_it_is_a_metric_of_shapes() -> None:
    distance = _plane(15)
    a, b, c = np.random.default_rng(5).random((3, 40, 15))
    ab, bc, ac = (earth_mover_distance(*pair, distance) for pair in ((a, b), (b, c), (a, c)))
    assert (ab + bc >= ac - 1e-6).all()
    np.testing.assert_allclose(ab, earth_mover_distance(b, 7 * a, distance), atol=1e-6)
    assert (earth_mover_distance(a, 2 * a, distance) < 1e-12).all()


def test_a_shift_costs_its_length() -> None:
    """A rigid shift on a line of equal cells moves everything by as much."""
    line = np.abs(np.subtract.outer(np.arange(30.0), np.arange(30.0)))
    a = np.zeros((4, 30))
    a[:, :20] = np.random.default_rng(6).random((4, 20))
    np.testing.assert_allclose(earth_mover_distance(a, np.roll(a, 7, axis=1), line), 7, atol=1e-6)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [1.0, -0.5], [np.nan, 1.0], [np.inf, 1.0]])
def test_bad_rows_are_named(bad: list[float]) -> None:
    good = np.ones((3, 2))
    wrong = good.copy()
    wrong[1] = bad
    with pytest.raises(InputError, match="row 1 of b"):
        earth_mover_distance(good, wrong, np.zeros((2, 2)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(N, C\)"):
        earth_mover_distance(np.ones((3, 2)), np.ones((3, 2)), np.zeros((3, 3)))


def test_no_rows_give_no_distances() -> None:
    assert len(earth_mover_distance(np.ones((0, 2)), np.ones((0, 2)), np.zeros((2, 2)))) == 0


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(InputError, match="measure"):
        earth_mover_distance(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 1 - np.eye(2))
