"""From stable particles to reconstructed candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from collidium.artifact import unknown
from collidium.detect._calorimeter import ECAL, HCAL, Calorimeter, Towers, measure_towers
from collidium.detect._energy_flow import energy_flow
from collidium.detect._helix import Flight, Solenoid, fly
from collidium.detect._particles import NEUTRAL_HADRON, PHOTON, Candidates, Float, Int, StableParticles
from collidium.detect._species import SpeciesColumns, species_of
from collidium.detect._tracking import (
    LONGITUDINAL,
    TRANSVERSE,
    efficiency,
    impact_resolution,
    is_found,
    log_normal,
    relative_resolution,
)

SOLENOID = Solenoid()


@dataclass(frozen=True)
class _Tracks:
    """Found tracks: their candidates, relative resolution and the row of the particle each belongs to."""

    candidates: Candidates
    resolution: Float
    particle: Int


def cms_response(particles: StableParticles, *, generator: np.random.Generator) -> Candidates:
    """Reconstruct particles as a parametrised CMS detector would.

    Parameters
    ----------
    particles : StableParticles
        T stable particles without neutrinos.
    generator : numpy.random.Generator
        Source of all random numbers; the same state gives the same candidates.

    Returns
    -------
    Candidates
        Tracks, photons and neutral hadrons, ordered by event.

    Notes
    -----
    Flight through the solenoid, track finding, log-normal smearing of the transverse momentum (direction and mass
    kept), smearing of the impact parameters, ECAL towers and their energy flow, then HCAL towers with the tracks that
    the ECAL left. Charged particles without a track still leave their energy in the towers.

    References
    ----------
    CMS card of Delphes, arXiv:1307.6346.

    Examples
    --------
    >>> one = np.ones(1)
    >>> muon = StableParticles(np.array([0]), np.array([13]), 30 * one, 40 * one, 0 * one, 50 * one, *[0 * one] * 3)
    >>> found = cms_response(muon, generator=np.random.default_rng(2))
    >>> found.kind.tolist(), found.charge.tolist(), bool(abs(found.energy[0] - 50) < 2)
    ([4], [-1], True)
    """
    species = species_of(particles.pid)
    flight = fly(particles, species.charge, solenoid=SOLENOID)
    tracks = _find_tracks(particles, species, flight, generator)
    photons, tracks = _calorimeter_pass(ECAL, PHOTON, species.ecal, particles, flight, tracks, generator)
    hadrons, tracks = _calorimeter_pass(HCAL, NEUTRAL_HADRON, species.hcal, particles, flight, tracks, generator)
    return Candidates.by_event(tracks.candidates, photons, hadrons)


def truth_response(particles: StableParticles, *, generator: np.random.Generator) -> Candidates:
    """Keep particles as they are: the perfect detector.

    Parameters
    ----------
    particles : StableParticles
        T stable particles without neutrinos.
    generator : numpy.random.Generator
        Not used.

    Returns
    -------
    Candidates
        T candidates in the same order with true momenta and impact parameters, whose errors are 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> photon = StableParticles(np.array([0]), np.array([22]), 3 * one, 4 * one, 0 * one, 5 * one, *[0 * one] * 3)
    >>> truth_response(photon, generator=np.random.default_rng(1)).kind.tolist()
    [2]
    """
    species = species_of(particles.pid)
    flight = fly(particles, species.charge, solenoid=SOLENOID)
    zero = np.zeros(len(particles))
    return Candidates(
        particles.event,
        particles.px,
        particles.py,
        particles.pz,
        particles.energy,
        species.charge,
        species.kind,
        flight.d0,
        zero,
        flight.dz,
        zero,
    )


@dataclass(frozen=True, kw_only=True)
class ResponseInfo:
    """A detector in the registry.

    Attributes
    ----------
    name : str
        Its name.
    respond : callable
        ``respond(particles, generator=...)`` gives candidates.
    description : str
        One line.
    """

    name: str
    respond: Callable[..., Candidates]
    description: str


RESPONSES: dict[str, ResponseInfo] = {
    info.name: info
    for info in (
        ResponseInfo(name="cms", respond=cms_response, description="parametrised CMS: tracks, towers, energy flow"),
        ResponseInfo(name="none", respond=truth_response, description="stable particles as generated"),
    )
}


def respond(name: str, particles: StableParticles, *, generator: np.random.Generator) -> Candidates:
    """Apply a detector by name.

    Parameters
    ----------
    name : str
        One of ``RESPONSES``.
    particles : StableParticles
        T stable particles without neutrinos.
    generator : numpy.random.Generator
        Source of all random numbers.

    Returns
    -------
    Candidates
        Ordered by event.

    Raises
    ------
    InputError
        For an unknown name.

    Examples
    --------
    >>> respond("atlas", None, generator=None)
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: unknown response 'atlas': (allowed: cms, none)
    """
    if name not in RESPONSES:
        raise unknown("response", name, RESPONSES)
    return RESPONSES[name].respond(particles, generator=generator)


def _find_tracks(
    particles: StableParticles, species: SpeciesColumns, flight: Flight, generator: np.random.Generator
) -> _Tracks:
    """Find tracks and measure their momenta and impact parameters."""
    pt, eta = particles.pt, particles.eta
    probability = np.where(flight.is_inside, efficiency(species.kind, pt, eta), 0.0)
    rows = np.flatnonzero(is_found(probability, generator))
    found, kind, pt, eta = particles.take(rows), species.kind[rows], pt[rows], eta[rows]
    resolution = relative_resolution(kind, pt, eta)
    scale = log_normal(np.ones(len(rows)), resolution, generator)
    mass_squared = np.maximum(found.energy**2 - found.px**2 - found.py**2 - found.pz**2, 0.0)
    px, py, pz = scale * found.px, scale * found.py, scale * found.pz
    measured_pt = scale * pt
    d0_error = impact_resolution(measured_pt, eta, TRANSVERSE)
    dz_error = impact_resolution(measured_pt, eta, LONGITUDINAL)
    d0 = flight.d0[rows] + impact_resolution(pt, eta, TRANSVERSE) * generator.standard_normal(len(rows))
    dz = flight.dz[rows] + impact_resolution(pt, eta, LONGITUDINAL) * generator.standard_normal(len(rows))
    candidates = Candidates(
        found.event,
        px,
        py,
        pz,
        np.sqrt(px**2 + py**2 + pz**2 + mass_squared),
        species.charge[rows],
        kind,
        d0,
        d0_error,
        dz,
        dz_error,
    )
    return _Tracks(candidates, relative_resolution(kind, measured_pt, eta), rows)


def _calorimeter_pass(
    calorimeter: Calorimeter,
    kind: int,
    fraction: Float,
    particles: StableParticles,
    flight: Flight,
    tracks: _Tracks,
    generator: np.random.Generator,
) -> tuple[Candidates, _Tracks]:
    """Neutral candidates of one calorimeter, and the tracks after its energy flow."""
    cell = calorimeter.cell(flight.eta, flight.phi)
    rows = np.flatnonzero((fraction > 0) & (cell >= 0))
    deposit = particles.energy[rows] * fraction[rows]
    towers = measure_towers(calorimeter, particles.event[rows], cell[rows], deposit, generator=generator)
    tower_of_particle = np.full(len(particles), -1, dtype=np.int64)
    tower_of_particle[rows] = towers.of_deposit
    tower = tower_of_particle[tracks.particle]
    is_struck = np.flatnonzero(tower >= 0)
    flow = energy_flow(
        calorimeter,
        towers,
        tower[is_struck],
        tracks.candidates.energy[is_struck],
        tracks.resolution[is_struck],
    )
    scale = np.ones(len(tracks.particle))
    scale[is_struck] = flow.scale
    return _neutrals(calorimeter, kind, towers, flow.excess, generator), _scaled(tracks, scale)


def _scaled(tracks: _Tracks, scale: Float) -> _Tracks:
    """Tracks with their four-momenta multiplied."""
    c = tracks.candidates
    moved = replace(c, px=c.px * scale, py=c.py * scale, pz=c.pz * scale, energy=c.energy * scale)
    return replace(tracks, candidates=moved)


def _neutrals(
    calorimeter: Calorimeter, kind: int, towers: Towers, excess: Float, generator: np.random.Generator
) -> Candidates:
    """Massless candidates of the towers with an excess, pointing at random inside their towers."""
    rows = np.flatnonzero(excess > 0)
    energy = excess[rows]
    eta, phi = calorimeter.point_inside(towers.cell[rows], generator)
    pt = energy / np.cosh(eta)
    zero, none = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    momentum = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy)
    return Candidates(towers.event[rows], *momentum, none, none + kind, zero, zero, zero, zero)
