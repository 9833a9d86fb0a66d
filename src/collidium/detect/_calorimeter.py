"""Calorimeters: towers, their resolution and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from collidium.detect._particles import Float, Int
from collidium.detect._tracking import log_normal


@dataclass(frozen=True, kw_only=True)
class Calorimeter:
    """Towers in (eta, phi) and what they measure.

    Attributes
    ----------
    name : str
        ``ECAL`` or ``HCAL``.
    eta_edges : tuple of float
        Edges of the rings of towers for eta >= 0, the first being 0; the other half mirrors them.
    num_phi : tuple of int
        Towers in each ring.
    resolution : callable
        sigma(energy, eta) in GeV for arrays of the same length.
    min_energy : float
        A tower below it reads 0, GeV.
    min_significance : float
        A tower whose energy is below so many standard deviations reads 0, 1.
    """

    name: str
    eta_edges: tuple[float, ...]
    num_phi: tuple[int, ...]
    resolution: Callable[[Float, Float], Float]
    min_energy: float
    min_significance: float

    @cached_property
    def edges(self) -> Float:
        """Edges of all rings from negative to positive eta, (rings + 1,)."""
        half = np.array(self.eta_edges)
        return np.concatenate([-half[:0:-1], half])

    @cached_property
    def rings(self) -> Int:
        """Towers in each ring from negative to positive eta, (rings,)."""
        half = np.array(self.num_phi, dtype=np.int64)
        return np.concatenate([half[::-1], half])

    @cached_property
    def first_cell(self) -> Int:
        """Number of the first tower of each ring, and the number of all towers, (rings + 1,)."""
        return np.concatenate([[0], np.cumsum(self.rings)])

    def cell(self, eta: Float, phi: Float) -> Int:
        """Tower at a position.

        Parameters
        ----------
        eta, phi : ndarray, (T,), 1 and rad
            Positions; phi in [-pi, pi].

        Returns
        -------
        ndarray of int64, (T,)
            Number of the tower, -1 outside the coverage.
        """
        ring = np.searchsorted(self.edges, eta, side="right") - 1
        is_covered = (ring >= 0) & (ring < len(self.rings))
        ring = np.where(is_covered, ring, 0)
        count = self.rings[ring]
        column = np.minimum(((phi + np.pi) * (count / (2 * np.pi))).astype(np.int64), count - 1)
        return np.where(is_covered, self.first_cell[ring] + column, -1)

    def ring_of(self, cell: Int) -> Int:
        """Ring of each tower, (T,)."""
        return np.searchsorted(self.first_cell, cell, side="right") - 1

    def point_inside(self, cell: Int, generator: np.random.Generator) -> tuple[Float, Float]:
        """Draw a position uniformly inside each tower.

        Parameters
        ----------
        cell : ndarray of int64, (T,)
            Numbers of towers.
        generator : numpy.random.Generator
            Source of 2 T uniform numbers.

        Returns
        -------
        eta, phi : ndarray, (T,), 1 and rad
            The positions.
        """
        ring = self.ring_of(cell)
        low, high = self.edges[ring], self.edges[ring + 1]
        eta = low + (high - low) * generator.random(len(cell))
        column = cell - self.first_cell[ring] + generator.random(len(cell))
        return eta, column * (2 * np.pi / self.rings[ring]) - np.pi


@dataclass(frozen=True)
class Towers:
    """W struck towers of a batch of events, ordered by event.

    Attributes
    ----------
    event : ndarray of int64, (W,)
        Event of each tower.
    cell : ndarray of int64, (W,)
        Number of the tower in its calorimeter.
    energy : ndarray, (W,), GeV
        Measured energy, 0 below threshold.
    sigma : ndarray, (W,), GeV
        Resolution at the measured energy before the thresholds.
    of_deposit : ndarray of int64, (D,)
        Row of the tower that each deposit struck.
    """

    event: Int
    cell: Int
    energy: Float
    sigma: Float
    of_deposit: Int


def measure_towers(
    calorimeter: Calorimeter, event: Int, cell: Int, deposit: Float, *, generator: np.random.Generator
) -> Towers:
    """Sum deposits in towers and measure them.

    Parameters
    ----------
    calorimeter : Calorimeter
        Which one.
    event, cell : ndarray of int64, (D,)
        Event and tower of each deposit; no cell is -1.
    deposit : ndarray, (D,), GeV
        Energies left, all positive.
    generator : numpy.random.Generator
        Source of one normal number a tower.

    Returns
    -------
    Towers
        The sum of each tower, smeared log-normally with sigma at the true energy, and set to 0 below ``min_energy`` or
        below ``min_significance`` times sigma at the smeared energy.

    References
    ----------
    Delphes, arXiv:1307.6346, section 2.3.

    Examples
    --------
    >>> towers = measure_towers(ECAL, np.array([0, 0]), np.array([5, 5]), np.array([20.0, 30.0]),
    ...                         generator=np.random.default_rng(1))
    >>> towers.cell.tolist(), bool(abs(towers.energy[0] - 50) < 15)
    ([5], True)
    """
    num_cells = int(calorimeter.first_cell[-1])
    key, of_deposit = np.unique(event * num_cells + cell, return_inverse=True)
    tower_event, tower_cell = key // num_cells, key % num_cells
    ring = calorimeter.ring_of(tower_cell)
    eta = (calorimeter.edges[ring] + calorimeter.edges[ring + 1]) / 2
    true = np.bincount(of_deposit, weights=deposit, minlength=len(key)).astype(np.float64)
    energy = log_normal(true, calorimeter.resolution(true, eta), generator)
    sigma = calorimeter.resolution(energy, eta)
    is_seen = (energy >= calorimeter.min_energy) & (energy >= calorimeter.min_significance * sigma)
    return Towers(tower_event, tower_cell, np.where(is_seen, energy, 0.0), sigma, of_deposit)


def ecal_resolution(energy: Float, eta: Float) -> Float:
    """Resolution of an ECAL tower.

    Parameters
    ----------
    energy, eta : ndarray, (T,), GeV and 1
        Energy of the tower and pseudorapidity of its centre.

    Returns
    -------
    ndarray, (T,), GeV
        sigma(E); 1 % to 3 % above 100 GeV in the barrel.

    References
    ----------
    CMS card of Delphes, arXiv:1307.6346; eta shape after arXiv:1306.2016, energy shape after arXiv:1502.02701.

    Examples
    --------
    >>> ecal_resolution(np.array([100.0]), np.array([0.0])).round(2).tolist()
    [1.42]
    """
    size = np.abs(eta)
    central = np.sqrt((0.008 * energy) ** 2 + 0.11**2 * energy + 0.40**2)
    forward = np.sqrt((0.107 * energy) ** 2 + 2.08**2 * energy)
    shape = np.where(size <= 1.5, 1 + 0.64 * size**2, 2.16 + 5.6 * (size - 2) ** 2)
    return np.where(size <= 2.5, shape * central, forward)


def hcal_resolution(energy: Float, eta: Float) -> Float:
    """Resolution of an HCAL tower.

    Parameters
    ----------
    energy, eta : ndarray, (T,), GeV and 1
        Energy of the tower and pseudorapidity of its centre.

    Returns
    -------
    ndarray, (T,), GeV
        sigma(E).

    References
    ----------
    CMS card of Delphes, arXiv:1307.6346.

    Examples
    --------
    >>> hcal_resolution(np.array([100.0]), np.array([0.0])).round(2).tolist()
    [15.81]
    """
    central = np.sqrt((0.05 * energy) ** 2 + 1.5**2 * energy)
    forward = np.sqrt((0.13 * energy) ** 2 + 2.7**2 * energy)
    return np.where(np.abs(eta) <= 3.0, central, forward)


_FORWARD_ETA = (3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35, 4.525, 4.7, 5.0)
_ECAL_ETA = (*(0.0174 * index for index in range(171)), *_FORWARD_ETA)
_HCAL_FINE = (*(0.087 * index for index in range(19)), 1.653)
_HCAL_WIDE = (1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95, *_FORWARD_ETA[:8])

ECAL = Calorimeter(
    name="ECAL",
    eta_edges=_ECAL_ETA,
    num_phi=(360,) * 170 + (36,) * len(_FORWARD_ETA),
    resolution=ecal_resolution,
    min_energy=0.5,
    min_significance=2.0,
)
HCAL = Calorimeter(
    name="HCAL",
    eta_edges=(*_HCAL_FINE, *_HCAL_WIDE, *_FORWARD_ETA[8:]),
    num_phi=(72,) * (len(_HCAL_FINE) - 1) + (36,) * len(_HCAL_WIDE) + (18,) * 3,
    resolution=hcal_resolution,
    min_energy=1.0,
    min_significance=1.0,
)
