"""Energy flow: tracks and towers combined so that nothing is counted twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.detect._calorimeter import Calorimeter, Towers
from collidium.detect._particles import Float, Int


@dataclass(frozen=True)
class EnergyFlow:
    """What one calorimeter says about its towers and tracks.

    Attributes
    ----------
    excess : ndarray, (W,), GeV
        Energy of the neutral candidate of each tower, 0 for none.
    scale : ndarray, (T,), 1
        Factor for the four-momentum of each track.
    """

    excess: Float
    scale: Float


def energy_flow(
    calorimeter: Calorimeter, towers: Towers, tower_of_track: Int, track_energy: Float, track_resolution: Float
) -> EnergyFlow:
    """Compare the energy of each tower with that of the tracks that point at it.

    Parameters
    ----------
    calorimeter : Calorimeter
        Where the thresholds come from.
    towers : Towers
        W measured towers.
    tower_of_track : ndarray of int64, (T,)
        Row of the tower that each track struck.
    track_energy : ndarray, (T,), GeV
        Measured energy of each track, all of which a perfect tower would see.
    track_resolution : ndarray, (T,), 1
        Relative resolution of each track.

    Returns
    -------
    EnergyFlow
        With E the tower's energy, E_trk the sum of its tracks and s_trk^2 = sum (resolution x energy)^2: if the excess
        E - E_trk is above ``min_energy`` and above ``min_significance`` sqrt(s_trk^2 + sigma^2), it is a neutral
        candidate and the tracks stay as they are. Otherwise there is no candidate, and the tracks are scaled so that
        their sum is the average of E_trk and E with weights 1 / s_trk^2 and 1 / sigma^2.

    References
    ----------
    Delphes, arXiv:1307.6346, section 2.4.

    Examples
    --------
    >>> from collidium.detect import ECAL
    >>> tower = Towers(np.array([0]), np.array([5]), np.array([50.0]), np.array([1.0]), np.array([0]))
    >>> flow = energy_flow(ECAL, tower, np.array([0]), np.array([30.0]), np.array([0.03]))
    >>> flow.excess.tolist(), flow.scale.tolist()
    ([20.0], [1.0])
    """
    count = len(towers.energy)
    energy_of_tracks = np.bincount(tower_of_track, weights=track_energy, minlength=count)
    variance_of_tracks = np.bincount(tower_of_track, weights=(track_resolution * track_energy) ** 2, minlength=count)
    excess = np.maximum(towers.energy - energy_of_tracks, 0.0)
    deviation = np.sqrt(variance_of_tracks + towers.sigma**2)
    is_neutral = (excess > calorimeter.min_energy) & (excess > calorimeter.min_significance * deviation)

    variance = towers.sigma**2
    total = np.maximum(variance + variance_of_tracks, np.finfo(np.float64).tiny)
    best = (energy_of_tracks * variance + towers.energy * variance_of_tracks) / total
    is_rescaled = ~is_neutral & (energy_of_tracks > 0)
    ratio = np.divide(best, energy_of_tracks, out=np.ones(count), where=is_rescaled)
    return EnergyFlow(np.where(is_neutral, excess, 0.0), ratio[tower_of_track])
