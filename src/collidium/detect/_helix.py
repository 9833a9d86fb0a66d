"""Flight through the solenoid: where a particle meets the calorimeter, and how near the beam line its track passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.detect._particles import Bool, Float, Int, StableParticles

CURVATURE_GEV_PER_MM_T = 0.299792458e-3


@dataclass(frozen=True, kw_only=True)
class Solenoid:
    """Cylinder with a uniform field along the beam.

    Attributes
    ----------
    radius, half_length : float
        Size of the tracking volume, mm.
    field : float
        Field along +z, T.
    """

    radius: float = 1290.0
    half_length: float = 3000.0
    field: float = 3.8


@dataclass(frozen=True)
class Flight:
    """Ends of the flight of T particles.

    Attributes
    ----------
    eta, phi : ndarray, (T,), 1 and rad
        Direction, seen from the origin, of the point where the particle leaves the tracking volume.
    d0 : ndarray, (T,), mm
        Signed transverse impact parameter ``(x py - y px) / pT`` at the point nearest to the beam line; 0 for neutrals.
    dz : ndarray, (T,), mm
        z of that point; 0 for neutrals.
    is_inside : ndarray of bool, (T,)
        Whether the particle was made inside the tracking volume, so that it can leave a track.
    """

    eta: Float
    phi: Float
    d0: Float
    dz: Float
    is_inside: Bool


def fly(particles: StableParticles, charge: Int, *, solenoid: Solenoid) -> Flight:
    """Carry particles from their production vertices to the calorimeter surface.

    Parameters
    ----------
    particles : StableParticles
        T particles with pT > 0.
    charge : ndarray of int64, (T,), e
        Their charges.
    solenoid : Solenoid
        Volume and field.

    Returns
    -------
    Flight
        End points and impact parameters. A particle made outside the volume ends where it was made.

    Notes
    -----
    A charge q moves on a circle of radius R = pT / (0.2998 |q| B) around
    (xc, yc) = (x + s R sin phi, y - s R cos phi), s = sign(q), turning clockwise for s = 1; z grows by R sinh(eta) per
    radian turned. The exit is the first crossing of the cylinder or of an end cap; the impact parameters belong to the
    point of the circle nearest to the beam line, reached by the shorter way round.

    Examples
    --------
    >>> zero = np.zeros(1)
    >>> pion = StableParticles(np.array([0]), np.array([211]), zero + 10, zero, zero, zero + 10, zero, zero + 0.5, zero)
    >>> fly(pion, np.array([1]), solenoid=Solenoid()).d0.round(3).tolist()
    [-0.5]
    """
    x_end, y_end, z_end = particles.x.copy(), particles.y.copy(), particles.z.copy()
    d0, dz = np.zeros(len(particles)), np.zeros(len(particles))
    is_inside = (np.hypot(particles.x, particles.y) < solenoid.radius) & (np.abs(particles.z) < solenoid.half_length)
    straight = np.flatnonzero(is_inside & (charge == 0))
    bent = np.flatnonzero(is_inside & (charge != 0))
    x_end[straight], y_end[straight], z_end[straight] = _line(particles.take(straight), solenoid)
    x_end[bent], y_end[bent], z_end[bent], d0[bent], dz[bent] = _helix(particles.take(bent), charge[bent], solenoid)
    eta = np.arcsinh(z_end / np.maximum(np.hypot(x_end, y_end), 1e-9))
    return Flight(eta, np.arctan2(y_end, x_end), d0, dz, is_inside)


def _line(p: StableParticles, solenoid: Solenoid) -> tuple[Float, Float, Float]:
    """Exit point of neutral particles, mm."""
    pt = p.pt
    ux, uy, slope = p.px / pt, p.py / pt, p.pz / pt
    along = p.x * ux + p.y * uy
    to_wall = -along + np.sqrt(along**2 + solenoid.radius**2 - p.x**2 - p.y**2)
    path = np.minimum(to_wall, _to_endcap(p.z, slope, solenoid))
    return p.x + path * ux, p.y + path * uy, p.z + path * slope


def _to_endcap(z: Float, slope: Float, solenoid: Solenoid) -> Float:
    """Transverse path until |z| is the half length, mm; huge for particles without longitudinal momentum."""
    steep = np.where(np.abs(slope) < 1e-12, 1e-12, slope)
    return (np.copysign(solenoid.half_length, steep) - z) / steep


def _helix(p: StableParticles, charge: Int, solenoid: Solenoid) -> tuple[Float, Float, Float, Float, Float]:
    """Exit point and impact parameters of charged particles, mm."""
    pt = p.pt
    turn = np.sign(charge) * np.sign(solenoid.field)
    radius = pt / (CURVATURE_GEV_PER_MM_T * np.abs(charge * solenoid.field))
    rise = radius * p.pz / pt
    x_center, y_center = p.x + turn * radius * p.py / pt, p.y - turn * radius * p.px / pt
    distance = np.hypot(x_center, y_center)
    start = np.arctan2(p.y - y_center, p.x - x_center)
    toward_beam = np.arctan2(-y_center, -x_center)

    back = _wrap(-turn * (toward_beam - start))
    sagitta = radius - distance
    d0, dz = turn * -sagitta, p.z + rise * back

    reach = (solenoid.radius**2 - distance**2 - radius**2) / np.maximum(2 * distance * radius, 1e-12)
    half = np.arccos(np.clip(reach, -1.0, 1.0))
    away = toward_beam + np.pi
    ways = [np.mod(-turn * (away + side * half - start), 2 * np.pi) for side in (1.0, -1.0)]
    to_wall = np.where(np.abs(reach) <= 1.0, np.minimum(*ways), np.inf)
    angle = np.minimum(to_wall, _to_endcap(p.z, p.pz / pt, solenoid) / radius)
    end = start - turn * angle
    return x_center + radius * np.cos(end), y_center + radius * np.sin(end), p.z + rise * angle, d0, dz


def _wrap(angle: Float) -> Float:
    """Angle in [-pi, pi), rad."""
    return np.mod(angle + np.pi, 2 * np.pi) - np.pi
