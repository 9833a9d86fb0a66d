"""What falls on a calorimeter module and how it answers, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from collidium.artifact import InputError


@dataclass(frozen=True, kw_only=True)
class ModuleConfig:
    """What falls on one module, and how its trigger cells answer.

    The longitudinal development of a shower enters only through the energy that it leaves in the layer; the transverse
    one is that of spots around an axis. Charges are transverse: divided by cosh(eta), as the trigger uses them.

    Attributes
    ----------
    electromagnetic, hadronic : float
        Fractions of modules hit by such a shower beside the pile-up, 1; the rest has pile-up alone.
    pt_min, pt_max : float
        Showers' transverse momenta, drawn flat in the logarithm, GeV.
    eta_min, eta_max : float
        Pseudorapidity of modules, drawn flat, 1.
    distance : float
        The layer from the interaction point along the beam, mm.
    depth_max : float
        Material before the layer, drawn flat up to this, radiation lengths.
    interaction_length : float
        In radiation lengths.
    layer : float
        Material of one layer, radiation lengths.
    critical_energy : float
        In the showers' material, GeV.
    mips_per_gev : float
        Charge of a fully sampled GeV of an electromagnetic shower, minimum-ionising particles (MIP).
    hadron_response : float
        The same for hadrons over that for electrons, 1.
    fluctuation, hadron_fluctuation : float
        Spread of the logarithm of the charge in a layer, 1.
    hadron_layer : float
        Mean fraction of a hadronic shower's energy in one layer, 1.
    core, tail, core_weight : float
        Scales of the transverse profile of electromagnetic showers, mm, and the part in the core, 1.
    hadron_core, hadron_tail, hadron_core_weight : float
        The same of hadronic showers.
    spot, max_spots : float, int
        Charge of one spot, MIP, and the largest number of spots of a shower, which then carry more.
    pileup : float
        Mean number of collisions in a crossing.
    density : float
        Particles of one collision per unit of pseudorapidity and azimuth, half of them photons, 1.
    pileup_pt : float
        Mean transverse momentum of these, drawn from an exponential, GeV.
    noise : float
        Of a trigger cell before the division by cosh(eta), MIP.
    step : float
        Smallest step of the charge, transverse MIP.
    threshold : float
        Cells below are set to zero, transverse MIP.

    Raises
    ------
    InputError
        For values that make no sample.

    Notes
    -----
    All numbers are ours, of the size that the CMS endcap calorimeter has in its electromagnetic part at 200 collisions
    a crossing; no simulation of that detector was tuned to.

    References
    ----------
    Grindhammer, Peters, arXiv:hep-ex/0001020 (longitudinal and transverse shapes).

    Examples
    --------
    >>> ModuleConfig().pileup
    200.0
    """

    electromagnetic: float = 0.4
    hadronic: float = 0.3
    pt_min: float = 2.0
    pt_max: float = 100.0
    eta_min: float = 1.6
    eta_max: float = 2.9
    distance: float = 3300.0
    depth_max: float = 26.0
    interaction_length: float = 20.0
    layer: float = 1.0
    critical_energy: float = 0.010
    mips_per_gev: float = 90.0
    hadron_response: float = 0.7
    fluctuation: float = 0.2
    hadron_fluctuation: float = 0.9
    hadron_layer: float = 0.03
    core: float = 5.0
    tail: float = 18.0
    core_weight: float = 0.8
    hadron_core: float = 12.0
    hadron_tail: float = 60.0
    hadron_core_weight: float = 0.6
    spot: float = 1.0
    max_spots: int = 64
    pileup: float = 200.0
    density: float = 1.9
    pileup_pt: float = 0.5
    noise: float = 0.4
    step: float = 0.1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if min(self.electromagnetic, self.hadronic) < 0 or self.electromagnetic + self.hadronic > 1:
            raise InputError(
                f"electromagnetic {self.electromagnetic:g}, hadronic {self.hadronic:g}: fractions with a sum of at "
                "most 1 are needed"
            )
        for low, high in (("pt_min", "pt_max"), ("eta_min", "eta_max")):
            if not 0 < getattr(self, low) < getattr(self, high):
                raise InputError(
                    f"{low} {getattr(self, low):g}, {high} {getattr(self, high):g}: 0 < min < max is needed"
                )
        for name in ("step", "spot", "max_spots", "distance"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name):g}: it must be positive")
        for name in ("noise", "threshold", "pileup"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name):g}: it must not be negative")
