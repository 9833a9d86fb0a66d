"""Densities of a mass in a window, normalised there, with derivatives by their parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import comb, erf, wofz

from collidium.artifact import InputError
from collidium.measure._parameters import Matrix, Vector

_NODES, _WEIGHTS = leggauss(64)
_ROOT_HALF_PI = math.sqrt(math.pi / 2.0)


@dataclass(frozen=True)
class Window:
    """Closed range of a mass, in GeV.

    Raises
    ------
    InputError
        If it is empty or not finite.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"window is [{self.low}, {self.high}]; two finite ends in rising order are needed")

    @property
    def width(self) -> float:
        """Length, in GeV."""
        return self.high - self.low


class Shape(Protocol):
    """A density with P parameters.

    ``names`` are the parameters' names in the formula; ``unnormalised`` gives the function (N,) and its derivatives
    (P, N), ``integral`` its integral over the window and the derivatives of that (P,).
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""


def density(shape: Shape, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
    """Normalised density of a shape.

    Parameters
    ----------
    shape : Shape
        P parameters.
    x : ndarray, (N,), GeV
        Masses inside of the window.
    values : ndarray, (P,)
        Parameters in the order of ``shape.names``.
    window : Window
        Where the density integrates to one.

    Returns
    -------
    tuple of ndarray
        Density (N,), 1/GeV, and its derivatives (P, N).

    Examples
    --------
    >>> value, slope = density(Exponential(), np.array([1.0]), np.array([0.0]), Window(0.0, 2.0))
    >>> value, slope
    (array([0.5]), array([[0.]]))
    """
    function, slopes = shape.unnormalised(x, values, window)
    total, total_slopes = shape.integral(values, window)
    value = function / total
    return value, (slopes - value * total_slopes[:, None]) / total


def integrate(shape: Shape, values: Vector, window: Window, knots: Vector) -> tuple[float, Vector]:
    """Integral of a shape and its derivatives by 64 Gauss-Legendre points between neighbouring knots.

    Parameters
    ----------
    shape : Shape
        P parameters.
    values : ndarray, (P,)
        Their values.
    window : Window
        Range.
    knots : ndarray, GeV
        Where the shape bends; ones outside of the window count as its ends.

    Returns
    -------
    tuple
        Integral, and its derivatives (P,).

    Examples
    --------
    >>> round(integrate(Gaussian(), np.array([0.0, 1.0]), Window(-9.0, 9.0), np.zeros(1))[0], 9)
    2.506628275
    """
    edges = np.unique(np.concatenate([[window.low, window.high], np.clip(knots, window.low, window.high)]))
    half = np.diff(edges)[:, None] / 2.0
    x = (edges[:-1, None] + half + half * _NODES).ravel()
    function, slopes = shape.unnormalised(x, values, window)
    weights = (half * _WEIGHTS).ravel()
    return float(weights @ function), slopes @ weights


@dataclass(frozen=True)
class Gaussian:
    """exp(-t^2 / 2) with t = (x - mean) / sigma."""

    names: tuple[str, ...] = ("mean", "sigma")

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        mean, sigma = values
        t = (x - mean) / sigma
        function = np.exp(-0.5 * t * t)
        slopes = np.empty((2, len(x)))
        np.multiply(function, t / sigma, out=slopes[0])
        np.multiply(slopes[0], t, out=slopes[1])
        return function, slopes

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        mean, sigma = values
        ends = (np.array([window.low, window.high]) - mean) / sigma
        at = np.exp(-0.5 * ends * ends)
        total = _ROOT_HALF_PI * (erf(ends[1] / math.sqrt(2.0)) - erf(ends[0] / math.sqrt(2.0)))
        return float(sigma * total), np.array([at[0] - at[1], total - ends[1] * at[1] + ends[0] * at[0]])


@dataclass(frozen=True)
class DoubleSidedCrystalBall:
    """A Gaussian core with a power law on either side.

    Notes
    -----
    exp(-t^2 / 2) for -alpha_low <= t <= alpha_high with t = (x - mean) / sigma; beyond, with s = |t| and the alpha = a
    and power n of the side, exp(-a^2 / 2) [1 + (s - a) a / n]^-n, which meets the core in value and slope. n > 1.

    References
    ----------
    M. Oreglia, PhD thesis, SLAC-R-236 (1980), appendix D; ATLAS Collaboration, Phys. Lett. B 784 (2018) 345.

    Examples
    --------
    >>> values = np.array([125.09, 1.7, 1.5, 8.0, 1.6, 15.0])
    >>> density(DoubleSidedCrystalBall(), np.array([125.09]), values, Window(105.0, 160.0))[0].round(8)
    array([0.22322108])
    """

    names: tuple[str, ...] = ("mean", "sigma", "alpha_low", "power_low", "alpha_high", "power_high")

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        mean, sigma, alpha_low, power_low, alpha_high, power_high = values
        t = (x - mean) / sigma
        # derivatives of the logarithm of the function, first of the core
        logarithm, by_t = -0.5 * t * t, -t
        slopes = np.zeros((6, len(x)))
        for side, alpha, power, row in ((-1.0, alpha_low, power_low, 2), (1.0, alpha_high, power_high, 4)):
            out = np.flatnonzero(side * t > alpha)
            s = side * t[out]
            base = 1.0 + (s - alpha) * alpha / power
            logarithm[out] = -0.5 * alpha * alpha - power * np.log(base)
            by_t[out] = -side * alpha / base
            slopes[row, out] = -alpha - (s - 2.0 * alpha) / base
            slopes[row + 1, out] = -np.log(base) + (s - alpha) * alpha / (power * base)
        function = np.exp(logarithm)
        slopes[0] = -by_t / sigma
        slopes[1] = -by_t * t / sigma
        return function, slopes * function

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        mean, sigma = values[:2]
        ends = (np.array([window.low, window.high]) - mean) / sigma
        total, by_mean, by_sigma = 0.0, 0.0, 0.0
        slopes = np.zeros(6)
        for sign, end in ((-1.0, float(ends[0])), (1.0, float(ends[1]))):
            row, side = (4, 1.0) if end >= 0.0 else (2, -1.0)
            area, at, by_alpha, by_power = _half_crystal_ball(abs(end), float(values[row]), float(values[row + 1]))
            total += sign * side * area
            by_mean -= sign * at
            by_sigma -= sign * end * at
            slopes[row] += sign * side * sigma * by_alpha
            slopes[row + 1] += sign * side * sigma * by_power
        slopes[0], slopes[1] = by_mean, total + by_sigma
        return float(sigma * total), slopes


def _half_crystal_ball(end: float, alpha: float, power: float) -> tuple[float, float, float, float]:
    """Area of one side from 0 to ``end``, value there, derivatives of the area by alpha and power."""
    if end <= alpha:
        return _ROOT_HALF_PI * math.erf(end / math.sqrt(2.0)), math.exp(-0.5 * end * end), 0.0, 0.0
    edge = math.exp(-0.5 * alpha * alpha)
    base = 1.0 + (end - alpha) * alpha / power
    scale = power / (alpha * (power - 1.0))
    left = base ** (1.0 - power)
    core = _ROOT_HALF_PI * math.erf(alpha / math.sqrt(2.0))
    tail = edge * scale * (1.0 - left)
    by_alpha = (
        edge - (alpha + 1.0 / alpha) * tail + edge * scale * (power - 1.0) * left / base * (end - 2.0 * alpha) / power
    )
    left_by_power = left * (-math.log(base) - (1.0 - power) * (end - alpha) * alpha / (power * power * base))
    by_power = -edge * (1.0 - left) / (alpha * (power - 1.0) ** 2) - edge * scale * left_by_power
    return core + tail, edge * left / base, by_alpha, by_power


@dataclass(frozen=True)
class BreitWigner:
    """1 / [(x - mean)^2 + width^2 / 4], the resonance without detector."""

    names: tuple[str, ...] = ("mean", "width")

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        mean, width = values
        function = 1.0 / ((x - mean) ** 2 + width * width / 4.0)
        square = function * function
        return function, np.stack([2.0 * (x - mean) * square, -0.5 * width * square])

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        mean, width = values
        ends = np.array([window.low, window.high]) - mean
        at = 1.0 / (ends * ends + width * width / 4.0)
        angles = np.arctan(2.0 * ends / width)
        total = 2.0 / width * (angles[1] - angles[0])
        by_width = -total / width - (ends[1] * at[1] - ends[0] * at[0]) / width
        return float(total), np.array([at[0] - at[1], by_width])


@dataclass(frozen=True)
class Voigtian:
    """A Breit-Wigner of full width ``width`` seen with a Gaussian resolution ``sigma``.

    Notes
    -----
    Re w(z) with z = (x - mean + i width / 2) / (sigma sqrt 2) and the Faddeeva function w.

    References
    ----------
    G. Poppe, C. Wijers, ACM Trans. Math. Softw. 16 (1990) 38.
    """

    names: tuple[str, ...] = ("mean", "width", "sigma")

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        mean, width, sigma = values
        scale = 1.0 / (sigma * math.sqrt(2.0))
        z = (x - mean + 0.5j * width) * scale
        w = wofz(z)
        slope = -2.0 * z * w + 2.0j / math.sqrt(math.pi)
        by_sigma = -(slope * z).real / sigma
        return w.real, np.stack([-slope.real * scale, (0.5j * slope).real * scale, by_sigma])

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        mean, width, sigma = values
        steps = np.array([-60.0, -20.0, -8.0, -3.0, 0.0, 3.0, 8.0, 20.0, 60.0])
        return integrate(self, values, window, mean + steps * (sigma + 0.5 * width))


@dataclass(frozen=True)
class Exponential:
    """exp(slope (x - low)) with the slope in 1/GeV."""

    names: tuple[str, ...] = ("slope",)

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        distance = x - window.low
        function = np.exp(values[0] * distance)
        return function, (function * distance)[None]

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        y = float(values[0]) * window.width
        if abs(y) < 1e-3:
            # series of (e^y - 1) / y and of its derivative
            mean = 1.0 + y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0 * (1.0 + y / 5.0)))
            slope = 0.5 + y / 3.0 + y * y / 8.0 + y**3 / 30.0
        else:
            mean = math.expm1(y) / y
            slope = (math.exp(y) - mean) / y
        return window.width * mean, np.array([window.width**2 * slope])


@dataclass(frozen=True)
class PowerLaw:
    """(x / low)^power; the window begins above zero."""

    names: tuple[str, ...] = ("power",)

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        logarithm = np.log(x / window.low)
        function = np.exp(values[0] * logarithm)
        return function, (function * logarithm)[None]

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        # an exponential in ln(x / low) with the slope power + 1
        logarithmic = Window(0.0, math.log(window.high / window.low))
        total, slope = Exponential().integral(values + 1.0, logarithmic)
        return window.low * total, window.low * slope


@dataclass(frozen=True)
class ExponentialPolynomial:
    """exp(sum_k c_k z^k), k = 1 to ``order``, with z = (x - low) / (high - low) from 0 to 1."""

    order: int = 2

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(f"c{k}" for k in range(1, self.order + 1))

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        z = (x - window.low) / window.width
        powers = np.stack([z**k for k in range(1, self.order + 1)])
        function = np.exp(values @ powers)
        return function, powers * function

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        return integrate(self, values, window, np.empty(0))


@dataclass(frozen=True)
class Bernstein:
    """sum_k c_k C(order, k) z^k (1 - z)^(order - k) with c_0 = 1 and z = (x - low) / (high - low) from 0 to 1."""

    order: int = 3

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(f"c{k}" for k in range(1, self.order + 1))

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        z, n = (x - window.low) / window.width, self.order
        basis = np.stack([comb(n, k) * z**k * (1.0 - z) ** (n - k) for k in range(n + 1)])
        return basis[0] + values @ basis[1:], basis[1:]

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        share = window.width / (self.order + 1.0)
        return float(share * (1.0 + values.sum())), np.full(self.order, share)
