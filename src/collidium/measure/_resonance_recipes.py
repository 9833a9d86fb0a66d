"""Recipes of known resonances: data, selection, models, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.measure._dileptons import (
    ELECTRON_MASS,
    MUON_MASS,
    Dileptons,
    barrel_electrons,
    identified_electrons,
    isolated_muons,
)
from collidium.measure._peaks import PeakModel
from collidium.measure._shapes import Window

Cut = tuple[str, Callable[[Dileptons], NDArray[np.bool_]]]


@dataclass(frozen=True, kw_only=True)
class Resonance:
    """How one resonance is fitted.

    Attributes
    ----------
    title : str
        For plots, in TeX.
    file : str or None
        Where its data lie below the folder of open data; None where that holds none.
    lepton_mass : float, GeV
        Mass of its decay products.
    model : PeakModel
        The model whose figures are quoted.
    alternatives : tuple of PeakModel
        Models as good; the largest change of the mass is the uncertainty of the model.
    cuts : tuple of (str, callable)
        Selection beyond the quality of the rows.
    known_mass, known_width : float, GeV
        Values of the Particle Data Group; the width is held in the fit.
    resolution : float, GeV
        Where the fit starts.
    scale_error : float, 1
        Relative uncertainty of the momentum or energy scale.
    scale_source : str
        Who measured that.
    num_bins : int
        Bins of the plot and of the goodness of fit.
    """

    title: str
    file: str | None
    lepton_mass: float = MUON_MASS
    model: PeakModel
    alternatives: tuple[PeakModel, ...]
    cuts: tuple[Cut, ...] = ()
    known_mass: float
    known_width: float
    resolution: float
    scale_error: float = 0.002
    scale_source: str = "CMS Collaboration, JINST 7 (2012) P10002, arXiv:1206.4071 (muons of Z decays)"
    num_bins: int = 50


def _variants(model: PeakModel, *changes: Mapping[str, object]) -> tuple[PeakModel, ...]:
    """A model with something else."""
    found = []
    for change in changes:
        window = change.get("window", model.window)
        assert isinstance(window, Window)
        found.append(
            PeakModel(
                signal=str(change.get("signal", model.signal)),
                background=str(change.get("background", model.background)),
                window=window,
            )
        )
    return tuple(found)


_PHI = PeakModel(signal="voigtian", background="bernstein2", window=Window(0.9, 1.13))
_OMEGA = PeakModel(signal="voigtian", background="bernstein3", window=Window(0.65, 0.9))
_JPSI = PeakModel(signal="crystal-ball", background="exponential", window=Window(2.5, 3.5))
_PSI2S = PeakModel(signal="crystal-ball", background="exponential", window=Window(3.5, 3.9))
_UPSILON = PeakModel(signal="crystal-ball", background="exponential", window=Window(9.0, 9.7))
_UPSILONS = PeakModel(signal="upsilon-family", background="bernstein2", window=Window(8.5, 11.5))
_ZMUMU = PeakModel(signal="breit-wigner-radiating", background="exponential", window=Window(60.0, 120.0))
_ZEE = PeakModel(signal="breit-wigner-showering", background="exponential", window=Window(60.0, 120.0))

# known masses and widths: Particle Data Group, Phys. Rev. D 110 (2024) 030001
RESONANCES: dict[str, Resonance] = {
    "phi": Resonance(
        title=r"$\phi \to \mu^+\mu^-$",
        file="cms-dilepton-2011a/phi_p4.csv",
        model=_PHI,
        alternatives=_variants(
            _PHI,
            {"background": "bernstein3"},
            {"background": "exponential", "window": Window(0.95, 1.09)},
            {"signal": "gaussian"},
        ),
        known_mass=1.019461,
        known_width=0.004249,
        resolution=0.010,
    ),
    "omega": Resonance(
        title=r"$\omega \to \mu^+\mu^-$",
        file="cms-dilepton-2011a/rho_omega_p4.csv",
        model=_OMEGA,
        alternatives=_variants(
            _OMEGA, {"background": "bernstein2"}, {"background": "rho+bernstein1"}, {"signal": "gaussian"}
        ),
        known_mass=0.78266,
        known_width=0.00868,
        resolution=0.010,
    ),
    "jpsi": Resonance(
        title=r"$J/\psi \to \mu^+\mu^-$",
        file="cms-dimuon-2010b/jpsi_2to5GeV.csv",
        model=_JPSI,
        alternatives=_variants(_JPSI, {"signal": "gaussian"}, {"background": "bernstein2"}),
        known_mass=3.0969,
        known_width=0.0000926,
        resolution=0.050,
        num_bins=25,
    ),
    "psi2s": Resonance(
        title=r"$\psi(2S) \to \mu^+\mu^-$",
        file="cms-dilepton-2011a/psi2s_p4.csv",
        model=_PSI2S,
        alternatives=_variants(_PSI2S, {"signal": "gaussian"}, {"background": "bernstein2"}),
        known_mass=3.6861,
        known_width=0.000294,
        resolution=0.035,
    ),
    "upsilon": Resonance(
        title=r"$\Upsilon(1S) \to \mu^+\mu^-$",
        file="cms-dilepton-2011a/upsilon_p4.csv",
        model=_UPSILON,
        alternatives=_variants(
            _UPSILON,
            {"background": "bernstein1"},
            {"background": "bernstein2"},
            {"signal": "double-crystal-ball"},
            {"signal": "gaussian"},
        ),
        known_mass=9.4604,
        known_width=0.000054,
        resolution=0.085,
    ),
    "upsilon-family": Resonance(
        title=r"$\Upsilon(nS) \to \mu^+\mu^-$",
        file=None,
        model=_UPSILONS,
        alternatives=_variants(_UPSILONS, {"background": "bernstein3"}, {"background": "exponential"}),
        known_mass=9.4604,
        known_width=0.000054,
        resolution=0.085,
        num_bins=60,
    ),
    "zmumu": Resonance(
        title=r"$Z \to \mu^+\mu^-$",
        file="cms-dilepton-2011a/zmumu.csv",
        model=_ZMUMU,
        alternatives=_variants(
            _ZMUMU, {"background": "bernstein2"}, {"window": Window(70.0, 110.0)}, {"signal": "breit-wigner-showering"}
        ),
        cuts=(("both muons isolated", isolated_muons),),
        known_mass=91.188,
        known_width=2.4955,
        resolution=1.2,
        num_bins=60,
    ),
    "zee": Resonance(
        title=r"$Z \to e^+e^-$",
        file="cms-dilepton-2011a/zee.csv",
        lepton_mass=ELECTRON_MASS,
        model=_ZEE,
        alternatives=_variants(
            _ZEE,
            {"background": "exp-poly2"},
            {"window": Window(70.0, 110.0)},
            {"signal": "breit-wigner-long-showering"},
            {"signal": "breit-wigner-radiating"},
        ),
        cuts=(("both electrons in the barrel", barrel_electrons), ("both electrons identified", identified_electrons)),
        known_mass=91.188,
        known_width=2.4955,
        resolution=1.9,
        scale_error=0.004,
        scale_source="CMS Collaboration, JINST 8 (2013) P09009, arXiv:1306.2016 (electrons in the barrel)",
        num_bins=60,
    ),
}
