"""How strongly the training presses on the cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from collidium.artifact import InputError


@dataclass(frozen=True, kw_only=True)
class BetaSchedule:
    """A factor on the cost that follows a plan: straight lines in log(beta).

    Attributes
    ----------
    points : tuple of (float, float)
        Fractions of the training and the factors there, ascending; constant before the first and after the last.

    Raises
    ------
    InputError
        If there is no point, a factor is not positive, or the fractions do not ascend within [0, 1].

    Examples
    --------
    >>> BetaSchedule(points=((0.5, 1e-6), (1.0, 1e-4))).value(0.75)
    1e-05
    """

    points: tuple[tuple[float, float], ...] = ((0.1, 1e-7), (1.0, 1e-5))

    def __post_init__(self) -> None:
        places = [place for place, _ in self.points]
        ascends = places == sorted(set(places)) and bool(places) and places[0] >= 0 and places[-1] <= 1
        if not ascends or min(factor for _, factor in self.points) <= 0:
            raise InputError(f"points is {self.points}: ascending fractions in [0, 1] with factors > 0 are needed")

    def value(self, progress: float) -> float:
        """The factor when a fraction of the training is done."""
        left = max((point for point in self.points if point[0] <= progress), default=self.points[0])
        right = min((point for point in self.points if point[0] > progress), default=self.points[-1])
        if left == right or right[0] <= left[0]:
            return left[1]
        share = min(max((progress - left[0]) / (right[0] - left[0]), 0.0), 1.0)
        return float(10 ** ((1 - share) * math.log10(left[1]) + share * math.log10(right[1])))


RAMP = BetaSchedule()


@dataclass(frozen=True, kw_only=True)
class CostTarget:
    """A factor on the cost that a controller sets so that a target is met.

    Attributes
    ----------
    ebops : float
        The cost wanted.
    start : float
        Factor where the cost is at the target.
    proportional, integral : float
        Gains on log10(cost / target), the integral's for each epoch.
    low, high : float
        Limits of the factor.

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(CostTarget(ebops=1000.0, start=1e-3).value(2_000.0, 0.0), 6)
    0.002
    """

    ebops: float
    start: float = 1e-6
    proportional: float = 1.0
    integral: float = 2e-3
    low: float = 1e-10
    high: float = 1e-2

    def __post_init__(self) -> None:
        if (
            min(self.ebops, self.start, self.low) <= 0
            or self.high < self.low
            or min(self.proportional, self.integral) < 0
        ):
            raise InputError(f"cost target {self}: ebops, start and limits > 0 and gains >= 0 are needed")

    def error(self, ebops: float) -> float:
        """log10 of the cost over the target."""
        return math.log10(max(ebops, 1e-6) / self.ebops)

    def value(self, ebops: float, summed: float) -> float:
        """The factor at a cost, with the errors of the epochs so far summed."""
        exponent = self.proportional * self.error(ebops) + self.integral * summed
        return min(max(self.start * 10**exponent, self.low), self.high)
