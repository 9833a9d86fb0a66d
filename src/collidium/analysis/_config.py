"""Configuration of a score measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass

from collidium.artifact import InputError


@dataclass(frozen=True, kw_only=True)
class TemplatesConfig:
    """How scores become regions, templates and pseudo-data.

    Attributes
    ----------
    signal : str or None
        Signal class; with two classes the one that is not the background.
    background : str or None
        Class whose normalisation is left free; QCD, or the first class, by default.
    signal_fraction : float
        Signal jets per background jet at a signal strength of one, before any region.
    signal_strength : float
        The true value of the pseudo-data.
    signal_efficiency : float
        Share of the signal in the signal region.
    num_signal_bins, num_control_bins : int
        Bins of the signal region, of equal signal, and of the control region, of equal background.
    min_background : float
        Background jets, templates and pseudo-data together, that a bin must have; bins with fewer join the next one.
    luminosity_error, efficiency_error, mistag_error, rate_error : float
        Relative uncertainties: of the signal's normalisation, of the signal's efficiency of the signal region, of the
        background's share in the signal region, of the normalisation of other classes.
    seed : int
        Seed of the split into templates and pseudo-data.
    """

    signal: str | None = None
    background: str | None = None
    signal_fraction: float = 0.1
    signal_strength: float = 1.0
    signal_efficiency: float = 0.9
    num_signal_bins: int = 8
    num_control_bins: int = 4
    min_background: float = 12.0
    luminosity_error: float = 0.02
    efficiency_error: float = 0.05
    mistag_error: float = 0.1
    rate_error: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("signal_fraction", "min_background"):
            _check(name, getattr(self, name), "positive", 0.0 < getattr(self, name) < math.inf)
        _check("signal_strength", self.signal_strength, "not negative", 0.0 <= self.signal_strength < math.inf)
        _check("signal_efficiency", self.signal_efficiency, "between 0 and 1", 0.0 < self.signal_efficiency < 1.0)
        for name in ("luminosity_error", "efficiency_error", "mistag_error", "rate_error"):
            _check(name, getattr(self, name), "between 0 and 0.3", 0.0 <= getattr(self, name) <= 0.3)
        for name in ("num_signal_bins", "num_control_bins"):
            _check(name, getattr(self, name), "1 or more", getattr(self, name) >= 1)
        _check("seed", self.seed, "not negative", self.seed >= 0)


def _check(name: str, value: float, wanted: str, is_good: bool) -> None:
    if not is_good:
        raise InputError(f"{name} is {value}; a number that is {wanted} is needed")
