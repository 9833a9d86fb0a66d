"""Clusters: runs of neighbouring channels that fired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.detect._chamber import ChamberConfig
from collidium.detect._particles import Float, Int


@dataclass(frozen=True)
class Clusters:
    """C clusters of N events, ordered by event, gap and position.

    Attributes
    ----------
    first : ndarray of int64, (N, gaps)
        Row of the first cluster of each gap.
    count : ndarray of int64, (N, gaps)
        Number of clusters in each gap.
    centre : ndarray, (C,), mm
        Middle of the run, from the nominal line.
    size : ndarray of int64, (C,)
        Channels in the run.
    sigma : ndarray, (C,), mm
        Uncertainty of the centre.
    """

    first: Int
    count: Int
    centre: Float
    size: Int
    sigma: Float


def find_clusters(config: ChamberConfig, hits: NDArray[np.bool_]) -> Clusters:
    """Find the runs of neighbouring channels.

    Parameters
    ----------
    config : ChamberConfig
        The chambers.
    hits : ndarray of bool, (N, gaps, channels)
        Which channels fired.

    Returns
    -------
    Clusters
        All of them.

    Raises
    ------
    InputError
        If the shape is not that of the chambers.

    Notes
    -----
    A muon that fires one channel is anywhere in it; one that fires two by cross-talk is between their middles. So the
    uncertainty is that of a flat density over ``max(size - 1, 1)`` pitches, ``pitch max(size - 1, 1) / sqrt(12)``.

    Examples
    --------
    >>> hits = np.zeros((1, 7, 50), dtype=bool)
    >>> hits[0, 6, 3:5] = True
    >>> clusters = find_clusters(ChamberConfig(), hits)
    >>> clusters.size.tolist(), clusters.centre.tolist(), clusters.count[0].tolist()
    ([2], [-410.0], [0, 0, 0, 0, 0, 0, 1])
    """
    shape = (config.num_gaps, config.num_channels)
    if hits.ndim != 3 or hits.shape[1:] != shape:
        raise InputError(f"hits have shape {hits.shape}: (events, {shape[0]}, {shape[1]}) is needed")
    edges = np.diff(hits.astype(np.int8), axis=2, prepend=0, append=0)
    event, gap, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[2]
    count = np.bincount(event * config.num_gaps + gap, minlength=len(hits) * config.num_gaps)
    first = np.cumsum(count) - count
    size = end - start
    pitch, stagger = np.array(config.pitch)[gap], np.array(config.stagger)[gap]
    centre = ((start + end) / 2 - config.num_channels / 2 + stagger) * pitch
    sigma = pitch * np.maximum(size - 1, 1) / np.sqrt(12)
    return Clusters(first.reshape(-1, shape[0]), count.reshape(-1, shape[0]), centre, size, sigma)
