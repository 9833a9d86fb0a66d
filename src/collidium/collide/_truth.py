"""Truth labels: which jets hold what their class must hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.collide._catalogue import GLUON, HIGGS, TOP, Truth, W, Z
from collidium.collide._record import EventRecord

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

HARD_PROCESS = 23
LEPTONS = (11, 13)
NEUTRINO_PIDS = (12, 14, 16)
_RESONANCES = (TOP, Z, W, HIGGS)


@dataclass(frozen=True)
class Targets:
    """Directions that a jet must contain, grouped by the heavy particle or hard parton they belong to.

    Attributes
    ----------
    event : ndarray of int64, (G,)
        Event of each group, not decreasing.
    group : ndarray of int64, (D,)
        Group of each direction.
    eta, phi : ndarray, (D,), 1 and rad
        The directions.
    """

    event: Int
    group: Int
    eta: Float
    phi: Float


def targets(record: EventRecord, truth: Truth) -> Targets:
    """Find what the jets of a class must contain.

    Parameters
    ----------
    record : EventRecord
        N events.
    truth : Truth
        Definition of the class, with a resonance or partons.

    Returns
    -------
    Targets
        One group per heavy particle that decays in the wanted way, holding its own direction and those of its visible
        decay products before radiation; or one group per hard-process parton of the wanted kind.

    Notes
    -----
    Decay products carry status 23 and point at the last copy of their mother. A W boson inside a decay chain is
    followed through its copies to the top quark or Higgs boson.
    """
    hard = np.flatnonzero(np.abs(record.status) == HARD_PROCESS)
    if truth.resonance is None:
        return _parton_targets(record, hard, truth.partons)
    root = _roots(record, hard, truth.resonance)
    hard, root = hard[root >= 0], root[root >= 0]
    heavy, group = np.unique(root, return_inverse=True)
    size = np.abs(record.pid[hard])
    quarks, leptons, gluons = (
        np.bincount(group, weights=is_one, minlength=len(heavy))
        for is_one in ((size > 0) & (size < TOP), np.isin(size, LEPTONS), size == GLUON)
    )
    is_wanted = (quarks == truth.quarks) & (leptons == truth.leptons) & (gluons == truth.gluons)
    number = np.cumsum(is_wanted) - 1
    is_visible = is_wanted[group] & ~np.isin(size, (*NEUTRINO_PIDS, *_RESONANCES))
    rows = np.concatenate([heavy[is_wanted], hard[is_visible]])
    groups = np.concatenate([number[is_wanted], number[group[is_visible]]])
    return Targets(record.event_of(heavy[is_wanted]), groups, *_direction(record, rows))


def _parton_targets(record: EventRecord, hard: Int, partons: tuple[int, ...]) -> Targets:
    """Hard-process partons of the wanted kind, one group each."""
    rows = hard[np.isin(np.abs(record.pid[hard]), partons)]
    return Targets(record.event_of(rows), np.arange(len(rows)), *_direction(record, rows))


def _roots(record: EventRecord, rows: Int, resonance: int) -> Int:
    """Row of the resonance at the top of the decay chain of each row, -1 without one."""
    root = np.full(len(rows), -1, dtype=np.int64)
    current = record.mother_row(rows)
    climbing = np.arange(len(rows))
    while len(climbing):
        size = np.abs(record.pid[current])
        is_root = size == resonance
        root[climbing[is_root]] = current[is_root]
        is_inside = ~is_root & np.isin(size, _RESONANCES)
        climbing, current = climbing[is_inside], record.mother_row(current[is_inside])
    return root


def _direction(record: EventRecord, rows: Int) -> tuple[Float, Float]:
    """Pseudorapidity and azimuth of entries."""
    px, py, pz = record.px[rows], record.py[rows], record.pz[rows]
    pt = np.maximum(np.hypot(px, py), 1e-9)
    return np.arcsinh(pz / pt), np.arctan2(py, px)


def is_matched(wanted: Targets, event: Int, eta: Float, phi: Float, *, radius: float) -> Bool:
    """Tell which jets hold all directions of a group.

    Parameters
    ----------
    wanted : Targets
        The groups.
    event : ndarray of int64, (J,)
        Event of each jet.
    eta, phi : ndarray, (J,), 1 and rad
        Axis of each jet.
    radius : float
        Largest distance of a direction from the axis, 1.

    Returns
    -------
    ndarray of bool, (J,)
        True where every direction of at least one group of the jet's event is within the radius.

    Examples
    --------
    >>> wanted = Targets(np.array([0]), np.array([0, 0]), np.array([0.1, 0.5]), np.array([3.1, -3.1]))
    >>> is_matched(wanted, np.array([0, 1]), np.array([0.3, 0.3]), np.array([3.1, 3.1]), radius=0.8).tolist()
    [True, False]
    """
    order = np.argsort(wanted.group, kind="stable")
    sizes = np.bincount(wanted.group, minlength=len(wanted.event))
    jet, group = _pairs(event, wanted.event)
    pair, direction = _expand(sizes[group], np.cumsum(sizes)[group] - sizes[group])
    rows = order[direction]
    delta_eta = wanted.eta[rows] - eta[jet[pair]]
    delta_phi = np.mod(wanted.phi[rows] - phi[jet[pair]] + np.pi, 2 * np.pi) - np.pi
    is_outside = np.hypot(delta_eta, delta_phi) >= radius
    misses = np.bincount(pair, weights=is_outside, minlength=len(jet))
    return np.bincount(jet, weights=misses == 0, minlength=len(event)) > 0


def _pairs(event: Int, group_event: Int) -> tuple[Int, Int]:
    """All pairs (jet, group) of the same event; ``group_event`` does not decrease."""
    first = np.searchsorted(group_event, event, side="left")
    last = np.searchsorted(group_event, event, side="right")
    return _expand(last - first, first)


def _expand(counts: Int, starts: Int) -> tuple[Int, Int]:
    """Owner and value of the ranges ``start, start + 1, ...`` of given lengths, one after another."""
    owner = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return owner, np.arange(int(counts.sum())) - np.repeat(ends - counts, counts) + np.repeat(starts, counts)
