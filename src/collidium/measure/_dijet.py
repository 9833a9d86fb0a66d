"""The falling spectra of jets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss

from collidium.measure._parameters import Matrix, Vector
from collidium.measure._shapes import Window


@dataclass(frozen=True)
class Dijet:
    """(1 - y)^p1 exp[-p2 ln z - p3 (ln z)^2 - ...] with y = x / energy and z = x over the window's geometric middle.

    Notes
    -----
    The family (1 - y)^P1 / y^(P2 + P3 ln y + ...) of searches with jets: z instead of y is a linear change of the
    parameters that leaves them less correlated. ``num_parameters`` counts p1, p2, ... without the yield.

    References
    ----------
    CMS Collaboration, JHEP 05 (2020) 033, arXiv:1911.03947, equation 1.
    """

    num_parameters: int = 3
    energy: float = 13_000.0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(f"p{k}" for k in range(1, self.num_parameters + 1))

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        logarithm = np.log(x / math.sqrt(window.low * window.high))
        powers = [np.log1p(-x / self.energy), *(-(logarithm**k) for k in range(1, self.num_parameters))]
        slopes = np.stack(powers)
        function = np.exp(values @ slopes)
        return function, function * slopes

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        x, weights = _nodes(window)
        function, slopes = self.unnormalised(x, values, window)
        return float(weights @ function), slopes @ weights


@lru_cache(maxsize=16)
def _nodes(window: Window) -> tuple[Vector, Vector]:
    """Gauss-Legendre points in the logarithm of the mass, and their weights."""
    points, weights = leggauss(64)
    half = math.log(window.high / window.low) / 2.0
    x = math.sqrt(window.low * window.high) * np.exp(half * points)
    return x, x * half * weights
