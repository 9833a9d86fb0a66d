"""Detector response: from stable particles to the candidates that jets are made of."""

from collidium.detect._calorimeter import (
    ECAL,
    HCAL,
    Calorimeter,
    Towers,
    ecal_resolution,
    hcal_resolution,
    measure_towers,
)
from collidium.detect._energy_flow import EnergyFlow, energy_flow
from collidium.detect._helix import Flight, Solenoid, fly
from collidium.detect._particles import (
    CHARGED_HADRON,
    ELECTRON,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Candidates,
    StableParticles,
)
from collidium.detect._response import RESPONSES, ResponseInfo, cms_response, respond, truth_response
from collidium.detect._species import NEUTRINOS, SPECIES, Species, SpeciesColumns, species_of
from collidium.detect._tracking import (
    LONGITUDINAL,
    TRACKS,
    TRANSVERSE,
    ImpactResolution,
    TrackTable,
    efficiency,
    impact_resolution,
    is_found,
    log_normal,
    relative_resolution,
)

__all__ = [
    "CHARGED_HADRON",
    "ECAL",
    "ELECTRON",
    "HCAL",
    "LONGITUDINAL",
    "MUON",
    "NEUTRAL_HADRON",
    "NEUTRINOS",
    "PHOTON",
    "RESPONSES",
    "SPECIES",
    "TRACKS",
    "TRANSVERSE",
    "Calorimeter",
    "Candidates",
    "EnergyFlow",
    "Flight",
    "ImpactResolution",
    "ResponseInfo",
    "Solenoid",
    "Species",
    "SpeciesColumns",
    "StableParticles",
    "Towers",
    "TrackTable",
    "cms_response",
    "ecal_resolution",
    "efficiency",
    "energy_flow",
    "fly",
    "hcal_resolution",
    "impact_resolution",
    "is_found",
    "log_normal",
    "measure_towers",
    "relative_resolution",
    "respond",
    "species_of",
    "truth_response",
]
