"""Higgs boson to four leptons: few events on little background, beside the known Z peak."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, Progress, SilentProgress
from collidium.measure._asymptotics import discovery_p_value, significance
from collidium.measure._binned import Binned, Spectrum
from collidium.measure._cutflow import Cutflow
from collidium.measure._dileptons import read_table
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import GoodnessOfFit
from collidium.measure._look_elsewhere import count_upcrossings, global_p_value
from collidium.measure._minimise import FitError
from collidium.measure._mixture import Component
from collidium.measure._parameters import Parameter, Parameters, Vector
from collidium.measure._peak_fit import PeakCurves, peak_curves
from collidium.measure._shapes import Exponential, Gaussian, Voigtian, Window
from collidium.measure._toys import toy_p_value
from collidium.measure._unbinned import Category, Unbinned

CHANNELS = ("4mu", "4e", "2e2mu")
KNOWN_HIGGS_MASS, KNOWN_Z_MASS, KNOWN_Z_WIDTH = 125.20, 91.188, 2.4955
_AGREEMENT = 0.01
_LEVEL = 0.5


@dataclass(frozen=True, kw_only=True)
class FourLeptonConfig:
    """How the spectrum is fitted.

    Attributes
    ----------
    low, high : float, GeV
        Window of the four-lepton mass: both peaks, below the threshold of two Z on their shells.
    resolution, resolution_error : float, GeV
        Of the Higgs peak: 1 to 2 % of its mass, by the channel; a constraint of the fit.
    scan_low, scan_high : float, GeV
        Masses among which the excess could have been.
    num_bins : int
        Bins of the plot and of the goodness of fit.
    num_toys : int
        Toys for its p-value and for the trials factor.
    seed : int
        Their seed.
    """

    low: float = 70.0
    high: float = 170.0
    resolution: float = 1.8
    resolution_error: float = 0.5
    scan_low: float = 110.0
    scan_high: float = 160.0
    num_bins: int = 50
    num_toys: int = 50
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FourLeptonFit:
    """The four-lepton spectrum measured.

    Attributes
    ----------
    config : FourLeptonConfig
        Settings.
    cutflow : Cutflow
        Events after each cut, by channel.
    values, errors : dict of str to float
        Free parameters: ``higgs`` and ``z`` are yields, ``higgs_mass`` and ``z_mass`` masses.
    scale_error : float, GeV
        Of the Higgs mass, from the lepton scales.
    goodness : GoodnessOfFit
        Of the counts in bins.
    p_goodness : float
        Its p-value from toys: bins of few events do not follow a chi-squared distribution.
    curves : PeakCurves
        For plots.
    scan_mass, scan_q0 : ndarray, (V,)
        Discovery statistic along the mass.
    q0 : float
        At the fitted mass.
    mean_upcrossings : float
        Of the level 0.5 in background-only toys.
    result : FitResult
        The fit.
    """

    config: FourLeptonConfig
    cutflow: Cutflow
    values: Mapping[str, float]
    errors: Mapping[str, float]
    scale_error: float
    goodness: GoodnessOfFit
    p_goodness: float
    curves: PeakCurves = field(repr=False)
    scan_mass: Vector = field(repr=False)
    scan_q0: Vector = field(repr=False)
    q0: float
    mean_upcrossings: float
    result: FitResult = field(repr=False)

    @property
    def z_local(self) -> float:
        """Significance at the fitted mass."""
        return math.sqrt(self.q0)

    @property
    def p_global(self) -> float:
        """Probability of such an excess anywhere in the scan."""
        if math.isnan(self.mean_upcrossings) or self.q0 < _LEVEL:
            return math.nan
        return global_p_value(self.q0, self.mean_upcrossings, _LEVEL)

    def report(self) -> dict[str, object]:
        """All figures, for JSON."""
        total = math.hypot(self.errors["higgs_mass"], self.scale_error)
        return {
            "recipe": "higgs4l",
            "config": dataclasses.asdict(self.config),
            "mass": {
                "value": self.values["higgs_mass"],
                "statistical": self.errors["higgs_mass"],
                "scale": self.scale_error,
                "total": total,
                "known": KNOWN_HIGGS_MASS,
                "pull": (self.values["higgs_mass"] - KNOWN_HIGGS_MASS) / total,
                "unit": "GeV",
            },
            "parameters": {n: {"value": v, "error": self.errors[n]} for n, v in self.values.items()},
            "goodness_of_fit": {**dataclasses.asdict(self.goodness), "p_value_toys": self.p_goodness},
            "q0": self.q0,
            "z_local": self.z_local,
            "p_local": float(discovery_p_value(self.q0)),
            "p_global": self.p_global,
            "z_global": float(significance(self.p_global)),
            "twice_nll": self.result.twice_nll,
            "converged": True,
            "scan": {"mass": self.scan_mass.tolist(), "q0": self.scan_q0.tolist()},
            "cutflow": [dataclasses.asdict(row) for row in self.cutflow.rows],
            "curves": {
                "edges": self.curves.edges.tolist(),
                "counts": self.curves.counts.tolist(),
                "expected": self.curves.expected.tolist(),
            },
        }


def read_four_leptons(folder: Path, window: Window) -> tuple[Vector, Cutflow]:
    """Masses of four leptons from all channels and years, and the table of what was rejected.

    Parameters
    ----------
    folder : Path
        Holds CHANNEL_YEAR.csv with E, px, py, pz, Q of four leptons and their mass M in GeV.
    window : Window
        Range of the mass.

    Returns
    -------
    tuple
        Masses (N,), GeV, and the cutflow by channel.

    Raises
    ------
    InputError
        If no such file is there, or one lacks a column.
    """
    found: dict[str, list[np.ndarray]] = {}
    for channel in CHANNELS:
        for path in sorted(folder.glob(f"{channel}_*.csv")):
            columns, _ = read_table(path)
            for name in ("M", *(f"{part}{i}" for part in ("E", "px", "py", "pz", "Q") for i in "1234")):
                if name not in columns:
                    raise InputError(f"{path}: no column of numbers {name!r}; a table of four leptons has it")
            square = sum(columns[f"E{i}"] for i in "1234") ** 2
            for axis in ("px", "py", "pz"):
                square = square - sum(columns[f"{axis}{i}"] for i in "1234") ** 2
            agrees = np.abs(np.sqrt(np.maximum(square, 0.0)) - columns["M"]) <= _AGREEMENT * columns["M"]
            is_neutral = sum(columns[f"Q{i}"] for i in "1234") == 0.0
            found.setdefault(channel, []).append(np.stack([columns["M"], agrees, is_neutral]))
    if not found:
        raise InputError(
            f"{folder}: no file of four leptons; {', '.join(f'{c}_*.csv' for c in CHANNELS)} are looked for"
        )
    tables = {channel: np.concatenate(parts, axis=1) for channel, parts in found.items()}
    cuts = [
        ("E and p give M within 1 %", {c: t[1] > 0.0 for c, t in tables.items()}),
        ("charges add to zero", {c: t[2] > 0.0 for c, t in tables.items()}),
        (
            f"{window.low:g} < m < {window.high:g} GeV",
            {c: (t[0] >= window.low) & (t[0] <= window.high) for c, t in tables.items()},
        ),
    ]
    flow = Cutflow.of({c: np.ones(t.shape[1]) for c, t in tables.items()}, cuts, start="events of the files")
    passed = {c: np.logical_and.reduce([cut[c] for _, cut in cuts]) for c in tables}
    return np.concatenate([t[0][passed[c]] for c, t in tables.items()]), flow


def four_lepton_likelihood(mass: Vector, config: FourLeptonConfig) -> Unbinned:
    """Z peak, Higgs peak and continuum.

    Parameters
    ----------
    mass : ndarray, (N,), GeV
        Masses.
    config : FourLeptonConfig
        Window and resolution.

    Returns
    -------
    Unbinned
        With the yields ``higgs``, ``z`` and ``continuum``.
    """
    total = float(len(mass))
    parameters = Parameters(
        [
            Parameter(name="higgs", init=0.1 * total, lower=0.0),
            Parameter(name="higgs_mass", init=125.0, lower=config.scan_low, upper=config.scan_high),
            Parameter(
                name="higgs_resolution",
                init=config.resolution,
                lower=0.3,
                upper=6.0,
                center=config.resolution,
                width=config.resolution_error,
            ),
            Parameter(name="z", init=0.5 * total, lower=0.0),
            Parameter(name="z_mass", init=KNOWN_Z_MASS, lower=85.0, upper=97.0),
            Parameter(name="z_width", init=KNOWN_Z_WIDTH, is_fixed=True),
            Parameter(name="z_resolution", init=1.5, lower=0.3, upper=6.0),
            Parameter(name="continuum", init=0.4 * total, lower=0.0),
            Parameter(name="slope", init=0.0, lower=-1.0, upper=1.0),
        ]
    )
    higgs = Component(
        name="higgs",
        shape=Gaussian(),
        shape_parameters={"mean": "higgs_mass", "sigma": "higgs_resolution"},
        yields=("higgs",),
    )
    z = Component(
        name="z",
        shape=Voigtian(),
        shape_parameters={"mean": "z_mass", "width": "z_width", "sigma": "z_resolution"},
        yields=("z",),
    )
    continuum = Component(
        name="continuum", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("continuum",)
    )
    window = Window(config.low, config.high)
    return Unbinned.of(parameters, [Category.of("four leptons", window, [higgs, z, continuum], mass)])


def fit_four_leptons(
    path: Path, *, config: FourLeptonConfig | None = None, progress: Progress | None = None
) -> FourLeptonFit:
    """Measure the Higgs and Z peaks in four leptons.

    Parameters
    ----------
    path : Path
        Folder of the six files, or of all open data.
    config : FourLeptonConfig, optional
        Settings.
    progress : Progress, optional
        Told of every toy.

    Returns
    -------
    FourLeptonFit
        Masses, yields, local and global significance.

    Raises
    ------
    InputError
        If the data are not there, or the fit fails.
    """
    config = FourLeptonConfig() if config is None else config
    folder = path / "cms-h4l-run1" if (path / "cms-h4l-run1").is_dir() else path
    mass, flow = read_four_leptons(folder, Window(config.low, config.high))
    likelihood = four_lepton_likelihood(mass, config)
    try:
        result = fit(likelihood)
        without = _without_higgs(likelihood)
    except FitError as error:
        raise InputError(f"{folder}: the fit of four leptons failed: {error.reason}") from error
    places = np.linspace(config.scan_low, config.scan_high, int(config.scan_high - config.scan_low) + 1)
    goodness = _goodness(likelihood, result, config.num_bins)
    toys, upcrossings = _toys(likelihood, result, without, places, config, progress or SilentProgress())
    free = np.flatnonzero(~result.is_held)
    names = likelihood.parameters.names
    return FourLeptonFit(
        config=config,
        cutflow=flow,
        values={names[i]: float(result.theta[i]) for i in free},
        errors={names[i]: float(result.errors[i]) for i in free},
        # between 0.2 % of muons and 0.4 % of electrons, half of the leptons being either
        scale_error=0.003 * result["higgs_mass"],
        goodness=goodness,
        p_goodness=toy_p_value(toys, goodness.q),
        curves=peak_curves(likelihood, result, config.num_bins),
        scan_mass=places,
        scan_q0=_scan(likelihood, without, places),
        q0=max(0.0, without.twice_nll - result.twice_nll),
        mean_upcrossings=upcrossings,
        result=result,
    )


def _without_higgs(likelihood: Unbinned) -> FitResult:
    start = likelihood.parameters["higgs_mass"].init
    return fit(likelihood, fixed={"higgs": 0.0, "higgs_mass": start})


def _scan(likelihood: Unbinned, without: FitResult, places: Vector) -> Vector:
    """q0 of a peak at each mass."""
    q0 = np.zeros(len(places))
    start = without.theta.copy()
    higgs, position = (likelihood.parameters.index(name) for name in ("higgs", "higgs_mass"))
    for v, mass in enumerate(places):
        start[higgs], start[position] = 0.0, mass
        if likelihood.grad(start)[higgs] >= 0.0:
            continue
        start[higgs] = 1.0
        found = fit(likelihood, fixed={"higgs_mass": float(mass)}, start=start)
        q0[v] = max(0.0, without.twice_nll - found.twice_nll)
    return q0


def _goodness(likelihood: Unbinned, result: FitResult, num_bins: int) -> GoodnessOfFit:
    category = likelihood.categories[0]
    counts, edges = np.histogram(category.x, num_bins, range=(category.window.low, category.window.high))
    spectrum = Spectrum(name=category.name, edges=edges, counts=counts.astype(np.float64))
    binned = Binned.of(likelihood.parameters, category.components, spectrum)
    return dataclasses.replace(binned, centers=likelihood.centers).goodness(result)


def _toys(
    likelihood: Unbinned,
    result: FitResult,
    without: FitResult,
    places: Vector,
    config: FourLeptonConfig,
    progress: Progress,
) -> tuple[Vector, float]:
    """Goodness of toys at the fit, and mean upcrossings of toys without a Higgs boson."""
    goodness, upcrossings = np.full(config.num_toys, np.nan), []
    progress.start("toys", config.num_toys, "toys")
    try:
        for number in range(config.num_toys):
            generator = np.random.default_rng([config.seed, number])
            like_data, empty = likelihood.toy(result.theta, generator), likelihood.toy(without.theta, generator)
            try:
                goodness[number] = _goodness(like_data, fit(like_data, start=result.theta), config.num_bins).q
                upcrossings.append(count_upcrossings(_scan(empty, _without_higgs(empty), places), _LEVEL))
            except FitError:
                continue
            finally:
                progress.advance(1)
    finally:
        progress.finish()
    return goodness, float(np.mean(upcrossings)) if upcrossings else math.nan
