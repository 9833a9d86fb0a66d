"""Known resonances in open data: mass, resolution, yield, goodness of fit, and what is uncertain about them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collidium.artifact import InputError, unknown
from collidium.measure._cutflow import Cutflow
from collidium.measure._dileptons import (
    apply_cuts,
    quality_cuts,
    read_dileptons,
)
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Vector
from collidium.measure._peak_fit import PeakFit, fit_peak
from collidium.measure._peaks import PeakModel
from collidium.measure._resonance_recipes import RESONANCES, Resonance
from collidium.measure._shapes import Window

# p-value below which a model does not describe the data
_DESCRIBES = 0.01
# parameters of a peak that its control takes over
_SIGNAL_SHAPE = frozenset({"mass", "resolution", "alpha_low", "alpha_high"})


@dataclass(frozen=True, kw_only=True)
class PeakConfig:
    """What a user may change of a recipe; None keeps the recipe's.

    Attributes
    ----------
    signal, background : str or None
        Members of ``SIGNALS`` and ``BACKGROUNDS``.
    low, high : float or None, GeV
        Ends of the window.
    num_bins : int or None
        Bins of the plot and of the goodness of fit.
    """

    signal: str | None = None
    background: str | None = None
    low: float | None = None
    high: float | None = None
    num_bins: int | None = None


@dataclass(frozen=True, kw_only=True)
class ResonanceFit:
    """A resonance measured.

    Attributes
    ----------
    name : str
        The recipe.
    resonance : Resonance
        Its settings.
    path : Path
        The file.
    cutflow : Cutflow
        Rows after each cut, by charge.
    peak : PeakFit
        The fit whose figures are quoted.
    same_sign : PeakFit or None
        The same peak in pairs of equal charge, where the file has some.
    alternatives : tuple of PeakFit
        Fits of the alternative models.
    failed : dict of str to str
        Alternative models and controls without a converged fit, and why.
    """

    name: str
    resonance: Resonance
    path: Path
    cutflow: Cutflow
    peak: PeakFit
    same_sign: PeakFit | None
    alternatives: tuple[PeakFit, ...]
    failed: Mapping[str, str]

    @property
    def mass(self) -> float:
        """Fitted mass, GeV."""
        return self.peak.values["mass"]

    @property
    def model_error(self) -> float:
        """Largest change of the mass with an alternative model that describes the data (p > 1 %), GeV."""
        good = [other for other in self.alternatives if other.goodness.p_value > _DESCRIBES]
        return max((abs(other.values["mass"] - self.mass) for other in good), default=0.0)

    @property
    def scale_error(self) -> float:
        """Change of the mass with the momentum scale, GeV.

        Notes
        -----
        m^2 = 4 (m_l^2 + p^2) for decay momenta p, so that dm = (1 - 4 m_l^2 / m^2) m dp / p.
        """
        above_threshold = 1.0 - 4.0 * self.resonance.lepton_mass**2 / self.mass**2
        return self.resonance.scale_error * above_threshold * self.mass

    @property
    def mass_error(self) -> float:
        """Statistical, model and scale uncertainty in quadrature, GeV."""
        return math.hypot(self.peak.errors["mass"], self.model_error, self.scale_error)

    @property
    def pull(self) -> float:
        """(Fitted - known mass) over the whole uncertainty."""
        return (self.mass - self.resonance.known_mass) / self.mass_error

    def report(self) -> dict[str, object]:
        """All figures, for JSON."""
        return {
            "recipe": self.name,
            "file": self.path.name,
            "model": self.peak.model.label,
            "num_events": self.peak.num_events,
            "mass": {
                "value": self.mass,
                "statistical": self.peak.errors["mass"],
                "model": self.model_error,
                "scale": self.scale_error,
                "total": self.mass_error,
                "known": self.resonance.known_mass,
                "pull": self.pull,
                "unit": "GeV",
                "scale_source": self.resonance.scale_source,
            },
            "known_width": self.resonance.known_width,
            "parameters": {
                name: {"value": value, "error": self.peak.errors[name]} for name, value in self.peak.values.items()
            },
            "goodness_of_fit": dataclasses.asdict(self.peak.goodness),
            "twice_nll": self.peak.result.twice_nll,
            "converged": True,
            "same_sign": None
            if self.same_sign is None
            else {
                "num_events": self.same_sign.num_events,
                "signal": self.same_sign.values["events"],
                "error": self.same_sign.errors["events"],
                "p_value": self.same_sign.goodness.p_value,
            },
            "alternatives": {
                other.model.label: {
                    "mass": other.values["mass"],
                    "error": other.errors["mass"],
                    "signal": other.values["events"],
                    "p_value": other.goodness.p_value,
                }
                for other in self.alternatives
            },
            "failed": dict(self.failed),
            "cutflow": [dataclasses.asdict(row) for row in self.cutflow.rows],
            "curves": {
                "edges": self.peak.curves.edges.tolist(),
                "counts": self.peak.curves.counts.tolist(),
                "expected": self.peak.curves.expected.tolist(),
                "pulls": self.peak.curves.pulls.tolist(),
            },
        }


def resonance_file(name: str, path: Path) -> Path:
    """The file that a recipe reads.

    Parameters
    ----------
    name : str
        A member of ``RESONANCES``.
    path : Path
        The file itself, or the folder of open data.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        For an unknown recipe, or a folder where the recipe has no file in it.
    """
    if name not in RESONANCES:
        raise unknown("resonance", name, RESONANCES)
    below = RESONANCES[name].file
    if not path.is_dir():
        return path
    if below is None:
        raise InputError(f"{path}: is a folder; the recipe {name} needs a file of pairs")
    return path / below


def fit_resonance(name: str, path: Path, *, config: PeakConfig | None = None) -> ResonanceFit:
    """Measure a resonance in a file of open data.

    Parameters
    ----------
    name : str
        A member of ``RESONANCES``.
    path : Path
        CSV of lepton pairs, or the folder of open data, where the recipe knows its file.
    config : PeakConfig, optional
        Changes of the recipe.

    Returns
    -------
    ResonanceFit
        Mass with its uncertainties, resolution, yield, control fits.

    Raises
    ------
    InputError
        For an unknown recipe, a file that is not of lepton pairs, no events in the window, or a fit that fails.
    """
    file = resonance_file(name, path)
    resonance = _configured(RESONANCES[name], PeakConfig() if config is None else config)
    pairs = read_dileptons(file, resonance.lepton_mass)
    window = resonance.model.window
    inside = (pairs.mass >= window.low) & (pairs.mass <= window.high)
    cuts = [*quality_cuts(pairs), *((label, cut(pairs)) for label, cut in resonance.cuts)]
    cuts.append((f"{window.low:g} < m < {window.high:g} GeV", inside))
    passed, flow = apply_cuts(pairs, cuts)
    masses = pairs.mass[passed & pairs.is_opposite]
    if not len(masses):
        raise InputError(f"{file}: no pair of opposite charge passes the selection of {name}")
    try:
        peak = _fitted(resonance, resonance.model, masses)
    except FitError as error:
        raise InputError(f"{file}: the fit of {name} failed: {error.reason}") from error
    found, failed = [], {}
    for model in resonance.alternatives:
        try:
            found.append(_fitted(resonance, model, masses))
        except FitError as error:
            failed[model.label] = error.reason
    same_sign = None
    try:
        same_sign = _same_sign(resonance, peak, pairs.mass[passed & ~pairs.is_opposite])
    except FitError as error:
        failed["same sign"] = error.reason
    return ResonanceFit(
        name=name,
        resonance=resonance,
        path=file,
        cutflow=flow,
        peak=peak,
        same_sign=same_sign,
        alternatives=tuple(found),
        failed=failed,
    )


def _configured(resonance: Resonance, config: PeakConfig) -> Resonance:
    """A recipe with a user's changes; of its alternatives those that have another window fall away with its own."""
    own = resonance.model
    window = Window(
        own.window.low if config.low is None else config.low, own.window.high if config.high is None else config.high
    )
    if not window.low < resonance.known_mass < window.high:
        ends = f"[{window.low:g}, {window.high:g}]"
        raise InputError(f"the window {ends} leaves out {resonance.known_mass:g} GeV, where the fit starts")
    model = PeakModel(signal=config.signal or own.signal, background=config.background or own.background, window=window)
    num_bins = resonance.num_bins if config.num_bins is None else config.num_bins
    if num_bins < 2:
        raise InputError(f"num_bins is {num_bins}; at least 2 bins are needed")
    kept = [dataclasses.replace(other, window=window) for other in resonance.alternatives if other.window == own.window]
    others = resonance.alternatives if window == own.window else tuple(kept)
    return dataclasses.replace(resonance, model=model, num_bins=num_bins, alternatives=others)


def _fitted(resonance: Resonance, model: PeakModel, masses: Vector) -> PeakFit:
    return fit_peak(
        model,
        masses,
        known_mass=resonance.known_mass,
        known_width=resonance.known_width,
        resolution=resonance.resolution,
        num_bins=resonance.num_bins,
    )


def _same_sign(resonance: Resonance, peak: PeakFit, masses: Vector) -> PeakFit | None:
    """The peak with its fitted shape in pairs of equal charge; None without such pairs."""
    num_bins = max(resonance.num_bins // 2, 2)
    if len(masses) < num_bins // 2:
        return None
    return fit_peak(
        peak.model,
        masses,
        known_mass=resonance.known_mass,
        known_width=resonance.known_width,
        resolution=resonance.resolution,
        fixed={name: value for name, value in peak.values.items() if name in _SIGNAL_SHAPE},
        num_bins=num_bins,
    )
