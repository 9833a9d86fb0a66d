"""Interpolation between the up and down variations of a template.

Every code of HistFactory for shapes has the form S a + H g(a) with half the difference S = (up - down) / 2, half the
sum H = (up + down - 2 nominal) / 2 and an even function g; so a table of S and H and one g per parameter are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.measure._parameters import Matrix, Vector

ShapeCode: TypeAlias = Literal["code0", "code2", "code4p"]
NormCode: TypeAlias = Literal["code1", "code4", "combine"]

# (value, slope, curvature of the polynomial at +1) -> odd and even coefficients, from matching at +-1:
# odd part c1 a + c3 a^3 + c5 a^5, even part c2 a^2 + c4 a^4 + c6 a^6
_MATCH_ODD = np.linalg.inv([[1.0, 1.0, 1.0], [1.0, 3.0, 5.0], [0.0, 6.0, 20.0]])
_MATCH_EVEN = np.linalg.inv([[1.0, 1.0, 1.0], [2.0, 4.0, 6.0], [2.0, 12.0, 30.0]])


def even_part(alpha: ArrayLike, code: ShapeCode) -> tuple[Vector, Vector, Vector]:
    """The even function g of a shape interpolation, with its first and second derivative.

    Parameters
    ----------
    alpha : ndarray, 1
        Nuisance parameters in standard deviations.
    code : {"code0", "code2", "code4p"}
        Linear by pieces, quadratic with linear extrapolation, or a polynomial of order six with linear extrapolation.

    Returns
    -------
    tuple of ndarray
        g, g', g'', each of the shape of ``alpha``.

    Notes
    -----
    code 0: |a|. Code 2: a^2 inside of +-1, 2 |a| - 1 outside. Code 4p: a^2 (15 - 10 a^2 + 3 a^4) / 8 inside, |a|
    outside, with two continuous derivatives.

    References
    ----------
    K. Cranmer et al., HistFactory, CERN-OPEN-2012-016, section 4.1 (codes 0 and 2); RooStats PiecewiseInterpolation
    code 4.

    Examples
    --------
    >>> value, slope, curvature = even_part([1.0, -2.0], "code4p")
    >>> value, slope
    (array([1., 2.]), array([ 1., -1.]))
    """
    a = np.asarray(alpha, dtype=np.float64)
    distance = np.abs(a)
    if code == "code0":
        return distance, np.sign(a), np.zeros_like(a)
    is_inside = distance <= 1.0
    # outside, where another branch is taken, the polynomials must not overflow
    a = np.clip(a, -1.0, 1.0)
    square = a * a
    if code == "code2":
        value, slope, curvature = square, 2.0 * a, np.full_like(a, 2.0)
        outside, outside_slope = 2.0 * distance - 1.0, 2.0 * np.sign(a)
    else:
        value = square * (15.0 + square * (3.0 * square - 10.0)) / 8.0
        slope = a * (15.0 + square * (9.0 * square - 20.0)) / 4.0
        curvature = (15.0 + square * (45.0 * square - 60.0)) / 4.0
        outside, outside_slope = distance, np.sign(a)
    if is_inside.all():
        return value, slope, curvature
    return (
        np.where(is_inside, value, outside),
        np.where(is_inside, slope, outside_slope),
        np.where(is_inside, curvature, 0.0),
    )


class NormFactors(Protocol):
    """Interpolated factors kappa(a) of E normsys modifiers."""

    def values(self, alpha: Vector) -> tuple[Vector, Vector]:
        """Factors and their derivatives at ``alpha``, each (E,)."""

    def curvatures(self, alpha: Vector) -> Vector:
        """Second derivatives of the factors, (E,)."""


def norm_factors(low: ArrayLike, high: ArrayLike, code: NormCode) -> NormFactors:
    """Prepare the interpolation of factors.

    Parameters
    ----------
    low, high : ndarray, (E,), 1
        Factors at -1 and +1, positive.
    code : {"code1", "code4", "combine"}
        Exponential by pieces; exponential with a polynomial of order six inside of +-1 that matches value, slope and
        curvature there; or exponential with a smooth change of the exponent inside of +-1/2, as in Combine's lnN.

    Returns
    -------
    NormFactors
        To be evaluated.

    References
    ----------
    K. Cranmer et al., HistFactory, CERN-OPEN-2012-016, section 4.1; CMS Collaboration, arXiv:2404.06614, section 3.2
    (combine).

    Examples
    --------
    >>> factors = norm_factors([0.9], [1.1], "code4")
    >>> factors.values(np.array([1.0]))[0].round(12)
    array([1.1])
    """
    log_low, log_high = np.log(low), np.log(high)
    if code != "code4":
        return ExponentialFactors((log_high - log_low) / 2.0, (log_high + log_low) / 2.0, code)
    up, down = np.exp(log_high), np.exp(log_low)
    slope_up, slope_down = log_high * up, -log_low * down
    bend_up, bend_down = log_high**2 * up, log_low**2 * down
    odd = _MATCH_ODD @ np.stack([up - down, slope_up + slope_down, bend_up - bend_down]) / 2.0
    even = _MATCH_EVEN @ np.stack([up + down - 2.0, slope_up - slope_down, bend_up + bend_down]) / 2.0
    coefficients = np.stack([odd[0], even[0], odd[1], even[1], odd[2], even[2]])
    return PolynomialFactors(log_low, log_high, coefficients)


@dataclass(frozen=True)
class ExponentialFactors:
    """Factors exp(S a + H e(a)) with an even function e.

    Attributes
    ----------
    difference, total : ndarray, (E,), 1
        S and H: half the difference and half the sum of the logarithms of the factors at +1 and -1.
    code : {"code1", "combine"}
        |a|, or |a| outside of +-1/2 and a polynomial with two continuous derivatives inside.
    """

    difference: Vector
    total: Vector
    code: Literal["code1", "combine"]

    def _even(self, alpha: Vector) -> tuple[Vector, Vector, Vector]:
        if self.code == "code1":
            return even_part(alpha, "code0")
        value, slope, curvature = even_part(2.0 * alpha, "code4p")
        return value / 2.0, slope, 2.0 * curvature

    def values(self, alpha: Vector) -> tuple[Vector, Vector]:
        """Factors and their derivatives at ``alpha``, each (E,)."""
        even, even_slope, _ = self._even(alpha)
        value = np.exp(self.difference * alpha + self.total * even)
        return value, value * (self.difference + self.total * even_slope)

    def curvatures(self, alpha: Vector) -> Vector:
        """Second derivatives of the factors, (E,)."""
        even, even_slope, even_bend = self._even(alpha)
        value = np.exp(self.difference * alpha + self.total * even)
        return np.asarray(value * ((self.difference + self.total * even_slope) ** 2 + self.total * even_bend))


@dataclass(frozen=True)
class PolynomialFactors:
    """Factors high^a and low^-a outside of +-1, a polynomial inside (code 4).

    Attributes
    ----------
    log_low, log_high : ndarray, (E,), 1
        Logarithms of the factors at -1 and +1.
    coefficients : ndarray, (6, E), 1
        Of a to a^6; the constant is 1.
    """

    log_low: Vector
    log_high: Vector
    coefficients: Matrix

    def _rate(self, alpha: Vector, index: NDArray[np.intp]) -> Vector:
        """Exponents of the factors outside, by standard deviation."""
        return np.where(alpha[index] >= 0.0, self.log_high[index], -self.log_low[index])

    def values(self, alpha: Vector) -> tuple[Vector, Vector]:
        """Factors and their derivatives at ``alpha``, each (E,)."""
        c = self.coefficients
        value, slope = c[5] * alpha, 6.0 * c[5] * alpha
        for power in (4, 3, 2, 1):
            value += c[power]
            value *= alpha
            slope += (power + 1.0) * c[power]
            slope *= alpha
        value += c[0]
        value *= alpha
        value += 1.0
        slope += c[0]
        outside = np.flatnonzero(np.abs(alpha) >= 1.0)
        if len(outside):
            rate = self._rate(alpha, outside)
            value[outside] = np.exp(rate * alpha[outside])
            slope[outside] = rate * value[outside]
        return value, slope

    def curvatures(self, alpha: Vector) -> Vector:
        """Second derivatives of the factors, (E,)."""
        curvature = np.zeros_like(alpha)
        for power in (5, 4, 3, 2, 1):
            curvature = curvature * alpha + (power + 1.0) * power * self.coefficients[power]
        outside = np.flatnonzero(np.abs(alpha) >= 1.0)
        if len(outside):
            rate = self._rate(alpha, outside)
            curvature[outside] = rate**2 * np.exp(rate * alpha[outside])
        return curvature
