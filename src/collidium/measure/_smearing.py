"""Line shapes of resonances as a detector sees them: a Breit-Wigner convolved with a resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import fftconvolve

from collidium.measure._parameters import Matrix, Vector
from collidium.measure._shapes import Shape, Window, integrate

# true masses this many steps beyond the window can be smeared into it
_MARGIN = 300


@dataclass(frozen=True)
class RelativisticBreitWigner:
    """m^2 / [(m^2 - mean^2)^2 + m^4 width^2 / mean^2], a resonance whose width grows with its mass.

    References
    ----------
    Particle Data Group, Review of Particle Physics, section Resonances.
    """

    names: tuple[str, ...] = ("mean", "width")

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        mean, width = values
        square = x * x
        distance, spread = square - mean * mean, square * square / (mean * mean)
        denominator = distance * distance + spread * width * width
        function = square / denominator
        by_mean = -4.0 * mean * distance - 2.0 * spread * width * width / mean
        return function, np.stack([by_mean, 2.0 * spread * width]) * (-function / denominator)

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        mean, width = values
        return integrate(self, values, window, mean + width * np.array([-30.0, -8.0, -2.0, 0.0, 2.0, 8.0, 30.0]))


@dataclass(frozen=True)
class Smeared:
    """A relativistic Breit-Wigner seen through a resolution.

    Attributes
    ----------
    resolution : Shape
        Density of measured less true mass, with a first parameter ``mean``: its own offset is held at zero.
    step : float
        Steps of the grid on which the convolution is done, GeV: a fraction of the width and of the resolution.

    Notes
    -----
    Parameters are ``mean``, ``width``, and those of the resolution but for its mean. The convolution is a sum over
    the grid, which converges faster than any power of the step for smooth functions; between its points the density is
    a cubic.

    Examples
    --------
    >>> from collidium.measure import Gaussian
    >>> Smeared(Gaussian()).names
    ('mean', 'width', 'sigma')
    """

    resolution: Shape
    step: float = 0.1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return ("mean", "width", *self.resolution.names[1:])

    def unnormalised(self, x: Vector, values: Vector, window: Window) -> tuple[Vector, Matrix]:
        """The function at ``x``, and its derivatives."""
        start, step, grid = _on_grid(self, tuple(values.tolist()), window)
        place = (x - start) / step
        left = np.clip(place.astype(np.int64), 1, grid.shape[1] - 3)
        u = place - left
        # cubic through the four nearest points
        weights = (
            -u * (u - 1.0) * (u - 2.0) / 6.0,
            (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0,
            -(u + 1.0) * u * (u - 2.0) / 2.0,
            (u + 1.0) * u * (u - 1.0) / 6.0,
        )
        found = np.zeros((len(grid), len(x)))
        for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
            found += weight * grid[:, left + offset]
        return found[0], found[1:]

    def integral(self, values: Vector, window: Window) -> tuple[float, Vector]:
        """Integral over the window, and its derivatives."""
        return integrate(self, values, window, np.linspace(window.low, window.high, 13))


@lru_cache(maxsize=64)
def _on_grid(shape: Smeared, values: tuple[float, ...], window: Window) -> tuple[float, float, Matrix]:
    """Start and step of the grid, and the function and its derivatives there, (1 + P, G)."""
    count = int(np.ceil(window.width / shape.step)) + 1
    step = window.width / (count - 1)
    true = window.low + step * np.arange(-_MARGIN, count + _MARGIN)
    difference = np.asarray(step * np.arange(-(count + _MARGIN), count + _MARGIN + 1), dtype=np.float64)
    line, by_line = RelativisticBreitWigner().unnormalised(np.maximum(true, step), np.array(values[:2]), window)
    reach = Window(float(difference[0]), float(difference[-1]))
    seen, by_seen = shape.resolution.unnormalised(difference, np.array([0.0, *values[2:]]), reach)
    rows = [fftconvolve(line, seen)]
    rows += [fftconvolve(slope, seen) for slope in by_line]
    rows += [fftconvolve(line, slope) for slope in by_seen[1:]]
    # index 0 of the full convolution lies at true[0] + difference[0]
    first = 2 * _MARGIN + count - 2
    grid = np.stack(rows)[:, first : first + count + 4] * step
    return window.low - 2.0 * step, step, grid
