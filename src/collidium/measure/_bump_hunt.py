"""Searches for a narrow excess anywhere in a spectrum: local and global p-values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from collidium.artifact import InputError, Progress, SilentProgress, unknown
from collidium.measure._asymptotics import significance
from collidium.measure._binned import Binned, Spectrum
from collidium.measure._bump_scan import BumpScan, scan_masses, scan_windows
from collidium.measure._dijet import Dijet
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import GoodnessOfFit
from collidium.measure._look_elsewhere import count_upcrossings, global_p_value
from collidium.measure._minimise import FitError
from collidium.measure._mixture import Component
from collidium.measure._parameters import Parameter, Parameters, Vector
from collidium.measure._peaks import BACKGROUNDS
from collidium.measure._shapes import Gaussian, Window
from collidium.measure._toys import toy_p_value

Method = Literal["likelihood", "counting"]
# level whose upcrossings are counted: low, so that toys have many
_LEVEL = 0.5
_DIJET = {"dijet3": 2, "dijet4": 3, "dijet5": 4, "dijet6": 5}
HUNT_BACKGROUNDS = (*_DIJET, *(name for name in BACKGROUNDS if "+" not in name))


@dataclass(frozen=True, kw_only=True)
class BumpHuntConfig:
    """How to search.

    Attributes
    ----------
    background : str
        A member of ``HUNT_BACKGROUNDS``.
    resolution : float, 1
        Standard deviation of the signal over its mass.
    method : {"likelihood", "counting"}
        Scan of the discovery statistic q0 with a Gaussian signal, the background fitted anew at each mass; or Poisson
        counts in windows of neighbouring bins against the fitted background, where the signal has no shape.
    sideband : tuple of float or None, GeV
        Window that the background fit leaves out: the background inside is then extrapolated.
    low, high : float or None, GeV
        Part of the spectrum to use.
    num_toys : int
        Background-only toys for the global p-value.
    seed : int
        Seed of the toys.
    """

    background: str = "dijet4"
    resolution: float = 0.03
    method: Method = "likelihood"
    sideband: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None
    num_toys: int = 100
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class BumpHunt:
    """A search and its outcome.

    Attributes
    ----------
    spectrum : Spectrum
        B bins.
    config : BumpHuntConfig
        Settings.
    fit : FitResult
        Background-only fit.
    background : ndarray, (B,), events
        Expected without signal.
    goodness : GoodnessOfFit
        Of the background-only fit.
    scan : BumpScan
        Local figures.
    toys : ndarray, (T,)
        Largest q0 of each toy; NaN where a fit failed.
    toy_goodness : ndarray, (T,)
        Goodness of fit of each toy's background-only fit.
    mean_upcrossings : float
        Of the level 0.5, in toys.
    """

    spectrum: Spectrum
    config: BumpHuntConfig
    fit: FitResult = field(repr=False)
    background: Vector = field(repr=False)
    goodness: GoodnessOfFit
    scan: BumpScan = field(repr=False)
    toys: Vector = field(repr=False)
    toy_goodness: Vector = field(repr=False)
    mean_upcrossings: float

    @property
    def best(self) -> int:
        """Place of the smallest local p-value."""
        return int(np.argmax(self.scan.q0))

    @property
    def p_local(self) -> float:
        """Smallest local p-value."""
        return float(self.scan.p_local[self.best])

    @property
    def p_global(self) -> float:
        """Fraction of toys with an excess as large anywhere, (k + 1) / (T + 1); 1 without toys."""
        return toy_p_value(self.toys, float(self.scan.q0.max()))

    @property
    def p_goodness(self) -> float:
        """p-value of the background-only fit from toys, which holds for bins with few events too."""
        return toy_p_value(self.toy_goodness, self.goodness.q)

    @property
    def p_global_upcrossings(self) -> float:
        """Bound from the upcrossings of a low level, for excesses that no toy reaches."""
        largest = float(self.scan.q0.max())
        if math.isnan(self.mean_upcrossings):
            return math.nan
        return global_p_value(largest, self.mean_upcrossings, _LEVEL) if largest >= _LEVEL else 1.0

    def report(self) -> dict[str, object]:
        """All figures, for JSON."""
        best = self.best
        return {
            "spectrum": self.spectrum.name,
            "config": dataclasses.asdict(self.config),
            "num_events": float(self.spectrum.counts.sum()),
            "background_parameters": dict(zip(self.fit.parameters.names, self.fit.theta.tolist(), strict=True)),
            "goodness_of_fit": {**dataclasses.asdict(self.goodness), "p_value_toys": self.p_goodness},
            "best": {
                "mass": float(self.scan.mass[best]),
                "low": float(self.scan.low[best]),
                "high": float(self.scan.high[best]),
                "observed": float(self.scan.observed[best]),
                "background": float(self.scan.background[best]),
                "p_local": self.p_local,
                "z_local": math.sqrt(float(self.scan.q0[best])),
            },
            "p_global": self.p_global,
            "z_global": float(significance(self.p_global)),
            "p_global_upcrossings": self.p_global_upcrossings,
            "z_global_upcrossings": float(significance(self.p_global_upcrossings)),
            "mean_upcrossings": self.mean_upcrossings,
            "num_toys": len(self.toys),
            "num_failed_toys": int(np.isnan(self.toys).sum()),
            "scan": {name: getattr(self.scan, name).tolist() for name in ("mass", "q0", "p_local", "observed")},
            "bins": {
                "edges": self.spectrum.edges.tolist(),
                "counts": self.spectrum.counts.tolist(),
                "background": self.background.tolist(),
            },
        }


def hunt_bumps(spectrum: Spectrum, config: BumpHuntConfig, *, progress: Progress | None = None) -> BumpHunt:
    """Search a spectrum for a narrow excess.

    Parameters
    ----------
    spectrum : Spectrum
        B bins.
    config : BumpHuntConfig
        Background, signal, method.
    progress : Progress, optional
        Told of every toy.

    Returns
    -------
    BumpHunt
        Local p-values along the spectrum, and the global one.

    Raises
    ------
    FitError
        If the background-only fit does not converge.
    InputError
        For settings that cannot be.

    References
    ----------
    G. Choudalakis, arXiv:1101.0390 (counts in windows); E. Gross, O. Vitells, Eur. Phys. J. C 70 (2010) 525.

    Examples
    --------
    >>> edges = np.linspace(100.0, 160.0, 31)
    >>> counts = np.round(1000.0 * np.exp(-0.03 * (edges[1:] - 100.0)))
    >>> counts[12] += 150
    >>> config = BumpHuntConfig(background="exponential", resolution=0.01, method="counting", num_toys=20)
    >>> found = hunt_bumps(Spectrum.of("toy", edges, counts), config)
    >>> bool(found.scan.low[found.best] <= 125.0 <= found.scan.high[found.best]), found.p_global < 0.05
    (True, True)
    """
    _check(config)
    window = spectrum.window
    chosen = Window(
        window.low if config.low is None else config.low, window.high if config.high is None else config.high
    )
    spectrum = spectrum.within(chosen)
    likelihood = _likelihood(spectrum, config)
    background_only = _without_signal(likelihood)
    best = fit(background_only)
    scan = _scan(likelihood, best, config)
    toys, toy_goodness, upcrossings = _toys(
        likelihood, best, config, SilentProgress() if progress is None else progress
    )
    return BumpHunt(
        spectrum=spectrum,
        config=config,
        fit=best,
        background=background_only.expected(best.theta),
        goodness=background_only.goodness(best),
        scan=scan,
        toys=toys,
        toy_goodness=toy_goodness,
        mean_upcrossings=upcrossings,
    )


def _check(config: BumpHuntConfig) -> None:
    if config.background not in HUNT_BACKGROUNDS:
        raise unknown("background", config.background, HUNT_BACKGROUNDS)
    if config.method not in ("likelihood", "counting"):
        raise unknown("method", config.method, ("likelihood", "counting"))
    if config.sideband is not None and config.method != "counting":
        raise InputError("a sideband fit extrapolates the background under counts: method counting is needed")
    if not 0.0 < config.resolution < 0.5:
        raise InputError(f"resolution is {config.resolution}; a part of the mass between 0 and 0.5 is needed")
    if config.num_toys < 0:
        raise InputError(f"num_toys is {config.num_toys}; 0 or more are needed")


def _likelihood(spectrum: Spectrum, config: BumpHuntConfig) -> Binned:
    """Background and a Gaussian of no yield."""
    total, middle = float(spectrum.counts.sum()), (spectrum.window.low + spectrum.window.high) / 2.0
    parts = _background(spectrum, config.background)
    parameters = [
        Parameter(name="background", init=total, lower=0.0),
        *(parameter for _, shape_parameters in parts for parameter in shape_parameters),
        Parameter(name="signal", init=0.0, lower=0.0),
        Parameter(name="mass", init=middle, is_fixed=True),
        Parameter(name="resolution", init=config.resolution * middle, is_fixed=True),
    ]
    signal = Component(
        name="signal",
        shape=Gaussian(),
        shape_parameters={"mean": "mass", "sigma": "resolution"},
        yields=("signal",),
    )
    is_used = None
    if config.sideband is not None:
        hidden = Window(*config.sideband)
        is_used = (spectrum.edges[1:] <= hidden.low) | (spectrum.edges[:-1] >= hidden.high)
        if is_used.all() or int(is_used.sum()) <= len(parameters) - 3:
            count = f"{int(is_used.sum())} of {len(is_used)} bins"
            raise InputError(f"the window [{hidden.low:g}, {hidden.high:g}] leaves {count} for the background fit")
    return Binned.of(Parameters(parameters), [*(part for part, _ in parts), signal], spectrum, is_used=is_used)


def _background(spectrum: Spectrum, name: str) -> Sequence[tuple[Component, tuple[Parameter, ...]]]:
    if name not in _DIJET:
        return BACKGROUNDS[name]()
    shape = Dijet(num_parameters=_DIJET[name])
    starts = [8.0, 5.0, *([0.0] * (_DIJET[name] - 2))]
    parameters = tuple(Parameter(name=label, init=start) for label, start in zip(shape.names, starts, strict=True))
    component = Component(
        name="background", shape=shape, shape_parameters={n: n for n in shape.names}, yields=("background",)
    )
    return [(component, parameters)]


def _without_signal(likelihood: Binned) -> Binned:
    """The background alone."""
    parameters = [
        dataclasses.replace(parameter, is_fixed=True) if parameter.name == "signal" else parameter
        for parameter in likelihood.parameters
    ]
    return dataclasses.replace(likelihood, parameters=Parameters(parameters))


def _scan(likelihood: Binned, best: FitResult, config: BumpHuntConfig) -> BumpScan:
    """Local figures by the method asked for."""
    return (
        scan_windows(likelihood, best)
        if config.method == "counting"
        else scan_masses(likelihood, best, config.resolution)
    )


def _toys(
    likelihood: Binned, best: FitResult, config: BumpHuntConfig, progress: Progress
) -> tuple[Vector, Vector, float]:
    """Largest q0 and goodness of background-only toys, each fitted like the data, and their mean upcrossings."""
    largest, goodness = np.full(config.num_toys, np.nan), np.full(config.num_toys, np.nan)
    upcrossings: list[int] = []
    progress.start("toys", config.num_toys, "toys")
    try:
        for number in range(config.num_toys):
            toy = likelihood.toy(best.theta, np.random.default_rng([config.seed, number]))
            try:
                background_only = _without_signal(toy)
                toy_best = fit(background_only, start=best.theta)
                scan = _scan(toy, toy_best, config)
            except FitError:
                continue
            finally:
                progress.advance(1)
            largest[number], goodness[number] = scan.q0.max(), background_only.goodness(toy_best).q
            if config.method == "likelihood":
                upcrossings.append(count_upcrossings(scan.q0, _LEVEL))
    finally:
        progress.finish()
    return largest, goodness, float(np.mean(upcrossings)) if upcrossings else math.nan
