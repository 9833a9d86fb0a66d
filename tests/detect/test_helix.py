from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from collidium.detect import Solenoid, StableParticles, fly

Float = NDArray[np.float64]
SOLENOID = Solenoid()


def particle(momentum: list[float], vertex: list[float]) -> StableParticles:
    energy = float(np.linalg.norm(momentum))
    columns = [np.array([value]) for value in (*momentum, energy, *vertex)]
    return StableParticles(np.array([0]), np.array([211]), *columns)


def lorentz_path(momentum: list[float], vertex: list[float], charge: int, *, step: float, num_steps: int) -> Float:
    """Positions of a charge in a field along z by fourth-order Runge-Kutta in the path length, (steps + 1, 3), mm."""
    k = 0.299792458e-3 * SOLENOID.field * charge / np.linalg.norm(momentum)

    def slope(state: Float) -> Float:
        ux, uy, uz = state[3:]
        return np.array([ux, uy, uz, k * uy, -k * ux, 0.0])

    state = np.array([*vertex, *(np.array(momentum) / np.linalg.norm(momentum))])
    path = [state[:3]]
    for _ in range(num_steps):
        k1 = slope(state)
        k2 = slope(state + step / 2 * k1)
        k3 = slope(state + step / 2 * k2)
        k4 = slope(state + step * k3)
        state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(state[:3])
    return np.array(path)


TRACKS = [
    ([3.0, 1.0, 0.7], [2.0, -5.0, 1.0], 1),
    ([3.0, 1.0, 0.7], [2.0, -5.0, 1.0], -1),
    ([-0.9, 1.4, -2.0], [-12.0, 3.0, -7.0], 1),
    ([0.8, -20.0, 5.0], [0.0, 30.0, 4.0], -1),
    ([1.1, 0.2, 0.1], [40.0, 60.0, 0.0], 1),
]


@pytest.mark.parametrize(("momentum", "vertex", "charge"), TRACKS)
def test_impact_parameters_against_numerical_integration(
    momentum: list[float], vertex: list[float], charge: int
) -> None:
    flight = fly(particle(momentum, vertex), np.array([charge]), solenoid=SOLENOID)
    # The same circle is run through backwards by the opposite charge with the opposite momentum.
    forward = lorentz_path(momentum, vertex, charge, step=0.05, num_steps=4000)
    backward = lorentz_path([-p for p in momentum], vertex, -charge, step=0.05, num_steps=4000)
    path = np.concatenate([backward[::-1], forward[1:]])
    nearest = int(np.argmin(np.hypot(path[:, 0], path[:, 1])))
    point, ahead = path[nearest], path[nearest + 1] - path[nearest - 1]
    d0 = (point[0] * ahead[1] - point[1] * ahead[0]) / np.hypot(ahead[0], ahead[1])
    assert flight.d0[0] == pytest.approx(d0, abs=1e-3)
    assert flight.dz[0] == pytest.approx(point[2], abs=0.05)  # one step of the integration


@pytest.mark.parametrize(("momentum", "vertex", "charge"), TRACKS)
def test_exit_against_numerical_integration(momentum: list[float], vertex: list[float], charge: int) -> None:
    flight = fly(particle(momentum, vertex), np.array([charge]), solenoid=SOLENOID)
    path = lorentz_path(momentum, vertex, charge, step=1.0, num_steps=8000)
    is_out = (np.hypot(path[:, 0], path[:, 1]) >= SOLENOID.radius) | (np.abs(path[:, 2]) >= SOLENOID.half_length)
    x, y, z = path[int(np.argmax(is_out))]
    assert is_out.any()
    assert flight.eta[0] == pytest.approx(np.arcsinh(z / np.hypot(x, y)), abs=2e-3)
    assert flight.phi[0] == pytest.approx(np.arctan2(y, x), abs=2e-3)


def test_particles_from_the_beam_line_have_no_impact_parameter() -> None:
    generator = np.random.default_rng(1)
    p = generator.normal(size=(3, 50)) * 5
    zero = np.zeros(50)
    z = generator.normal(size=50)
    particles = StableParticles(zero, zero, *p, np.linalg.norm(p, axis=0), zero, zero, z)
    flight = fly(particles, np.where(np.arange(50) % 2, 1, -1), solenoid=SOLENOID)
    np.testing.assert_allclose(flight.d0, 0.0, atol=1e-8)
    np.testing.assert_allclose(flight.dz, z, atol=1e-8)


def test_neutral_particles_fly_straight() -> None:
    flight = fly(particle([3.0, 4.0, 1.0], [0.0, 0.0, 0.0]), np.array([0]), solenoid=SOLENOID)
    assert flight.eta[0] == pytest.approx(np.arcsinh(1 / 5))
    assert flight.phi[0] == pytest.approx(np.arctan2(4.0, 3.0))
    displaced = fly(particle([1.0, 0.0, 0.0], [0.0, 645.0, 100.0]), np.array([0]), solenoid=SOLENOID)
    assert displaced.phi[0] == pytest.approx(np.arcsin(0.5))
    assert displaced.eta[0] == pytest.approx(np.arcsinh(100 / 1290))


def test_a_charge_turns_by_the_closed_form() -> None:
    # A track from the origin meets the wall at an azimuth turned by arcsin(r / 2R).
    pt = 2.0
    radius = pt / (0.299792458e-3 * 3.8)
    flight = fly(particle([pt, 0.0, 0.0], [0.0, 0.0, 0.0]), np.array([1]), solenoid=SOLENOID)
    assert flight.phi[0] == pytest.approx(-np.arcsin(1290 / (2 * radius)))


def test_a_slow_charge_curls_to_the_end_cap() -> None:
    flight = fly(particle([0.2, 0.0, 0.5], [0.0, 0.0, 0.0]), np.array([1]), solenoid=SOLENOID)
    diameter = 2 * 0.2 / (0.299792458e-3 * 3.8)
    assert flight.eta[0] > np.arcsinh(3000 / diameter)


def test_a_particle_made_outside_stays_there_without_a_track() -> None:
    flight = fly(particle([5.0, 0.0, 0.0], [0.0, 1400.0, 0.0]), np.array([1]), solenoid=SOLENOID)
    assert not flight.is_inside[0]
    assert flight.phi[0] == pytest.approx(np.pi / 2)
    assert flight.d0[0] == 0.0
