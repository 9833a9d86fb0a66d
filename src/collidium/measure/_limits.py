"""Asymptotic CLs and upper limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from scipy.optimize import brentq

from collidium.artifact import InputError
from collidium.measure._asymptotics import BANDS, asymptotic_cls, excluding_root, expected_cls
from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Generative
from collidium.measure._minimise import FitError
from collidium.measure._ratio import UpperLimitStatistic, profile

LEVEL = 0.05
_MAX_DOUBLINGS, _MAX_RESCALINGS = 40, 8
_TOLERANCE = 1e-7


@dataclass(frozen=True, kw_only=True)
class CLs:
    """Test of one signal strength.

    Attributes
    ----------
    value : float
        The signal strength tested.
    q, q_asimov : float
        Observed statistic, and that of the Asimov set without signal.
    clsb, clb, observed : float
        CLs+b, CLb and their ratio CLs.
    expected : tuple of float
        CLs of background-only experiments at -2, -1, 0, 1, 2 standard deviations.
    """

    value: float
    q: float
    q_asimov: float
    clsb: float
    clb: float
    observed: float
    expected: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class UpperLimit:
    """Upper limits on a signal strength: ``observed``, and ``expected`` at -2, -1, 0, 1, 2 standard deviations."""

    observed: float
    expected: tuple[float, ...]
    level: float


class AsymptoticTest:
    """Tests and limits of a signal strength; its fits are made once and start each other.

    Parameters
    ----------
    likelihood : Generative
        K parameters with the observed data.
    poi : str
        The signal strength.
    statistic : {"qmu_tilde", "qmu"}
        With or without the boundary at zero signal.

    Notes
    -----
    The Asimov set has the nuisance parameters fitted to the data without signal; its best fit is the point it was made
    at, so no fit of it is needed.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, Eur. Phys. J. C 71 (2011) 1554, arXiv:1007.1727, sections
    3.6, 3.7 and 4.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> test = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "mu")
    >>> round(test.cls(1.0).observed, 7), round(test.upper_limit().observed, 4)
    (0.4590273, 2.48)
    """

    def __init__(self, likelihood: Generative, poi: str, *, statistic: UpperLimitStatistic = "qmu_tilde") -> None:
        likelihood.parameters.index(poi)
        self.likelihood, self.poi, self.statistic = likelihood, poi, statistic
        self._roots: dict[float, float] = {}

    @cached_property
    def best(self) -> FitResult:
        """Fit of the data with the signal strength free."""
        return fit(self.likelihood)

    @cached_property
    def without_signal(self) -> FitResult:
        """Fit of the data at zero signal."""
        return profile(self.likelihood, self.poi, 0.0, near=self.best)

    @cached_property
    def asimov(self) -> Generative:
        """The likelihood of the Asimov set without signal."""
        return self.likelihood.asimov(self.without_signal.theta)

    @cached_property
    def _asimov_minimum(self) -> float:
        return 2.0 * self.asimov.nll(self.without_signal.theta)

    @cached_property
    def _reference(self) -> FitResult:
        """The denominator of the observed ratio."""
        is_negative = self.statistic == "qmu_tilde" and self.best[self.poi] < 0.0
        return self.without_signal if is_negative else self.best

    def q(self, value: float) -> float:
        """Observed statistic at a signal strength."""
        if self.best[self.poi] > value:
            return 0.0
        held = profile(self.likelihood, self.poi, value, near=self._reference)
        return max(0.0, held.twice_nll - self._reference.twice_nll)

    def root_q_asimov(self, value: float) -> float:
        """Square root of the statistic on the Asimov set."""
        if value not in self._roots:
            held = profile(self.asimov, self.poi, value, near=self.without_signal)
            self._roots[value] = math.sqrt(max(0.0, held.twice_nll - self._asimov_minimum))
        return self._roots[value]

    def cls(self, value: float) -> CLs:
        """Test a signal strength.

        Parameters
        ----------
        value : float
            Positive signal strength.

        Returns
        -------
        CLs
            Observed and expected.

        Raises
        ------
        FitError
            If a fit does not converge.
        InputError
            If the value is not positive.
        """
        if not (math.isfinite(value) and value > 0.0):
            raise InputError(f"the signal strength tested is {value}; a positive number is needed")
        q, q_asimov = self.q(value), self.root_q_asimov(value) ** 2
        clsb, clb, observed = asymptotic_cls(q, q_asimov, has_boundary=self.statistic == "qmu_tilde")
        expected = tuple(expected_cls(q_asimov).tolist())
        return CLs(value=value, q=q, q_asimov=q_asimov, clsb=clsb, clb=clb, observed=observed, expected=expected)

    def upper_limit(self, level: float = LEVEL) -> UpperLimit:
        """Signal strengths at which CLs reaches a level.

        Parameters
        ----------
        level : float
            0.05 for limits at 95 % confidence level.

        Returns
        -------
        UpperLimit
            Observed and expected.

        Raises
        ------
        FitError
            If a fit does not converge or no signal strength is excluded.
        InputError
            If the level is outside (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise InputError(f"level is {level}; a number between 0 and 1 is needed")
        scale = self._scale()
        roots = [excluding_root(band, level) for band in BANDS]
        expected = tuple(_crossing(partial(self._asimov_excess, root), 0.0, root * scale) for root in roots)
        low = max(self.best[self.poi], 0.0)
        observed = _crossing(partial(self._observed_excess, level), low, low + 2.0 * scale)
        return UpperLimit(observed=observed, expected=expected, level=level)

    def _asimov_excess(self, wanted: float, value: float) -> float:
        return self.root_q_asimov(value) - wanted

    def _observed_excess(self, level: float, value: float) -> float:
        return math.log(level) - math.log(max(self.cls(value).observed, 1e-300))

    def _scale(self) -> float:
        """Rough standard deviation of the signal strength without signal: where the Asimov statistic is about 1."""
        position = self.likelihood.parameters.index(self.poi)
        bound = float(self.likelihood.parameters.upper[position])
        trial = bound / 10.0 if math.isfinite(bound) and bound > 0.0 else 1.0
        for _ in range(_MAX_RESCALINGS):
            root = self.root_q_asimov(trial)
            if 0.2 < root < 5.0:
                return trial / root
            trial *= min(max(1.0 / root, 1e-3), 1e3) if root > 0.0 else 1e3
        raise FitError(f"the likelihood does not depend on {self.poi}: no upper limit")


def _crossing(rise: Callable[[float], float], low: float, guess: float) -> float:
    """Where a rising function of the signal strength crosses zero, above ``low``."""
    high = guess if guess > low else low + 1.0
    for _ in range(_MAX_DOUBLINGS):
        if rise(high) > 0.0:
            break
        low, high = high, high + 2.0 * (high - low)
    else:
        raise FitError(f"no signal strength up to {high:.3g} is excluded")
    return float(brentq(rise, low if low > 0.0 else high * 1e-9, high, xtol=_TOLERANCE * high, rtol=_TOLERANCE))
