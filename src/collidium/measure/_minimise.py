"""Damped Newton minimisation inside bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from collidium.measure._likelihood import Expansion, Likelihood
from collidium.measure._parameters import Matrix, Vector

EDM_TOLERANCE = 1e-6
VALUE_TOLERANCE = 1e-10
MAX_STEPS = 200
# below this predicted gain the exact Hessian replaces the Fisher matrix
_NEWTON_BELOW = 0.3
_ROUNDING = 1e-13
_MAX_NEWTON_DAMPING = 10.0
# the curvature of quasi-Newton steps is not exact, so a tighter distance is asked for
_QUASI_STEPS, _QUASI_TOLERANCE = 20, 1e-8
_ACCEPTED_FRACTION = 1e-4


class FitError(RuntimeError):
    """A fit that did not end in a minimum.

    Attributes
    ----------
    reason : str
        One line: what went wrong, with the figures.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Neighbour:
    """Curvature at a minimum nearby.

    Attributes
    ----------
    hessian : ndarray, (K, K)
        There.
    inverse : ndarray, (K, K)
        Of the rows and columns of ``is_free``; zero in others.
    is_free : ndarray of bool, (K,)
        Parameters that were free to move there: not held, not on a bound, and of some effect.
    """

    hessian: Matrix
    inverse: Matrix
    is_free: NDArray[np.bool_]

    @classmethod
    def of(cls, hessian: Matrix, is_free: NDArray[np.bool_]) -> Neighbour | None:
        """Take a Hessian and invert it; None where it is not positive definite."""
        index = np.flatnonzero(is_free & (hessian.diagonal() != 0.0))
        inverse = np.zeros_like(hessian)
        if len(index):
            rows = solve_positive(hessian[np.ix_(index, index)], np.eye(len(index)))
            if rows is None:
                return None
            inverse[np.ix_(index, index)] = rows
        is_used = np.zeros(len(hessian), dtype=bool)
        is_used[index] = True
        return cls(hessian, inverse, is_used)

    def held(self, is_held: NDArray[np.bool_]) -> Matrix:
        """The inverse where some of its parameters are held."""
        index = np.flatnonzero(self.is_free & is_held)
        if not len(index):
            return self.inverse
        rows = self.inverse[index]
        found = self.inverse - rows.T @ np.linalg.solve(rows[:, index], rows)
        found[index] = 0.0
        found[:, index] = 0.0
        return np.asarray(found)


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """Where the minimiser ended.

    Attributes
    ----------
    theta : ndarray, (K,)
        The parameters.
    expansion : Expansion
        Value, gradient and curvature there.
    edm : float
        Estimated distance to the minimum in units of ``nll``: g^T H^-1 g / 2 over parameters that are free to move.
    is_newton : bool
        Whether ``expansion`` holds the Hessian; else the Fisher matrix, because the Hessian is not positive.
    num_steps : int
        Steps tried.
    """

    theta: Vector
    expansion: Expansion
    edm: float
    is_newton: bool
    num_steps: int


def minimise(
    likelihood: Likelihood, start: Vector, is_free: NDArray[np.bool_], *, near: Neighbour | None = None
) -> Minimum:
    """Minimise a negative log likelihood inside its bounds.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    start : ndarray, (K,)
        Where to begin; free parameters are moved into their bounds.
    is_free : ndarray of bool, (K,)
        Which parameters may move.
    near : Neighbour, optional
        Curvature at a minimum nearby: quasi-Newton steps from it need gradients only, and are tried first.

    Returns
    -------
    Minimum
        With EDM < 1e-6 and a last relative change of the value below 1e-10.

    Raises
    ------
    FitError
        If the likelihood is not finite at the start, no step lowers it, or 200 steps do not converge.

    Notes
    -----
    Each step minimises the quadratic model g^T d + d^T (H + l D) d / 2 in the box of the bounds, by fixing parameters
    that reach a bound and solving again for the others. H is the Fisher matrix while the expected gain is large, where
    Fisher scoring is exact for a single bin of linear rate, and the Hessian near the minimum, where Newton's method
    doubles the digits with each step. D is the diagonal of H; the damping l rises when the model predicts badly, which
    is the trust region of Levenberg and Marquardt.

    References
    ----------
    J. Nocedal, S. Wright, Numerical Optimization (2006), chapters 4, 10.3 and 16.5.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=105)
    >>> minimum = minimise(likelihood, np.array([1.0]), np.array([True]))
    >>> minimum.theta.round(9)
    array([0.5])
    """
    parameters = likelihood.parameters
    lower, upper = np.where(is_free, parameters.lower, -np.inf), np.where(is_free, parameters.upper, np.inf)
    theta = np.clip(start, lower, upper)
    if near is not None:
        found = _quasi_newton(likelihood, theta, lower, upper, is_free, near)
        if found is not None:
            return found
    here = likelihood.expand(theta, "fisher")
    if not (np.isfinite(here.value) and np.all(np.isfinite(here.gradient))):
        raise FitError(f"the likelihood is not finite at the start ({here.value})")
    is_newton, damping, newton_below, change = False, 0.0, _NEWTON_BELOW, np.inf
    edm = np.inf
    for step in range(1, MAX_STEPS + 1):
        noise = _ROUNDING * (1.0 + abs(here.value)) * len(theta)
        target = _box_minimum(here, theta, lower, upper, is_free, damping)
        gain = -np.inf if target is None else _gain(here, target - theta)
        if target is None or gain < -noise:
            if is_newton and damping > _MAX_NEWTON_DAMPING:
                is_newton, newton_below, damping = False, newton_below * 1e-3, 0.0
                here = likelihood.expand(theta, "fisher")
            else:
                damping = _raised(damping)
            continue
        edm = gain if damping == 0.0 else _distance(here, theta, lower, upper, is_free)
        if edm < EDM_TOLERANCE and (change < VALUE_TOLERANCE or gain < noise) and _is_settled(is_newton, newton_below):
            return Minimum(theta=theta, expansion=here, edm=float(edm), is_newton=is_newton, num_steps=step)
        if gain < noise and EDM_TOLERANCE < edm < np.inf:
            raise FitError(f"no step lowers the likelihood after {step} steps (EDM {edm:.3g}, -ln L {here.value:.6g})")
        will_newton = gain < newton_below
        there = likelihood.expand(target, "hessian" if will_newton else "fisher")
        drop = here.value - there.value
        if np.isfinite(there.value) and drop >= _ACCEPTED_FRACTION * gain - noise:
            change = abs(drop) / max(1.0, abs(there.value))
            theta, here, is_newton = target, there, will_newton
            damping = 0.0 if damping < 1e-2 else damping * (0.2 if drop > 0.5 * gain else 0.5)
        elif not is_newton and newton_below == _NEWTON_BELOW:
            is_newton, newton_below = True, max(10.0 * gain, _NEWTON_BELOW)
            here = likelihood.expand(theta, "hessian")
        else:
            damping = _raised(damping)
    if not np.isfinite(edm):
        raise FitError(f"the curvature is singular along {_flat_direction(here, parameters.names, is_free)}")
    raise FitError(f"no convergence in {MAX_STEPS} steps (EDM {edm:.3g}, last relative change {change:.3g})")


def _quasi_newton(
    likelihood: Likelihood, theta: Vector, lower: Vector, upper: Vector, is_free: NDArray[np.bool_], near: Neighbour
) -> Minimum | None:
    """BFGS steps that begin with the curvature of a neighbour; None where they leave the bounds or are slow."""
    inverse, moves = near.held(~is_free), _Moves()
    is_left = is_free & ~near.is_free
    here, change = Expansion(likelihood.nll(theta), likelihood.grad(theta), near.hessian), np.inf
    for step in range(1, _QUASI_STEPS + 1):
        if not np.isfinite(here.value) or _would_move(here.gradient, theta, lower, upper, is_left):
            return None
        noise = _ROUNDING * (1.0 + abs(here.value)) * len(theta)
        move = -moves.times_inverse(here.gradient, inverse)
        gain = -0.5 * float(here.gradient @ move)
        target = theta + move
        if np.any(target < lower) or np.any(target > upper):
            return None
        if abs(gain) < _QUASI_TOLERANCE and (change < VALUE_TOLERANCE or abs(gain) < noise):
            return Minimum(theta=theta, expansion=here, edm=abs(gain), is_newton=False, num_steps=step)
        value, gradient = likelihood.nll(target), likelihood.grad(target)
        turn = np.where(is_left, 0.0, gradient - here.gradient)
        if not moves.learn(move, turn):
            return None
        drop = here.value - value
        # where a step was too far, what it taught shortens the next one from here
        if drop >= _ACCEPTED_FRACTION * gain - noise:
            change = abs(drop) / max(1.0, abs(value))
            theta, here = target, Expansion(value, gradient, near.hessian)
    return None


class _Moves:
    """Steps and the changes of the gradient along them: what BFGS adds to a known inverse."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Vector, Vector, float]] = []

    def learn(self, move: Vector, turn: Vector) -> bool:
        """Take a step; false where the curvature along it is not positive."""
        product = float(move @ turn)
        self._pairs.append((move, turn, 1.0 / product if product > 0.0 else np.inf))
        return product > 0.0

    def times_inverse(self, gradient: Vector, inverse: Matrix) -> Vector:
        """The inverse with all that was learned, times a gradient.

        References
        ----------
        J. Nocedal, S. Wright, Numerical Optimization (2006), algorithm 7.4.
        """
        rest, parts = gradient, []
        for move, turn, scale in reversed(self._pairs):
            part = scale * float(move @ rest)
            rest = rest - part * turn
            parts.append(part)
        found = inverse @ rest
        for (move, turn, scale), part in zip(self._pairs, reversed(parts), strict=True):
            found = found + (part - scale * float(turn @ found)) * move
        return np.asarray(found)


def _would_move(gradient: Vector, theta: Vector, lower: Vector, upper: Vector, which: NDArray[np.bool_]) -> bool:
    """Whether a parameter that was left out would lower the value inside of its bounds."""
    is_pressed = ((theta <= lower) & (gradient >= 0.0)) | ((theta >= upper) & (gradient <= 0.0))
    return bool(np.any(which & ~is_pressed & (gradient != 0.0)))


def _is_settled(is_newton: bool, newton_below: float) -> bool:
    """Whether the curvature at hand is as good as it gets: the Hessian, or the Fisher matrix where that is no use."""
    return is_newton or newton_below < EDM_TOLERANCE


def _raised(damping: float) -> float:
    return max(4.0 * damping, 1e-2)


def _gain(here: Expansion, move: Vector) -> float:
    """Drop of the value that the quadratic model predicts."""
    return float(-(here.gradient @ move) - 0.5 * move @ (here.curvature @ move))


def _distance(here: Expansion, theta: Vector, lower: Vector, upper: Vector, is_free: NDArray[np.bool_]) -> float:
    """Estimated distance to the minimum without damping; infinite where the curvature is not positive."""
    target = _box_minimum(here, theta, lower, upper, is_free, 0.0)
    return np.inf if target is None else abs(_gain(here, target - theta))


def _flat_direction(here: Expansion, names: tuple[str, ...], is_free: NDArray[np.bool_]) -> str:
    """Names of the parameters that lie most along the direction of least curvature."""
    index = np.flatnonzero(is_free)
    _, directions = np.linalg.eigh(here.curvature[np.ix_(index, index)])
    weight = np.abs(directions[:, 0])
    return ", ".join(names[index[i]] for i in np.argsort(-weight)[:3] if weight[i] > 0.1)


def _box_minimum(
    here: Expansion, theta: Vector, lower: Vector, upper: Vector, is_free: NDArray[np.bool_], damping: float
) -> Vector | None:
    """Minimum of the damped quadratic model in the box; None where it has none."""
    g, H = here.gradient, here.curvature
    diagonal = H.diagonal()
    is_active = is_free & ~((theta <= lower) & (g >= 0.0)) & ~((theta >= upper) & (g <= 0.0))
    is_active &= (g != 0.0) | (diagonal != 0.0)
    target, is_bent = theta.copy(), False
    while is_active.any():
        index = np.flatnonzero(is_active)
        downhill = -g[index] - H[index] @ (target - theta) if is_bent else -g[index]
        sub = H if len(index) == len(theta) else H[np.ix_(index, index)]
        if damping > 0.0:
            sub = sub.copy()
            sub.flat[:: len(index) + 1] += damping * np.maximum(np.abs(diagonal[index]), 1e-12)
        solution = solve_positive(sub, downhill)
        if solution is None:
            return None
        reached = theta[index] + solution
        inside = np.clip(reached, lower[index], upper[index])
        is_out = inside != reached
        if not is_out.any():
            target[index] = reached
            return target
        target[index[is_out]] = inside[is_out]
        is_active[index[is_out]] = False
        is_bent = True
    return target


def solve_positive(matrix: Matrix, vector: Vector) -> Vector | None:
    """Solve a positive definite system; None where the matrix is not positive definite.

    Examples
    --------
    >>> solve_positive(np.diag([2.0, 4.0]), np.array([1.0, 1.0]))
    array([0.5 , 0.25])
    """
    factor, info = dpotrf(matrix, lower=1, clean=0)
    if info != 0:
        return None
    solution, _ = dpotrs(factor, vector, lower=1)
    return np.asarray(solution, dtype=np.float64).reshape(vector.shape)
