"""Figures of an angle measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.artifact import InputError
from collidium.detect._particles import Float

CORE_ANGLE = 30.0


@dataclass(frozen=True)
class AngleResolution:
    """Spread of measured minus true angle.

    Attributes
    ----------
    core : float
        Root mean square of the differences within the core, mrad; NaN if there are none.
    rms : float
        Root mean square of all differences, mrad.
    outside : float
        Fraction of differences outside the core, 1.
    half_width : float
        Half of the interval between the 15.87 % and 84.13 % quantiles, mrad.
    bias : float
        Mean of the differences within the core, mrad; NaN if there are none.
    """

    core: float
    rms: float
    outside: float
    half_width: float
    bias: float


def angle_resolution(measured: Float, true: Float, *, core: float = CORE_ANGLE) -> AngleResolution:
    """Summarise an angle measurement.

    Parameters
    ----------
    measured, true : ndarray, (N,), mrad
        Angles of the same muons.
    core : float
        Differences below it are the core, mrad. Published resolutions are those of 30 mrad.

    Returns
    -------
    AngleResolution
        Root mean squares are about zero, not about the mean, so that a bias counts.

    Raises
    ------
    InputError
        If there are no muons, or the arrays differ in length.

    Examples
    --------
    >>> angle_resolution(np.array([3.0, -4.0, 100.0]), np.zeros(3)).outside
    0.33333333333333337
    """
    if measured.shape != true.shape or measured.ndim != 1 or not len(true):
        raise InputError(f"angles have shapes {measured.shape} and {true.shape}: two equal (N,), N > 0 are needed")
    r = np.asarray(measured, dtype=np.float64) - true
    inside = r[np.abs(r) < core]
    low, high = np.quantile(r, [0.158655, 0.841345])
    return AngleResolution(
        core=float(np.sqrt(np.mean(inside**2))) if len(inside) else float("nan"),
        rms=float(np.sqrt(np.mean(r**2))),
        outside=1 - len(inside) / len(r),
        half_width=float(high - low) / 2,
        bias=float(inside.mean()) if len(inside) else float("nan"),
    )
