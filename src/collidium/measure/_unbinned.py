"""Extended unbinned likelihoods: sums of shapes in categories."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.measure._fit import FitResult
from collidium.measure._likelihood import Curvature, Expansion
from collidium.measure._parameters import Matrix, Parameters, Vector
from collidium.measure._shapes import Shape, Window, density

_MIN_DENSITY = 1e-300
_DIFFERENCE = 1e-4
_GRID = 4001


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
    sum over events of the outer products of the gradients of ln density; the Hessian is the difference of gradients.

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
            for component in category.components:
                wanted, given = set(component.shape.names), set(component.shape_parameters)
                if wanted != given:
                    raise InputError(
                        f"component {component.name!r} of {category.name!r} gives {', '.join(sorted(given)) or 'no'} "
                        f"parameters; its shape needs {', '.join(sorted(wanted))}"
                    )
                for name in (*component.shape_parameters.values(), *component.yields):
                    parameters.index(name)
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
        """Second derivatives from central differences of the gradient, (K, K)."""
        return self._differences(theta, self.fisher(theta))

    def expand(self, theta: Vector, curvature: Curvature) -> Expansion:
        """Value, gradient and curvature at a point."""
        value, gradient, fisher = self._evaluate(theta)
        return Expansion(value, gradient, fisher if curvature == "fisher" else self._differences(theta, fisher))

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
            f"{category.name}/{component.name}": self._yield(component, theta)[0]
            for category in self.categories
            for component in category.components
        }

    def toy(self, theta: Vector, generator: np.random.Generator) -> Self:
        """The same model with events and auxiliary data drawn at ``theta``."""
        categories = tuple(self._drawn(category, theta, generator) for category in self.categories)
        width = self.parameters.width
        centers = np.where(np.isfinite(width), generator.normal(theta, np.nan_to_num(width)), np.nan)
        return dataclasses.replace(self, categories=categories, centers=centers)

    def _yield(self, component: Component, theta: Vector) -> tuple[float, list[tuple[int, float]]]:
        """Expected events of a component, and the derivatives by its yield parameters."""
        index = [self.parameters.index(name) for name in component.yields]
        values = theta[index]
        slopes = [(i, component.scale * float(np.prod(np.delete(values, k)))) for k, i in enumerate(index)]
        return component.scale * float(np.prod(values)), slopes

    def _evaluate(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        """Value, gradient, and the sum of outer products."""
        K = len(theta)
        value, gradient, fisher = 0.0, np.zeros(K), np.zeros((K, K))
        for category in self.categories:
            total = np.zeros(len(category.x))
            slopes: dict[int, Vector] = {}
            for component in category.components:
                index = [self.parameters.index(component.shape_parameters[name]) for name in component.shape.names]
                f, f_slopes = density(component.shape, category.x, theta[index], category.window)
                events, yield_slopes = self._yield(component, theta)
                value += events
                total += events * f
                for i, slope in yield_slopes:
                    gradient[i] += slope
                    slopes[i] = slopes.get(i, 0.0) + slope * f
                for i, row in zip(index, f_slopes, strict=True):
                    slopes[i] = slopes.get(i, 0.0) + events * row
            if np.any(total < _MIN_DENSITY):
                return math.inf, gradient, fisher
            used = sorted(slopes)
            relative = np.stack([slopes[i] for i in used]) / total
            value -= float(category.weight @ np.log(total))
            gradient[used] -= relative @ category.weight
            fisher[np.ix_(used, used)] += (relative * category.weight) @ relative.T
        return self._constrained(theta, value, gradient, fisher)

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

    def _differences(self, theta: Vector, fisher: Matrix) -> Matrix:
        """Hessian from gradients a small part of each parameter's error away."""
        K = len(theta)
        hessian = np.zeros((K, K))
        for j in np.flatnonzero(~self.parameters.is_fixed):
            step = _DIFFERENCE / math.sqrt(fisher[j, j]) if fisher[j, j] > 0.0 else _DIFFERENCE
            up, down = theta.copy(), theta.copy()
            up[j] += step
            down[j] -= step
            hessian[j] = (self.grad(up) - self.grad(down)) / (2.0 * step)
        return (hessian + hessian.T) / 2.0

    def _drawn(self, category: Category, theta: Vector, generator: np.random.Generator) -> Category:
        """Events of a category drawn from its density by acceptance under a ceiling."""
        window, parts = category.window, []
        grid = np.linspace(window.low, window.high, _GRID)
        for component in category.components:
            index = [self.parameters.index(component.shape_parameters[name]) for name in component.shape.names]
            num_events = int(generator.poisson(self._yield(component, theta)[0]))
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
