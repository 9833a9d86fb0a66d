"""The minimiser on functions whose minimum is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

from collidium.measure import Curvature, Expansion, FitError, Parameter, Parameters
from collidium.measure._minimise import minimise

Function = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


class Written:
    """A likelihood given as a function that returns value, gradient and Hessian; its Fisher matrix may be another."""

    def __init__(self, function: Function, parameters: Parameters, fisher: np.ndarray | None = None) -> None:
        self.function, self.parameters, self.given_fisher = function, parameters, fisher
        self.num_calls = 0

    def expand(self, theta: np.ndarray, curvature: Curvature) -> Expansion:
        self.num_calls += 1
        value, gradient, hessian = self.function(theta)
        use_given = curvature == "fisher" and self.given_fisher is not None
        return Expansion(value, gradient, self.given_fisher if use_given else hessian)

    def nll(self, theta: np.ndarray) -> float:
        return self.function(theta)[0]

    def grad(self, theta: np.ndarray) -> np.ndarray:
        return self.function(theta)[1]

    def fisher(self, theta: np.ndarray) -> np.ndarray:
        return self.expand(theta, "fisher").curvature

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        return self.function(theta)[2]


def quadratic(matrix: np.ndarray, minimum: np.ndarray) -> Function:
    return lambda x: (
        float(0.5 * (x - minimum) @ matrix @ (x - minimum)),
        matrix @ (x - minimum),
        matrix,
    )


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    a, b = x
    value = (1 - a) ** 2 + 100 * (b - a * a) ** 2
    gradient = np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
    return value, gradient, np.array([[2 - 400 * b + 1200 * a * a, -400 * a], [-400 * a, 200.0]])


def box(K: int, lower: float = -np.inf, upper: float = np.inf) -> Parameters:
    return Parameters([Parameter(name=f"x{i}", init=0.0, lower=lower, upper=upper) for i in range(K)])


@pytest.mark.parametrize("seed", range(20))
def test_quadratics_in_a_box_reach_the_minimum_of_an_independent_solver(seed: int) -> None:
    generator = np.random.default_rng(seed)
    K = int(generator.integers(1, 9))
    root = generator.normal(size=(K, K))
    matrix, minimum = root @ root.T + 0.1 * np.eye(K), generator.normal(0.0, 2.0, K)
    found = minimise(Written(quadratic(matrix, minimum), box(K, -1.0, 1.0)), np.zeros(K), np.ones(K, bool))
    other = minimize(
        lambda x: quadratic(matrix, minimum)(x)[0],
        np.zeros(K),
        jac=lambda x: quadratic(matrix, minimum)(x)[1],
        bounds=[(-1.0, 1.0)] * K,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    np.testing.assert_allclose(found.theta, other.x, atol=1e-5)
    assert found.expansion.value <= other.fun + 1e-9
    assert np.all(np.abs(found.theta) <= 1.0)


def test_a_parameter_that_leaves_its_bound_again_is_let_go() -> None:
    matrix, minimum = np.array([[1.0, 0.95], [0.95, 1.0]]), np.array([0.9, -0.5])
    likelihood = Written(quadratic(matrix, minimum), box(2, -1.0, 1.0))
    found = minimise(likelihood, np.array([-1.0, 1.0]), np.ones(2, bool))
    np.testing.assert_allclose(found.theta, minimum, atol=1e-9)


def test_rosenbrock_s_valley() -> None:
    found = minimise(Written(rosenbrock, box(2)), np.array([-1.2, 1.0]), np.ones(2, bool))
    np.testing.assert_allclose(found.theta, [1.0, 1.0], atol=1e-6)
    assert found.edm < 1e-6


def test_a_fisher_matrix_that_is_wrong_by_ten_costs_steps_only() -> None:
    likelihood = Written(rosenbrock, box(2), fisher=np.diag([8000.0, 2000.0]))
    found = minimise(likelihood, np.array([-1.2, 1.0]), np.ones(2, bool))
    np.testing.assert_allclose(found.theta, [1.0, 1.0], atol=1e-6)


def test_held_parameters_do_not_move() -> None:
    found = minimise(Written(rosenbrock, box(2)), np.array([0.5, 3.0]), np.array([False, True]))
    np.testing.assert_allclose(found.theta, [0.5, 0.25], atol=1e-9)


def test_a_parameter_without_effect_stays_where_it_starts() -> None:
    found = minimise(
        Written(quadratic(np.diag([2.0, 0.0]), np.array([0.3, 0.0])), box(2)), np.array([0.0, 0.7]), np.ones(2, bool)
    )
    np.testing.assert_allclose(found.theta, [0.3, 0.7], atol=1e-12)


def test_an_indefinite_hessian_on_the_way_is_stepped_over() -> None:
    def well(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float(x[0] ** 4 - 2 * x[0] ** 2), 4 * x**3 - 4 * x, np.array([[12 * x[0] ** 2 - 4]])

    found = minimise(Written(well, box(1), fisher=np.array([[4.0]])), np.array([0.01]), np.ones(1, bool))
    assert found.theta[0] == pytest.approx(1.0, abs=1e-6)


def test_a_likelihood_that_is_not_finite_at_the_start_fails_with_the_reason() -> None:
    def nowhere(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float("nan"), x, np.eye(1)

    with pytest.raises(FitError, match="not finite at the start"):
        minimise(Written(nowhere, box(1)), np.zeros(1), np.ones(1, bool))


def test_a_likelihood_without_minimum_fails_with_the_reason() -> None:
    def slope(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float(x[0]), np.ones(1), np.array([[1.0]])

    with pytest.raises(FitError, match="no convergence in 200 steps"):
        minimise(Written(slope, box(1)), np.zeros(1), np.ones(1, bool))


def test_degenerate_parameters_are_named() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(FitError, match=r"singular along x[01], x[01]"):
        minimise(Written(quadratic(matrix, np.array([1.0, 1.0])), box(2)), np.zeros(2), np.ones(2, bool))


def test_a_gradient_that_lies_fails_with_the_reason() -> None:
    def lie(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float(-x[0]), np.ones(1), np.array([[1.0]])

    with pytest.raises(FitError, match="no step lowers the likelihood"):
        minimise(Written(lie, box(1)), np.zeros(1), np.ones(1, bool))
