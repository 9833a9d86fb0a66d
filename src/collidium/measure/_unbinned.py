"""Extended unbinned likelihoods: sums of shapes in categories."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.measure._fit import FitResult
from collidium.measure._likelihood import Curvature, Expansion
from collidium.measure._mixture import (
    Component,
    add_curvature,
    check_components,
    expected_events,
    rows_of,
    steps_of,
    terms_of,
)
from collidium.measure._parameters import Matrix, Parameters, Vector
from collidium.measure._shapes import Window, density

_MIN_DENSITY = 1e-300
_GRID = 4001
# events at a time: their rows stay in the cache of a core
_BLOCK = 8192


@dataclass(frozen=True, kw_only=True)
class Category:
    """Events of one category.

    Attributes
    ----------
    name : str
        Unique in its likelihood.
    window : Window
        Range of the mass.
    components : tuple of Component
        What the events are made of.
    x : ndarray, (N,), GeV
        Masses inside of the window.
    weight : ndarray, (N,), 1
        Weight of each event.
    """

    name: str
    window: Window
    components: tuple[Component, ...]
    x: Vector = field(repr=False)
    weight: Vector = field(repr=False)

    @classmethod
    def of(
        cls, name: str, window: Window, components: Sequence[Component], x: ArrayLike, weight: ArrayLike | None = None
    ) -> Category:
        """Take the events of a window.

        Parameters
        ----------
        name : str
            Unique in its likelihood.
        window : Window
            Range of the mass.
        components : sequence of Component
            What the events are made of.
        x : ndarray, (N,), GeV
            Masses; ones outside of the window are left aside.
        weight : ndarray, (N,), 1, optional
            Weight of each event.

        Returns
        -------
        Category
            The events inside.

        Raises
        ------
        InputError
            If a mass or weight is not finite, or no event is inside of the window.
        """
        masses = np.asarray(x, dtype=np.float64)
        weights = np.ones(len(masses)) if weight is None else np.asarray(weight, dtype=np.float64)
        if weights.shape != masses.shape:
            raise InputError(f"category {name!r} has {len(weights)} weights for {len(masses)} masses")
        for what, values in (("mass", masses), ("weight", weights)):
            if not np.all(np.isfinite(values)):
                raise InputError(f"category {name!r} has a {what} that is NaN or infinite; finite ones are needed")
        is_inside = (masses >= window.low) & (masses <= window.high)
        if not is_inside.any():
            raise InputError(f"category {name!r} has no event in the window [{window.low:g}, {window.high:g}]")
        return cls(
            name=name, window=window, components=tuple(components), x=masses[is_inside], weight=weights[is_inside]
        )

    @cached_property
    def is_plain(self) -> bool:
        """Whether every weight is one."""
        return bool(np.all(self.weight == 1.0))

    def blocks(self) -> Iterator[tuple[Vector, Vector]]:
        """Masses and weights, a few thousand at a time."""
        for start in range(0, len(self.x), _BLOCK):
            yield self.x[start : start + _BLOCK], self.weight[start : start + _BLOCK]


@dataclass(frozen=True, kw_only=True)
class Unbinned:
    """Extended likelihood of masses, event by event.

    Attributes
    ----------
    parameters : Parameters
        K parameters: yields, shapes and nuisance parameters.
    categories : tuple of Category
        Their events and densities.
    centers : ndarray, (K,)
        Auxiliary measurements of constrained parameters; NaN without.

    Notes
    -----
    -ln L = sum_c [nu_c - sum_i w_i ln sum_k N_k f_k(x_i)] + sum_j (theta_j - a_j)^2 / 2 s_j^2. The Fisher matrix is the
    sum over events of the outer products of the gradients of ln density; the Hessian is analytic but for the second
    derivatives of each shape by its own parameters, which are differences of its analytic first ones.

    References
    ----------
    R. Barlow, Nucl. Instrum. Meth. A 297 (1990) 496.

    Examples
    --------
    >>> from collidium.measure import Exponential, Parameter, Parameters, fit
    >>> background = Component(
    ...     name="background", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("events",)
    ... )
    >>> category = Category.of("all", Window(0.0, 10.0), [background], np.linspace(0.05, 9.95, 100))
    >>> parameters = Parameters([Parameter(name="events", init=50.0, lower=0.0), Parameter(name="slope", init=-0.1)])
    >>> result = fit(Unbinned.of(parameters, [category]))
    >>> round(result["events"], 4), abs(round(result["slope"], 6))
    (100.0, 0.0)
    """

    parameters: Parameters
    categories: tuple[Category, ...]
    centers: Vector = field(repr=False)

    @classmethod
    def of(cls, parameters: Parameters, categories: Sequence[Category]) -> Unbinned:
        """Join categories.

        Parameters
        ----------
        parameters : Parameters
            All that the components name.
        categories : sequence of Category
            Events and densities.

        Returns
        -------
        Unbinned
            The likelihood.

        Raises
        ------
        InputError
            If a component names an unknown parameter, or does not name all of its shape.
        """
        for category in categories:
            check_components(category.name, category.components, parameters)
        return cls(parameters=parameters, categories=tuple(categories), centers=parameters.center)

    def nll(self, theta: Vector) -> float:
        """Negative log likelihood, (constant terms of the data left out)."""
        return self._evaluate(theta)[0]

    def grad(self, theta: Vector) -> Vector:
        """Gradient of ``nll``, (K,)."""
        return self._evaluate(theta)[1]

    def fisher(self, theta: Vector) -> Matrix:
        """Sum of outer products of the events' gradients, (K, K)."""
        return self._evaluate(theta)[2]

    def hessian(self, theta: Vector) -> Matrix:
        """Second derivatives of ``nll``, (K, K); zero rows for fixed parameters."""
        return self._curved(theta, self._evaluate(theta)[2])

    def expand(self, theta: Vector, curvature: Curvature) -> Expansion:
        """Value, gradient and curvature at a point."""
        value, gradient, fisher = self._evaluate(theta)
        if curvature == "fisher" or not math.isfinite(value):
            return Expansion(value, gradient, fisher)
        return Expansion(value, gradient, self._curved(theta, fisher))

    def weighted_covariance(self, result: FitResult) -> Matrix:
        """Covariance of a fit of weighted events, (K, K), from the spread of their gradients.

        Parameters
        ----------
        result : FitResult
            A fit of this likelihood.

        Returns
        -------
        ndarray, (K, K)
            V sum_i w_i^2 g_i g_i^T V with V the inverse Hessian and g_i the gradient of ln density of event i.

        References
        ----------
        C. Langenbruch, Eur. Phys. J. C 82 (2022) 393, arXiv:1911.01303, equation 18.
        """
        inverse = np.nan_to_num(result.covariance)
        squared = [dataclasses.replace(category, weight=category.weight**2) for category in self.categories]
        spread = dataclasses.replace(self, categories=tuple(squared)).fisher(result.theta)
        return np.asarray(inverse @ spread @ inverse)

    def expected(self, theta: Vector) -> dict[str, float]:
        """Expected events of each component, by ``category/component``."""
        return {
            f"{category.name}/{component.name}": expected_events(component, self.parameters, theta)
            for category in self.categories
            for component in category.components
        }

    def toy(self, theta: Vector, generator: np.random.Generator) -> Self:
        """The same model with events and auxiliary data drawn at ``theta``."""
        categories = tuple(self._drawn(category, theta, generator) for category in self.categories)
        width = self.parameters.width
        centers = np.where(np.isfinite(width), generator.normal(theta, np.nan_to_num(width)), np.nan)
        return dataclasses.replace(self, categories=categories, centers=centers)

    def _evaluate(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        """Value, gradient, and the sum of outer products."""
        K = len(theta)
        value, gradient, fisher = 0.0, np.zeros(K), np.zeros((K, K))
        for category in self.categories:
            terms = terms_of(category.components, self.parameters, theta, category.window)
            jacobian = np.hstack([term.jacobian(K) for term in terms])
            sums, products = np.zeros(jacobian.shape[1]), np.zeros((jacobian.shape[1], jacobian.shape[1]))
            for x, weight in category.blocks():
                rows, total = rows_of(terms, x, category.window)
                if not total.min() > _MIN_DENSITY:
                    return math.inf, np.zeros(K), np.zeros((K, K))
                value -= float(weight @ np.log(total))
                sums += rows @ weight
                products += (rows if category.is_plain else rows * weight) @ rows.T
            for term in terms:
                value += term.events
                for i, factor in term.factors.items():
                    gradient[i] += factor
            gradient -= jacobian @ sums
            fisher += jacobian @ products @ jacobian.T
        return self._constrained(theta, value, gradient, fisher)

    def _curved(self, theta: Vector, fisher: Matrix) -> Matrix:
        """Hessian: the sum of outer products less the events' sum of (d^2 p) / p."""
        K, steps = len(theta), steps_of(self.parameters, theta, fisher)
        hessian = fisher.copy()
        bend = np.zeros((K, K))
        for category in self.categories:
            terms = terms_of(category.components, self.parameters, theta, category.window)
            for x, weight in category.blocks():
                rows, total = rows_of(terms, x, category.window)
                share, sums, start = weight / total, rows @ weight, 0
                for term in terms:
                    stop = start + 1 + len(term.index)
                    add_curvature(bend, term, sums[start:stop], x, share, category.window, steps)
                    start = stop
            for term in terms:
                for (i, j), product in term.products.items():
                    hessian[i, j] += product
        hessian -= bend
        hessian[self.parameters.is_fixed] = 0.0
        hessian[:, self.parameters.is_fixed] = 0.0
        return hessian

    def _constrained(
        self, theta: Vector, value: float, gradient: Vector, fisher: Matrix
    ) -> tuple[float, Vector, Matrix]:
        """Add the auxiliary measurements."""
        index = np.flatnonzero(np.isfinite(self.parameters.width))
        width = self.parameters.width[index]
        pull = (theta[index] - self.centers[index]) / width
        gradient[index] += pull / width
        fisher[index, index] += width**-2
        return value + 0.5 * float(pull @ pull), gradient, fisher

    def _drawn(self, category: Category, theta: Vector, generator: np.random.Generator) -> Category:
        """Events of a category drawn from its density by acceptance under a ceiling."""
        window, parts = category.window, []
        grid = np.linspace(window.low, window.high, _GRID)
        for component in category.components:
            index = [self.parameters.index(component.shape_parameters[name]) for name in component.shape.names]
            num_events = int(generator.poisson(expected_events(component, self.parameters, theta)))
            ceiling = 1.2 * float(density(component.shape, grid, theta[index], window)[0].max())
            while num_events > 0:
                x = generator.uniform(window.low, window.high, 2 * num_events + 1000)
                is_taken = (
                    generator.uniform(0.0, ceiling, len(x)) < density(component.shape, x, theta[index], window)[0]
                )
                parts.append(x[is_taken][:num_events])
                num_events -= len(parts[-1])
        x = np.concatenate([np.empty(0), *parts])
        return dataclasses.replace(category, x=x, weight=np.ones(len(x)))
