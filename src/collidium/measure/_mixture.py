"""Sums of shapes at a point: what unbinned and binned likelihoods of masses have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collidium.artifact import InputError
from collidium.measure._parameters import Matrix, Parameters, Vector
from collidium.measure._shapes import Shape, Window

# steps of the differences, in units of a parameter's error
_DIFFERENCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Component:
    """One term of the density of a category.

    Attributes
    ----------
    name : str
        What it is, e.g. ``signal``.
    shape : Shape
        Density with P parameters.
    shape_parameters : mapping of str to str
        Parameter of the likelihood for each name in the shape; components that name the same one share it.
    yields : tuple of str
        Parameters whose product, times ``scale``, is the expected number of events in the window.
    scale : float
        Constant factor of the yield.
    """

    name: str
    shape: Shape
    shape_parameters: Mapping[str, str]
    yields: tuple[str, ...]
    scale: float = 1.0


def check_components(category: str, components: Sequence[Component], parameters: Parameters) -> None:
    """Refuse components that name unknown parameters, or not all of their shape.

    Raises
    ------
    InputError
        With the category, the component, and what its shape needs.
    """
    for component in components:
        wanted, given = set(component.shape.names), set(component.shape_parameters)
        if wanted != given:
            raise InputError(
                f"component {component.name!r} of {category!r} gives {', '.join(sorted(given)) or 'no'} "
                f"parameters; its shape needs {', '.join(sorted(wanted))}"
            )
        for name in (*component.shape_parameters.values(), *component.yields):
            parameters.index(name)


@dataclass(frozen=True, kw_only=True)
class Term:
    """A component at a point.

    Attributes
    ----------
    component : Component
        Which.
    index : list of int
        Position in the likelihood of each of the P parameters of its shape.
    values : ndarray, (P,)
        Their values.
    integral : float
        Integral of the unnormalised shape over the window, T.
    slopes : ndarray, (P,)
        Derivatives of ln T.
    factors : dict of int to float
        Derivatives of the expected events by the yield parameters.
    products : dict of pairs of int to float
        Second derivatives of the expected events.
    events : float
        Expected events N in the window.
    """

    component: Component
    index: list[int]
    values: Vector
    integral: float
    slopes: Vector
    events: float
    factors: dict[int, float]
    products: dict[tuple[int, int], float]

    @classmethod
    def of(cls, component: Component, parameters: Parameters, theta: Vector, window: Window) -> Term:
        """Evaluate what does not depend on events."""
        index = [parameters.index(component.shape_parameters[name]) for name in component.shape.names]
        values = theta[index]
        integral, slopes = component.shape.integral(values, window)
        # a shape that is nowhere in the window has no density there: NaN, which likelihoods turn into no value
        integral = integral if integral > 0.0 else math.nan
        events, factors, products = _yield(component, parameters, theta)
        return cls(
            component=component,
            index=index,
            values=values,
            integral=integral,
            slopes=slopes / integral,
            events=events,
            factors=factors,
            products=products,
        )

    def jacobian(self, num_parameters: int) -> Matrix:
        """Derivatives of N f by all parameters as combinations of the rows F / T and F_i / T, (K, 1 + P)."""
        jacobian = np.zeros((num_parameters, 1 + len(self.index)))
        for i, factor in self.factors.items():
            jacobian[i, 0] += factor
        for p, i in enumerate(self.index):
            jacobian[i, 1 + p] += self.events
            jacobian[i, 0] -= self.events * self.slopes[p]
        return jacobian


def terms_of(components: Sequence[Component], parameters: Parameters, theta: Vector, window: Window) -> list[Term]:
    """All components of a category at a point."""
    return [Term.of(component, parameters, theta, window) for component in components]


def rows_of(terms: Sequence[Term], x: Vector, window: Window) -> tuple[Matrix, Vector]:
    """Densities and derivatives of all components, over the total density.

    Parameters
    ----------
    terms : sequence of Term
        Components of a category at a point, with R rows F / T and F_i / T in all.
    x : ndarray, (N,), GeV
        Masses.
    window : Window
        Where the shapes are normalised.

    Returns
    -------
    tuple of ndarray
        Rows over the total density (R, N), and the total density (N,), events/GeV.
    """
    parts = [term.component.shape.unnormalised(x, term.values, window) for term in terms]
    total = np.zeros(len(x))
    for term, (function, _) in zip(terms, parts, strict=True):
        total += (term.events / term.integral) * function
    rows = np.empty((sum(1 + len(term.index) for term in terms), len(x)))
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / total
        start = 0
        for term, (function, slopes) in zip(terms, parts, strict=True):
            stop = start + 1 + len(term.index)
            share = inverse / term.integral
            np.multiply(function, share, out=rows[start])
            np.multiply(slopes, share, out=rows[start + 1 : stop])
            start = stop
    return rows, total


def expected_events(component: Component, parameters: Parameters, theta: Vector) -> float:
    """Expected events of a component in its window."""
    index = [parameters.index(name) for name in component.yields]
    return component.scale * float(np.prod(theta[index]))


def _yield(
    component: Component, parameters: Parameters, theta: Vector
) -> tuple[float, dict[int, float], dict[tuple[int, int], float]]:
    """Product of the yield parameters, and its first and second derivatives."""
    index = [parameters.index(name) for name in component.yields]
    if len(index) == 1:
        return component.scale * float(theta[index[0]]), {index[0]: component.scale}, {}
    values = theta[index]
    factors: dict[int, float] = {}
    products: dict[tuple[int, int], float] = {}
    for a, i in enumerate(index):
        factors[i] = factors.get(i, 0.0) + component.scale * float(np.prod(np.delete(values, a)))
        for b, j in enumerate(index):
            if a != b:
                rest = component.scale * float(np.prod(np.delete(values, [a, b])))
                products[i, j] = products.get((i, j), 0.0) + rest
    return component.scale * float(np.prod(values)), factors, products


def steps_of(parameters: Parameters, theta: Vector, fisher: Matrix) -> Vector:
    """Steps of differences, (K,): a small part of each error, away from the upper bound; zero for fixed parameters."""
    diagonal = fisher.diagonal()
    scale = np.where(diagonal > 0.0, diagonal, 1.0 / np.maximum(1.0, theta * theta))
    # a direction that the data hardly know must not carry a shape away
    steps = np.minimum(_DIFFERENCE / np.sqrt(scale), 10.0 * _DIFFERENCE * np.maximum(1.0, np.abs(theta)))
    steps = np.where(theta + steps > parameters.upper, -steps, steps)
    return np.where(parameters.is_fixed, 0.0, steps)


def add_curvature(
    curvature: Matrix, term: Term, sums: Vector, x: Vector, weight: Vector, window: Window, steps: Vector
) -> None:
    """Add sum_i r_i d^2 (N f(x_i)) / d theta^2 of a component to a matrix, (K, K).

    Parameters
    ----------
    curvature : ndarray, (K, K)
        What to add to.
    term : Term
        The component.
    sums : ndarray, (1 + P,)
        The component's rows F / T and F_i / T summed with the weights.
    x : ndarray, (N,), GeV
        Where the shape is evaluated.
    weight : ndarray, (N,)
        Weights r_i, which do not change with the parameters.
    window : Window
        Where f integrates to one.
    steps : ndarray, (K,)
        Step of each parameter; none where zero.

    Notes
    -----
    With f = F / T, F_i and T_i the derivatives by parameter i and t_i = T_i / T:
    f_ij = [F_ij - F_i t_j - F_j t_i - F T_ij / T + 2 F t_i t_j] / T. Second derivatives of F and T come from the
    differences of their analytic first ones.
    """
    shape, T = term.component.shape, term.integral
    for (i, j), product in term.products.items():
        curvature[i, j] += product * sums[0]
    by_shape = sums[1:] - sums[0] * term.slopes
    for i, factor in term.factors.items():
        for p, j in enumerate(term.index):
            curvature[i, j] += factor * by_shape[p]
            curvature[j, i] += factor * by_shape[p]
    free = [p for p, i in enumerate(term.index) if steps[i] != 0.0]
    if not free or term.events == 0.0:
        return
    here = sums[1:] * T
    second = np.empty((len(term.index), len(free)))
    for q, p in enumerate(free):
        moved = term.values.copy()
        moved[p] += steps[term.index[p]]
        step = moved[p] - term.values[p]
        turned = (shape.unnormalised(x, moved, window)[1] @ weight - here) / (step * T)
        bent = (shape.integral(moved, window)[1] / T - term.slopes) / step
        second[:, q] = turned - sums[0] * bent
    second = (second[free] + second[free].T) / 2.0
    first, slopes = sums[1:][free], term.slopes[free]
    second += 2.0 * sums[0] * np.outer(slopes, slopes) - np.outer(first, slopes) - np.outer(slopes, first)
    for a, p in enumerate(free):
        for b, q in enumerate(free):
            curvature[term.index[p], term.index[q]] += term.events * second[a, b]
