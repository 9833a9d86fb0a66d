"""Extended likelihoods of counts in bins of a mass: the same components as without bins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln, xlogy

from collidium.artifact import InputError
from collidium.measure._fit import FitResult
from collidium.measure._goodness import GoodnessOfFit
from collidium.measure._likelihood import Curvature, Expansion
from collidium.measure._mixture import (
    Component,
    add_curvature,
    check_components,
    expected_events,
    steps_of,
    terms_of,
)
from collidium.measure._parameters import Matrix, Parameters, Vector
from collidium.measure._shapes import Window

_NODES, _WEIGHTS = leggauss(5)
_MIN_RATE = 1e-300


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Counts in bins of a mass.

    Attributes
    ----------
    name : str
        What was counted.
    edges : ndarray, (B + 1,), GeV
        Rising edges.
    counts : ndarray, (B,), events
        Observed events; any positive number in Asimov sets.
    """

    name: str
    edges: Vector = field(repr=False)
    counts: Vector = field(repr=False)

    @classmethod
    def of(cls, name: str, edges: ArrayLike, counts: ArrayLike) -> Spectrum:
        """Check edges and counts.

        Raises
        ------
        InputError
            If edges do not rise, or counts are of another length, negative, not finite or all zero.
        """
        borders, events = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
        if len(borders) != len(events) + 1 or len(events) == 0:
            raise InputError(f"{name}: {len(borders)} edges for {len(events)} counts; one more edge is needed")
        if not (np.all(np.isfinite(borders)) and np.all(np.diff(borders) > 0.0)):
            raise InputError(f"{name}: the edges of the bins are not finite and rising")
        if not (np.all(np.isfinite(events)) and np.all(events >= 0.0)):
            raise InputError(f"{name}: a count is negative, NaN or infinite; counts of events are needed")
        if not events.any():
            raise InputError(f"{name}: all {len(events)} counts are zero; there is nothing to fit")
        return cls(name=name, edges=borders, counts=events)

    @property
    def window(self) -> Window:
        """From the first edge to the last."""
        return Window(float(self.edges[0]), float(self.edges[-1]))

    @property
    def centers(self) -> Vector:
        """Middle of each bin, (B,), GeV."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2.0)

    def within(self, window: Window) -> Spectrum:
        """The bins that lie in a window.

        Raises
        ------
        InputError
            If there is none with events.
        """
        tolerance = 1e-9 * window.width
        is_inside = (self.edges[:-1] >= window.low - tolerance) & (self.edges[1:] <= window.high + tolerance)
        if not self.counts[is_inside].any():
            raise InputError(f"{self.name}: no events in whole bins of the window [{window.low:g}, {window.high:g}]")
        index = np.flatnonzero(is_inside)
        return dataclasses.replace(
            self, edges=self.edges[index[0] : index[-1] + 2], counts=self.counts[index[0] : index[-1] + 1]
        )


@dataclass(frozen=True, kw_only=True)
class Binned:
    """Extended likelihood of a spectrum.

    Attributes
    ----------
    parameters : Parameters
        K parameters: yields, shapes and nuisance parameters.
    components : tuple of Component
        What the events are made of; yields are those of the whole window.
    spectrum : Spectrum
        B bins.
    is_used : ndarray of bool, (B,)
        Bins that take part: all but those left out of a sideband fit.
    centers : ndarray, (K,)
        Auxiliary measurements of constrained parameters; NaN without.

    Notes
    -----
    -ln L = sum_b [nu_b - n_b ln nu_b + ln Gamma(n_b + 1)] + sum_j (theta_j - a_j)^2 / 2 s_j^2. Expected events nu_b are
    integrals over the bin, by 5 Gauss-Legendre points, not values at its middle.

    Examples
    --------
    >>> from collidium.measure import Exponential, Parameter, Parameters, fit
    >>> falling = Component(name="all", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("events",))
    >>> parameters = Parameters([Parameter(name="events", init=50.0, lower=0.0), Parameter(name="slope", init=0.1)])
    >>> result = fit(Binned.of(parameters, [falling], Spectrum.of("flat", [0.0, 1.0, 2.0], [50.0, 50.0])))
    >>> round(result["events"], 4), abs(round(result["slope"], 6))
    (100.0, 0.0)
    """

    parameters: Parameters
    components: tuple[Component, ...]
    spectrum: Spectrum
    is_used: NDArray[np.bool_] = field(repr=False)
    centers: Vector = field(repr=False)

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        components: Sequence[Component],
        spectrum: Spectrum,
        *,
        is_used: NDArray[np.bool_] | None = None,
    ) -> Binned:
        """Join components and counts.

        Parameters
        ----------
        parameters : Parameters
            All that the components name.
        components : sequence of Component
            What the events are made of.
        spectrum : Spectrum
            B bins.
        is_used : ndarray of bool, (B,), optional
            Bins that take part; all by default.

        Returns
        -------
        Binned
            The likelihood.

        Raises
        ------
        InputError
            If a component names an unknown parameter, or does not name all of its shape.
        """
        check_components(spectrum.name, components, parameters)
        used = np.ones(len(spectrum.counts), dtype=bool) if is_used is None else np.asarray(is_used, dtype=bool)
        return cls(
            parameters=parameters,
            components=tuple(components),
            spectrum=spectrum,
            is_used=used,
            centers=parameters.center,
        )

    @cached_property
    def _points(self) -> Vector:
        """Where shapes are evaluated, (5 B,)."""
        half = np.diff(self.spectrum.edges)[:, None] / 2.0
        return np.asarray((self.spectrum.edges[:-1, None] + half + half * _NODES).ravel())

    @cached_property
    def _point_weights(self) -> Vector:
        """Weights of their sums, (5 B,)."""
        half = np.diff(self.spectrum.edges)[:, None] / 2.0
        return np.asarray((half * _WEIGHTS).ravel())

    @cached_property
    def _constant(self) -> float:
        return float(gammaln(self.spectrum.counts[self.is_used] + 1.0).sum())

    def expected(self, theta: Vector) -> Vector:
        """Expected events of every bin, used or not, (B,)."""
        return np.asarray(sum(self.expected_by_component(theta).values()))

    def expected_by_component(self, theta: Vector) -> dict[str, Vector]:
        """Expected events of every bin, (B,), for each component."""
        terms = terms_of(self.components, self.parameters, theta, self.spectrum.window)
        found = {}
        for term in terms:
            function, _ = term.component.shape.unnormalised(self._points, term.values, self.spectrum.window)
            rate = function * self._point_weights * (term.events / term.integral)
            found[term.component.name] = rate.reshape(-1, len(_NODES)).sum(axis=1)
        return found

    def nll(self, theta: Vector) -> float:
        """Negative log likelihood with all constants."""
        return self._evaluate(theta)[0]

    def grad(self, theta: Vector) -> Vector:
        """Gradient of ``nll``, (K,)."""
        return self._evaluate(theta)[1]

    def fisher(self, theta: Vector) -> Matrix:
        """Expected curvature, (K, K)."""
        return self._evaluate(theta)[2]

    def hessian(self, theta: Vector) -> Matrix:
        """Second derivatives of ``nll``, (K, K); zero rows for fixed parameters."""
        return self.expand(theta, "hessian").curvature

    def expand(self, theta: Vector, curvature: Curvature) -> Expansion:
        """Value, gradient and curvature at a point."""
        value, gradient, fisher, rate, rate_slopes = self._evaluate(theta)
        if curvature == "fisher" or not math.isfinite(value):
            return Expansion(value, gradient, fisher)
        n = self.spectrum.counts
        safe = np.where(self.is_used, rate, 1.0)
        share = np.where(self.is_used, 1.0 - n / safe, 0.0)
        excess = np.where(self.is_used, (n - rate) / safe**2, 0.0)
        hessian = fisher + (rate_slopes * excess) @ rate_slopes.T
        weight = np.repeat(share, len(_NODES)) * self._point_weights
        window, steps = self.spectrum.window, steps_of(self.parameters, theta, fisher)
        for term in terms_of(self.components, self.parameters, theta, window):
            function, slopes = term.component.shape.unnormalised(self._points, term.values, window)
            sums = np.concatenate([[function @ weight], slopes @ weight]) / term.integral
            add_curvature(hessian, term, sums, self._points, weight, window, steps)
        hessian[self.parameters.is_fixed] = 0.0
        hessian[:, self.parameters.is_fixed] = 0.0
        return Expansion(value, gradient, hessian)

    def asimov(self, theta: Vector) -> Self:
        """The same model with counts and auxiliary data replaced by their expectations."""
        spectrum = dataclasses.replace(self.spectrum, counts=self.expected(theta))
        return dataclasses.replace(self, spectrum=spectrum, centers=self._auxiliary(theta))

    def toy(self, theta: Vector, generator: np.random.Generator) -> Self:
        """The same model with counts and auxiliary data drawn at ``theta``."""
        spectrum = dataclasses.replace(self.spectrum, counts=generator.poisson(self.expected(theta)).astype(np.float64))
        width = np.nan_to_num(self.parameters.width)
        return dataclasses.replace(self, spectrum=spectrum, centers=generator.normal(self._auxiliary(theta), width))

    def with_counts(self, counts: ArrayLike) -> Self:
        """The same model with other counts, (B,)."""
        return dataclasses.replace(
            self, spectrum=Spectrum.of(self.spectrum.name, self.spectrum.edges, np.asarray(counts, dtype=np.float64))
        )

    def goodness(self, result: FitResult) -> GoodnessOfFit:
        """Likelihood ratio of a fit to the model with a rate of its own in each used bin."""
        n, rate = self.spectrum.counts[self.is_used], self.expected(result.theta)[self.is_used]
        pull = (result.theta - self.centers) / self.parameters.width
        q = float(2.0 * np.sum(rate - n + xlogy(n, n) - xlogy(n, rate)) + np.nansum(pull**2))
        is_free = ~result.is_held & ~np.isfinite(self.parameters.width)
        num_degrees = len(n) - int(is_free.sum())
        p_value = float(chdtrc(num_degrees, max(q, 0.0))) if num_degrees > 0 else math.nan
        return GoodnessOfFit(q=q, num_degrees=num_degrees, p_value=p_value)

    def yields(self, theta: Vector) -> dict[str, float]:
        """Expected events of each component in the window."""
        return {c.name: expected_events(c, self.parameters, theta) for c in self.components}

    def _auxiliary(self, theta: Vector) -> Vector:
        return np.where(np.isfinite(self.parameters.width), theta, np.nan)

    def _evaluate(self, theta: Vector) -> tuple[float, Vector, Matrix, Vector, Matrix]:
        """Value, gradient, Fisher matrix, rates (B,) and their slopes (K, B)."""
        K, window = len(theta), self.spectrum.window
        rate, slopes = np.zeros(len(self.spectrum.counts)), np.zeros((K, len(self.spectrum.counts)))
        for term in terms_of(self.components, self.parameters, theta, window):
            function, by_shape = term.component.shape.unnormalised(self._points, term.values, window)
            rows = np.vstack([function[None], by_shape]) * (self._point_weights / term.integral)
            rows = rows.reshape(len(rows), -1, len(_NODES)).sum(axis=2)
            rate += term.events * rows[0]
            slopes += term.jacobian(K) @ rows
        n, used = self.spectrum.counts, self.is_used
        if not rate[used].min() > _MIN_RATE:
            return math.inf, np.zeros(K), np.zeros((K, K)), rate, slopes
        value = float(np.sum(rate[used] - n[used] * np.log(rate[used]))) + self._constant
        safe = np.where(used, rate, 1.0)
        gradient = slopes @ np.where(used, 1.0 - n / safe, 0.0)
        fisher = (slopes * np.where(used, 1.0 / safe, 0.0)) @ slopes.T
        index = np.flatnonzero(np.isfinite(self.parameters.width))
        width = self.parameters.width[index]
        pull = (theta[index] - self.centers[index]) / width
        gradient[index] += pull / width
        fisher[index, index] += width**-2
        return value + 0.5 * float(pull @ pull), gradient, fisher, rate, slopes
