"""States of one family: the same peak at a known ratio of masses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.measure._parameters import Matrix, Vector
from collidium.measure._shapes import Shape, Window


@dataclass(frozen=True)
class Rescaled:
    """A shape whose ``mean`` and ``sigma`` are multiplied by a known ratio.

    Momentum scale and relative resolution are then common to all states: m_n = m_1 ratio, sigma_n = sigma_1 ratio.

    Attributes
    ----------
    shape : Shape
        With parameters ``mean`` and ``sigma``.
    ratio : float
        Mass of the state over that of the first one.

    Examples
    --------
    >>> from collidium.measure import Gaussian
    >>> second = Rescaled(Gaussian(), 2.0)
    >>> value, _ = second.unnormalised(np.array([6.0]), np.array([3.0, 0.1]), Window(0.0, 10.0))
    >>> value
    array([1.])
    """

    shape: Shape
    ratio: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.shape.names

    @property
    def _factors(self) -> Vector:
        return np.array([self.ratio if name in ("mean", "sigma") else 1.0 for name in self.names])

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        function, slopes = self.shape.unnormalised(x, values * self._factors, window)
        return function, slopes * self._factors[:, None]

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        total, slopes = self.shape.integral(values * self._factors, window)
        return total, slopes * self._factors
