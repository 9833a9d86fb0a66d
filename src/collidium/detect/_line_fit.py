"""Minimum chi-square: the straight line through one cluster of each gap, or none, that fits best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.detect._chamber import ChamberConfig
from collidium.detect._particles import Float, Int
from collidium.detect._strip_clusters import Clusters, find_clusters

UNUSED_GAP = 16.0
_BEAM = 4
_CHUNK = 20_000
_TOLERANCE = 1e-9
_SINGULAR = 1e-9


@dataclass(frozen=True)
class LineFit:
    """Fitted lines of N events.

    Attributes
    ----------
    angle : ndarray, (N,), mrad
        Angle to the beam; the nominal one where there is no line.
    position : ndarray, (N,), mm
        Crossing of the plane z = 0, from the nominal line; 0 where there is no line.
    chi2 : ndarray, (N,), 1
        Of the used clusters.
    num_gaps : ndarray of int64, (N,)
        Gaps whose cluster is used; 0 where there is no line.
    """

    angle: Float
    position: Float
    chi2: Float
    num_gaps: Int


def fit_lines(
    config: ChamberConfig, hits: NDArray[np.bool_], *, unused_gap: float = UNUSED_GAP, min_lever: float = 100.0
) -> LineFit:
    """Fit a straight line to each event's hits.

    Parameters
    ----------
    config : ChamberConfig
        The chambers.
    hits : ndarray of bool, (N, gaps, channels)
        Which channels fired.
    unused_gap : float
        What a gap costs of which no cluster is used, in units of chi-square.
    min_lever : float
        Least weighted standard deviation of the used gaps along the beam, which keeps lines of one station out, mm.

    Returns
    -------
    LineFit
        For each event the line and the choice of at most one cluster a gap with the least
        ``chi2 + unused_gap * (gaps without a used cluster)``.

    Notes
    -----
    For given clusters the minimum over position and slope is the closed form of weighted least squares. The choice is
    found exactly by branch and bound: gaps are added one by one, the cost of a partial choice never falls when a gap
    is added, and those above the best complete choice known (from a first pass that keeps the four best) are dropped.

    Examples
    --------
    >>> from collidium.detect import respond_strips
    >>> perfect = ChamberConfig(efficiency=1.0, crosstalk=0.0, delta_ray=0.0, noise=0.0)
    >>> hits = respond_strips(perfect, np.full((1, 7), 30.0), np.random.default_rng(1))
    >>> bool(abs(fit_lines(perfect, hits).angle[0] - 229) < 5)
    True
    """
    parts = [
        _fit(config, find_clusters(config, hits[start : start + _CHUNK]), unused_gap, min_lever)
        for start in range(0, len(hits), _CHUNK)
    ]
    if not parts:
        return LineFit(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    return LineFit(*(np.concatenate([getattr(part, name) for part in parts]) for name in LineFit.__annotations__))


@dataclass(frozen=True)
class _Choices:
    """M partial choices of clusters, ordered by event.

    ``sums`` are the weighted sums of 1, z, z^2, u, z u, u^2 over the used clusters, (6, M).
    """

    event: Int
    sums: Float
    num_unused: Int

    def extend(self, clusters: Clusters, gap: int, z: float) -> _Choices:
        """Each choice with no cluster of a gap, and with each of them."""
        options = clusters.count[self.event, gap] + 1
        owner = np.repeat(np.arange(len(options)), options)
        option = np.arange(len(owner)) - np.repeat(np.cumsum(options) - options, options)
        event = self.event[owner]
        is_used = option > 0
        row = (clusters.first[event, gap] + option - 1)[is_used]
        u, weight = clusters.centre[row], clusters.sigma[row] ** -2.0
        sums = self.sums[:, owner]
        one = np.ones(len(u))
        sums[:, is_used] += weight * np.stack([one, z * one, z * z * one, u, z * u, u * u])
        return _Choices(event, sums, self.num_unused[owner] + ~is_used)

    def take(self, rows: Int | NDArray[np.bool_]) -> _Choices:
        """Select choices."""
        return _Choices(self.event[rows], self.sums[:, rows], self.num_unused[rows])

    def spread(self) -> Float:
        """Weighted sum of squared distances of the used gaps from their mean, (M,), 1."""
        w, wz, wzz, *_ = self.sums
        spread: Float = wzz - wz * wz / np.maximum(w, _SINGULAR)
        return spread

    def chi2(self) -> Float:
        """Least sum of squared pulls, (M,), 1."""
        w, wz, wzz, wu, wzu, wuu = self.sums
        w = np.maximum(w, _SINGULAR)
        spread = self.spread()
        is_line = spread > _SINGULAR * wzz
        by_slope = np.where(is_line, (wzu - wz * wu / w) ** 2, 0) / np.where(is_line, spread, 1)
        chi2: Float = np.maximum(wuu - wu * wu / w - by_slope, 0)
        return chi2


def _fit(config: ChamberConfig, clusters: Clusters, unused_gap: float, min_lever: float) -> LineFit:
    """Lines of one chunk."""
    N = len(clusters.count)
    best = _search(config, clusters, unused_gap, min_lever, np.full(N, np.inf), _BEAM)
    bound = np.full(N, np.inf)
    bound[best.event] = best.chi2() + unused_gap * best.num_unused
    best = _search(config, clusters, unused_gap, min_lever, bound, None)
    w, wz, _, wu, wzu, _ = best.sums
    slope = (wzu - wz * wu / w) / best.spread()
    angle, position, chi2 = np.full(N, config.nominal_angle), np.zeros(N), np.zeros(N)
    num_gaps = np.zeros(N, dtype=np.int64)
    angle[best.event] = 1000 * np.arctan(slope + config.nominal_slope)
    position[best.event] = (wu - slope * wz) / w
    chi2[best.event] = best.chi2()
    num_gaps[best.event] = config.num_gaps - best.num_unused
    return LineFit(angle, position, chi2, num_gaps)


def _search(
    config: ChamberConfig, clusters: Clusters, unused_gap: float, min_lever: float, bound: Float, beam: int | None
) -> _Choices:
    """The best complete choice of each event that has one, among those not above the bound."""
    choices = _Choices(np.arange(len(bound)), np.zeros((6, len(bound))), np.zeros(len(bound), dtype=np.int64))
    for gap in _outside_in(config.num_gaps):
        choices = choices.extend(clusters, gap, config.z[gap])
        cost = choices.chi2() + unused_gap * choices.num_unused
        choices = choices.take(cost <= bound[choices.event] + _TOLERANCE)
        if beam is not None:
            choices = choices.take(_cheapest(choices, unused_gap, beam))
    choices = choices.take(choices.spread() > choices.sums[0] * min_lever**2)
    return choices.take(_cheapest(choices, unused_gap, 1))


def _cheapest(choices: _Choices, unused_gap: float, count: int) -> Int:
    """Rows of the few cheapest choices of each event, ordered by event."""
    cost = choices.chi2() + unused_gap * choices.num_unused
    order = np.lexsort((cost, choices.event))
    event = choices.event[order]
    return order[np.arange(len(event)) - np.searchsorted(event, event) < count]


def _outside_in(num_gaps: int) -> Iterator[int]:
    """Gaps from both ends to the middle: two distant ones fix the line, and the bound bites early."""
    low, high = 0, num_gaps - 1
    while low < high:
        yield low
        yield high
        low, high = low + 1, high - 1
    if low == high:
        yield low
