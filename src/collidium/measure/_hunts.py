"""Bump hunts by name: the published spectra, and pairs of muons with a control of equal charge."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, Progress, unknown
from collidium.measure._binned import Spectrum
from collidium.measure._bump_hunt import BumpHunt, BumpHuntConfig, hunt_bumps
from collidium.measure._dileptons import MUON_MASS, apply_cuts, quality_cuts, read_dileptons
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Vector
from collidium.measure._shapes import Window
from collidium.measure._spectra import PublishedSpectrum, read_published


@dataclass(frozen=True, kw_only=True)
class MuonPairs:
    """How pairs are counted: the window and its bins."""

    window: Window
    num_bins: int


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """Where to search.

    Attributes
    ----------
    title : str
        For plots, in TeX.
    file : str
        Where its data lie below the folder of open data.
    source : PublishedSpectrum or MuonPairs
        What the file holds.
    config : BumpHuntConfig
        Settings that a user may change.
    """

    title: str
    file: str
    source: PublishedSpectrum | MuonPairs
    config: BumpHuntConfig


@dataclass(frozen=True, kw_only=True)
class HuntResult:
    """A named search.

    Attributes
    ----------
    name : str
        The recipe.
    hunt : Hunt
        Its settings.
    path : Path
        The file.
    search : BumpHunt
        Its outcome.
    control : BumpHunt or None
        The same in pairs of equal charge, where no resonance can be, if the file has enough of them.
    """

    name: str
    hunt: Hunt
    path: Path
    search: BumpHunt
    control: BumpHunt | None

    def report(self) -> dict[str, object]:
        """All figures, for JSON."""
        return {
            "recipe": self.name,
            "file": self.path.name,
            **self.search.report(),
            "control": None if self.control is None else self.control.report(),
        }


def hunt_in_file(
    name: str, path: Path, *, config: BumpHuntConfig | None = None, progress: Progress | None = None
) -> HuntResult:
    """Search one of the known spectra.

    Parameters
    ----------
    name : str
        A member of ``HUNTS``.
    path : Path
        Its file, or the folder of open data.
    config : BumpHuntConfig, optional
        Settings in the place of the recipe's.
    progress : Progress, optional
        Told of every toy.

    Returns
    -------
    HuntResult
        The search and its control.

    Raises
    ------
    InputError
        For an unknown name, a file of another kind, or a fit that fails.
    """
    if name not in HUNTS:
        raise unknown("bump hunt", name, HUNTS)
    hunt = HUNTS[name] if config is None else dataclasses.replace(HUNTS[name], config=config)
    file = path / hunt.file if path.is_dir() else path
    control = None
    try:
        if isinstance(hunt.source, PublishedSpectrum):
            spectrum = read_published(file, hunt.source)
        else:
            pairs = read_dileptons(file, MUON_MASS)
            passed, _ = apply_cuts(pairs, quality_cuts(pairs))
            spectrum = _counted(file.name, pairs.mass[passed & pairs.is_opposite], hunt.source)
            equal = pairs.mass[passed & ~pairs.is_opposite]
            if len(equal) > hunt.source.num_bins:
                control = hunt_bumps(_counted(f"{file.name}, same sign", equal, hunt.source), hunt.config)
        search = hunt_bumps(spectrum, hunt.config, progress=progress)
    except FitError as error:
        raise InputError(f"{file}: the background fit of {name} failed: {error.reason}") from error
    return HuntResult(name=name, hunt=hunt, path=file, search=search, control=control)


def _counted(name: str, mass: Vector, source: MuonPairs) -> Spectrum:
    counts, edges = np.histogram(mass, source.num_bins, range=(source.window.low, source.window.high))
    return Spectrum.of(name, edges, counts)


HUNTS: dict[str, Hunt] = {
    "dijet": Hunt(
        title="CMS dijets, arXiv:1911.03947",
        file="cms-published-spectra/cms_dijet.csv",
        # y in fb/GeV: with 137.5 /fb all counts are whole numbers
        source=PublishedSpectrum(is_density=True, exposure=137.5),
        config=BumpHuntConfig(background="dijet4", resolution=0.04),
    ),
    "trijet": Hunt(
        title="CMS trijets, arXiv:2310.14023",
        file="cms-published-spectra/cms_trijet.csv",
        source=PublishedSpectrum(is_density=False),
        config=BumpHuntConfig(background="dijet4", resolution=0.04),
    ),
    "diphoton": Hunt(
        title="CMS diphotons, arXiv:2405.09320",
        file="cms-published-spectra/cms_diphoton.csv",
        # y in events/GeV; the widths of the table are twice those between its middles
        source=PublishedSpectrum(is_density=True, first_edge=500.0),
        config=BumpHuntConfig(background="dijet3", resolution=0.02),
    ),
    "jpsi": Hunt(
        title=r"CMS $\mu^+\mu^-$ 2010",
        file="cms-dimuon-2010b/jpsi_2to5GeV.csv",
        source=MuonPairs(window=Window(2.0, 5.0), num_bins=75),
        config=BumpHuntConfig(background="exp-poly3", resolution=0.015),
    ),
    "psi2s": Hunt(
        title=r"CMS $\mu^+\mu^-$ 2011",
        file="cms-dilepton-2011a/psi2s_p4.csv",
        source=MuonPairs(window=Window(3.5, 3.9), num_bins=50),
        config=BumpHuntConfig(background="exponential", resolution=0.009),
    ),
    "phi": Hunt(
        title=r"CMS $\mu^+\mu^-$ 2011",
        file="cms-dilepton-2011a/phi_p4.csv",
        source=MuonPairs(window=Window(0.9, 1.13), num_bins=46),
        config=BumpHuntConfig(background="bernstein2", resolution=0.010),
    ),
    "omega": Hunt(
        title=r"CMS $\mu^+\mu^-$ 2011",
        file="cms-dilepton-2011a/rho_omega_p4.csv",
        source=MuonPairs(window=Window(0.65, 0.9), num_bins=50),
        config=BumpHuntConfig(background="bernstein2", resolution=0.012),
    ),
    "upsilon": Hunt(
        title=r"CMS $\mu^+\mu^-$ 2011",
        file="cms-dilepton-2011a/upsilon_p4.csv",
        source=MuonPairs(window=Window(9.0, 9.7), num_bins=70),
        config=BumpHuntConfig(background="exponential", resolution=0.009),
    ),
}
