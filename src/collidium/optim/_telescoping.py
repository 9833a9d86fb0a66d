"""Telescoping sweep: hyperparameters of a wide model from sweeps that narrow while the width grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

Objective = Callable[[int, float, float], float]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of the sweep.

    Parameters
    ----------
    width : int
        Width of the model.
    lr, weight_decay : float
        Its hyperparameters.
    loss : float
        What came out; NaN counts as worst.
    """

    width: int
    lr: float
    weight_decay: float
    loss: float


@dataclass(frozen=True)
class Sweep:
    """All trials of a telescoping sweep, in order.

    Parameters
    ----------
    trials : tuple of Trial
        Narrow models first.
    """

    trials: tuple[Trial, ...]

    def best(self, width: int) -> Trial:
        """Trial with the smallest loss at a width."""
        return min(
            (t for t in self.trials if t.width == width), key=lambda t: math.inf if math.isnan(t.loss) else t.loss
        )

    @property
    def chosen(self) -> Trial:
        """Best trial at the largest width."""
        return self.best(max(trial.width for trial in self.trials))


def telescoping_sweep(
    objective: Objective,
    widths: Sequence[int],
    *,
    lr: tuple[float, float],
    weight_decay: tuple[float, float],
    num_points: int = 5,
) -> Sweep:
    """Search learning rate and decay at the smallest width and refine them while the width doubles.

    Parameters
    ----------
    objective : callable
        ``(width, lr, weight_decay) -> loss``; trains a model under muP, for example with the shape factor
        ``"spectral_mup"``.
    widths : sequence of int
        Ascending, usually each twice the one before.
    lr, weight_decay : (float, float)
        Ends of the first grid, both positive; equal ends fix the value.
    num_points : int
        Points per axis of the first grid.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If the widths do not ascend, or a range or the number of points is out of range.

    Notes
    -----
    Every later grid is centred on the best point so far, with half the logarithmic range and the same spacing, down to
    three points with half the spacing. The muP error of the optimum falls with the width, so the narrower grid still
    holds it. Halving both axes divides the number of runs by four while a run of twice the width costs four times as
    much: as long as the grids shrink, every width costs the same, in all of order ``C log N`` for a final run of cost
    ``C`` at width ``N``. The published procedure is known to us by description only; spacing and the smallest grid are
    our reading.

    References
    ----------
    Essential AI, Practical Efficiency of Muon for Pretraining, arXiv:2505.02222.

    Examples
    --------
    >>> def loss(width, lr, weight_decay):
    ...     return math.log2(lr / 0.02) ** 2 + math.log2(weight_decay / 0.1) ** 2 / width
    >>> sweep = telescoping_sweep(loss, (64, 128), lr=(0.005, 0.08), weight_decay=(0.1, 0.1))
    >>> [(trial.width, round(trial.lr, 3)) for trial in sweep.trials]
    [(64, 0.005), (64, 0.01), (64, 0.02), (64, 0.04), (64, 0.08), (128, 0.01), (128, 0.02), (128, 0.04)]
    >>> round(sweep.chosen.lr, 3)
    0.02
    """
    _check(widths, {"lr": lr, "weight_decay": weight_decay}, num_points)
    axes = [_Axis.of(low, high, num_points) for low, high in (lr, weight_decay)]
    trials: list[Trial] = []
    for width in widths:
        level = [
            Trial(width=width, lr=rate, weight_decay=decay, loss=objective(width, rate, decay))
            for rate, decay in product(*(axis.points() for axis in axes))
        ]
        trials += level
        best = Sweep(tuple(level)).best(width)
        axes = [axis.narrowed(value) for axis, value in zip(axes, (best.lr, best.weight_decay), strict=True)]
    return Sweep(tuple(trials))


@dataclass(frozen=True)
class _Axis:
    """Geometric grid: logarithm of the centre, spacing, number of points."""

    centre: float
    spacing: float
    count: int

    @classmethod
    def of(cls, low: float, high: float, num_points: int) -> _Axis:
        if low == high:
            return cls(math.log(low), 0.0, 1)
        return cls((math.log(low) + math.log(high)) / 2, math.log(high / low) / (num_points - 1), num_points)

    def points(self) -> Iterator[float]:
        for index in range(self.count):
            yield math.exp(self.centre + (index - (self.count - 1) / 2) * self.spacing)

    def narrowed(self, best: float) -> _Axis:
        if self.count <= 3:
            return _Axis(math.log(best), self.spacing / 2, self.count)
        count = max(3, (self.count - 1) // 2 + 1)
        return _Axis(math.log(best), self.spacing * (self.count - 1) / 2 / (count - 1), count)


def _check(widths: Sequence[int], ranges: dict[str, tuple[float, float]], num_points: int) -> None:
    if not widths or list(widths) != sorted(set(widths)):
        raise ValueError(f"widths are {tuple(widths)}; ascending widths are needed")
    for name, (low, high) in ranges.items():
        if not 0.0 < low <= high:
            raise ValueError(f"{name} is {(low, high)}; a range of positive numbers is needed")
    if num_points < 2:
        raise ValueError(f"num_points is {num_points}; at least 2 are needed")
