"""Named processes: how Pythia makes them and what makes one of their jets a member of the class."""

from __future__ import annotations

import math
from dataclasses import dataclass

TOP, Z, W, HIGGS, GLUON = 6, 23, 24, 25, 21


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a jet of the class must contain.

    Attributes
    ----------
    resonance : int or None
        PDG number of the heavy particle whose visible decay products must all lie within the jet radius, or None.
    quarks, leptons, gluons : int
        Number of its products; leptons are electrons and muons.
    partons : tuple of int
        For jets without a resonance: PDG numbers (absolute) of the hard-process partons of which one must be within the
        jet radius. Empty: any jet will do.
    """

    resonance: int | None = None
    quarks: int = 0
    leptons: int = 0
    gluons: int = 0
    partons: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Process:
    """One entry of the catalogue.

    Attributes
    ----------
    name : str
        Name of the process and of its class, as in JetClass where it has one.
    description : str
        One line.
    settings : tuple of str
        Pythia settings.
    truth : Truth
        What a jet of the class contains.
    visible : float
        Typical ratio of the jet's pT to the pT of its parton or resonance; below 1 where a neutrino escapes, 1.
    spectrum : tuple of float
        Power n with which the useful cross section falls with the transverse momentum of the hard process at 500 GeV,
        and its growth dn / d ln(pT); Pythia oversamples by it. Measured with this package between 250 and 1500 GeV.

    References
    ----------
    Class names: Qu, Li, Qian, arXiv:2202.03772.
    """

    name: str
    description: str
    settings: tuple[str, ...]
    truth: Truth
    visible: float = 1.0
    spectrum: tuple[float, float] = (6.4, 1.6)

    def oversampling(self, pt_min: float, pt_max: float) -> float:
        """Power of pT by which to oversample so that the spectrum in a window is nearly flat.

        Parameters
        ----------
        pt_min, pt_max : float
            The window, GeV.

        Returns
        -------
        float
            Power between 2 and 10, 1.
        """
        power, growth = self.spectrum
        centre = math.log(math.sqrt(pt_min * pt_max) / _SPECTRUM_REFERENCE)
        return min(max(power + growth * centre, 2.0), 10.0)


_SPECTRUM_REFERENCE = 500.0
_HIGGS = ("HiggsSM:ffbar2HZ=on", "23:onMode=off", "23:onIfAny=12 14 16", "25:onMode=off")
_HADRONIC_W = ("24:onMode=off", "24:onIfAny=1 2 3 4 5")
_TOP = ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", "24:onMode=off")

PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        Process(
            name="QCD",
            description="any jet of two-parton QCD scattering",
            settings=("HardQCD:all=on",),
            truth=Truth(),
        ),
        Process(
            name="Hbb",
            description="Higgs boson to a bottom pair, made with a Z boson to neutrinos",
            settings=(*_HIGGS, "25:onIfMatch=5 -5"),
            truth=Truth(resonance=HIGGS, quarks=2),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="Hcc",
            description="Higgs boson to a charm pair, made with a Z boson to neutrinos",
            settings=(*_HIGGS, "25:onIfMatch=4 -4"),
            truth=Truth(resonance=HIGGS, quarks=2),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="Hgg",
            description="Higgs boson to two gluons, made with a Z boson to neutrinos",
            settings=(*_HIGGS, "25:onIfMatch=21 21"),
            truth=Truth(resonance=HIGGS, gluons=2),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="H4q",
            description="Higgs boson to two W bosons to four quarks, made with a Z boson to neutrinos",
            settings=(*_HIGGS, "25:onIfMatch=24 -24", *_HADRONIC_W),
            truth=Truth(resonance=HIGGS, quarks=4),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="Hqql",
            description="Higgs boson to two W bosons to two quarks, electron or muon, and neutrino",
            settings=(*_HIGGS, "25:onIfMatch=24 -24", "24:onMode=off", "24:onIfAny=1 2 3 4 5 11 13"),
            truth=Truth(resonance=HIGGS, quarks=2, leptons=1),
            visible=0.8,
            spectrum=(5.0, 2.3),
        ),
        Process(
            name="Zqq",
            description="Z boson to a quark pair, two of them in the event",
            settings=(
                "WeakDoubleBoson:ffbar2gmZgmZ=on",
                "WeakZ0:gmZmode=2",
                "23:onMode=off",
                "23:onIfAny=1 2 3 4 5",
            ),
            truth=Truth(resonance=Z, quarks=2),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="Wqq",
            description="W boson to a quark pair, two of them in the event",
            settings=("WeakDoubleBoson:ffbar2WW=on", *_HADRONIC_W),
            truth=Truth(resonance=W, quarks=2),
            spectrum=(4.8, 2.3),
        ),
        Process(
            name="Tbqq",
            description="top quark to a bottom quark and two light quarks, two of them in the event",
            settings=(*_TOP, "24:onIfAny=1 2 3 4 5"),
            truth=Truth(resonance=TOP, quarks=3),
            spectrum=(4.3, 4.0),
        ),
        Process(
            name="Tbl",
            description="top quark to a bottom quark, electron or muon, and neutrino, two of them in the event",
            settings=(*_TOP, "24:onIfAny=11 13"),
            truth=Truth(resonance=TOP, quarks=1, leptons=1),
            visible=0.8,
            spectrum=(6.6, 2.0),
        ),
        Process(
            name="light",
            description="jet of an up, down or strange quark of two-parton QCD scattering",
            settings=("HardQCD:qg2qg=on", "HardQCD:qq2qq=on", "HardQCD:gg2qqbar=on", "HardQCD:qqbar2qqbarNew=on"),
            truth=Truth(partons=(1, 2, 3)),
        ),
        Process(
            name="gluon",
            description="jet of a gluon of two-parton QCD scattering",
            settings=("HardQCD:qg2qg=on", "HardQCD:gg2gg=on", "HardQCD:qqbar2gg=on"),
            truth=Truth(partons=(GLUON,)),
        ),
    )
}
