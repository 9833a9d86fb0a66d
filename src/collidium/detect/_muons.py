"""Muons in thin-gap chambers: which channels fire."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import event_ids
from collidium.detect._blocks import BLOCK_SIZE, block_generator, block_stream, make_blocks
from collidium.detect._chamber import ChamberConfig
from collidium.detect._particles import Float, Int

_SCATTERING = 13.6
_LAUNCH_MARGIN = 1.25


@dataclass(frozen=True)
class Muons:
    """N simulated muons, each crossing every gap inside the channels.

    Attributes
    ----------
    hits : ndarray of bool, (N, gaps, channels)
        Which channels fired.
    angle : ndarray, (N,), mrad
        True angle to the beam at the first gap.
    position : ndarray, (N,), mm
        True crossing of the first gap, from the nominal line.
    curvature : ndarray, (N,), e/GeV
        True charge over pT.
    event_id : ndarray of uint64, (N,)
        Number of the event, which decides its split.
    """

    hits: NDArray[np.bool_]
    angle: Float
    position: Float
    curvature: Float
    event_id: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.angle)

    def take(self, rows: slice | Int | NDArray[np.bool_]) -> Muons:
        """Select muons.

        Parameters
        ----------
        rows : slice or ndarray
            Rows or a mask.

        Returns
        -------
        Muons
            The selected ones.
        """
        return Muons(*(getattr(self, field.name)[rows] for field in fields(self)))


def simulate_muons(config: ChamberConfig, num_muons: int, *, seed: int, workers: int = 1) -> Muons:
    """Simulate muons in thin-gap chambers.

    Parameters
    ----------
    config : ChamberConfig
        The chambers.
    num_muons : int
        How many.
    seed : int
        Fixes every muon; a longer sample of the same seed begins with the shorter one.
    workers : int
        Threads; the result does not depend on them.

    Returns
    -------
    Muons
        The sample, block after block.

    Examples
    --------
    >>> muons = simulate_muons(ChamberConfig(), 100, seed=1)
    >>> muons.hits.shape, bool(abs(muons.angle.mean() - 229) < 10)
    ((100, 7, 50), True)
    """
    blocks = make_blocks(lambda block: simulate_muon_block(config, seed=seed, block=block), num_muons, workers=workers)
    columns = [np.concatenate([getattr(block, field.name) for block in blocks]) for field in fields(Muons)]
    return Muons(*columns).take(slice(num_muons))


def simulate_muon_block(config: ChamberConfig, *, seed: int, block: int) -> Muons:
    """Simulate one block of 10,000 muons.

    Parameters
    ----------
    config : ChamberConfig
        The chambers.
    seed : int
        Seed of the sample.
    block : int
        Number of the block.

    Returns
    -------
    Muons
        A function of the arguments alone.
    """
    stream = block_stream("muons", seed)
    generator = block_generator(stream, block)
    crossing, angle, curvature = _accepted_tracks(config, BLOCK_SIZE, generator)
    hits = respond_strips(config, crossing, generator)
    event_id = event_ids(stream, BLOCK_SIZE, start=block * BLOCK_SIZE)
    return Muons(hits, angle, crossing[:, 0], curvature, event_id)


def scattering_angle(momentum: Float, material: float) -> Float:
    """Width of multiple scattering in a plane.

    Parameters
    ----------
    momentum : ndarray, GeV
        Momentum of the muons.
    material : float
        Thickness, radiation lengths.

    Returns
    -------
    ndarray, mrad
        ``13.6 MeV / p sqrt(x) (1 + 0.038 ln x)``.

    References
    ----------
    Highland's formula as in the Review of Particle Physics, "Passage of particles through matter".

    Examples
    --------
    >>> scattering_angle(np.array([13.6]), 1.0).tolist()
    [1.0]
    """
    if material <= 0:
        return np.zeros(len(momentum))
    return _SCATTERING / momentum * (math.sqrt(material) * (1 + 0.038 * math.log(material)))


def _accepted_tracks(config: ChamberConfig, count: int, generator: np.random.Generator) -> tuple[Float, Float, Float]:
    """Crossings (count, gaps), angles and curvatures of muons that cross every gap inside its channels."""
    kept: list[tuple[Float, Float, Float]] = []
    found = 0
    while found < count:
        crossing, angle, curvature = _tracks(config, count, generator)
        channel = _channel(config, crossing)
        is_inside = ((channel >= 0) & (channel < config.num_channels)).all(1)
        kept.append((crossing[is_inside], angle[is_inside], curvature[is_inside]))
        found += int(is_inside.sum())
    crossing, angle, curvature = (np.concatenate(column)[:count] for column in zip(*kept, strict=True))
    return crossing, angle, curvature


def _tracks(config: ChamberConfig, count: int, generator: np.random.Generator) -> tuple[Float, Float, Float]:
    """Crossings, angles and curvatures of muons from the interaction point around the nominal direction.

    The toroid and the absorber before it are thin: they change the direction in one plane.
    """
    curvature = generator.uniform(-1, 1, count) / config.min_pt
    start = (config.nominal_angle + _launch_spread(config) * generator.uniform(-1, 1, count)) / 1000
    momentum = 1 / np.maximum(np.abs(curvature), 1e-6) / np.sin(start)
    kick = config.bend * curvature + scattering_angle(momentum, config.absorber) * generator.standard_normal(count)
    angle = start + kick / 1000
    flight = config.distance - config.bend_distance - config.vertex_spread * generator.standard_normal(count)
    first = flight * np.tan(start) + config.bend_distance * np.tan(angle) - config.distance * config.nominal_slope
    sigma = scattering_angle(momentum, config.gap_material)[:, None] / 1000
    kinks = sigma * generator.standard_normal((count, config.num_gaps - 1))
    slope = np.tan(angle[:, None] + np.cumsum(kinks, axis=1)) - config.nominal_slope
    steps = np.cumsum(slope * np.diff(config.z), axis=1)
    crossing = first[:, None] + np.concatenate([np.zeros((count, 1)), steps], axis=1)
    return crossing, 1000 * angle, curvature


def _launch_spread(config: ChamberConfig) -> float:
    """Half-range of starting angles from which the channels can be reached, mrad."""
    reach = max(p / (config.distance + z) for p, z in zip(config.pitch, config.z, strict=True))
    half_width = 1000 * config.num_channels / 2 * reach
    deflection = config.bend / config.min_pt * config.bend_distance / config.distance
    return _LAUNCH_MARGIN * (half_width + deflection)


def _channel(config: ChamberConfig, crossing: Float) -> Int:
    """Crossed channel of each gap, (N, gaps); outside the gap also below 0 or above the last."""
    return np.floor(_channel_coordinate(config, crossing)).astype(np.int64)


def _channel_coordinate(config: ChamberConfig, crossing: Float) -> Float:
    """Position in units of channels from the lower edge of channel 0."""
    place: Float = crossing / np.array(config.pitch) - np.array(config.stagger) + config.num_channels / 2
    return place


def respond_strips(config: ChamberConfig, crossing: Float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which channels fire.

    Parameters
    ----------
    config : ChamberConfig
        The chambers.
    crossing : ndarray, (N, gaps), mm
        Where muons cross the gaps, from the nominal line.
    generator : numpy.random.Generator
        Source of the random numbers.

    Returns
    -------
    ndarray of bool, (N, gaps, channels)
        Efficiency, cross-talk to the nearer neighbour, delta rays and noise applied.

    Examples
    --------
    >>> perfect = ChamberConfig(efficiency=1.0, crosstalk=0.0, delta_ray=0.0, noise=0.0)
    >>> hits = respond_strips(perfect, np.zeros((1, 7)), np.random.default_rng(1))
    >>> np.argwhere(hits[0])[:, 1].tolist()
    [25, 24, 24, 25, 24, 25, 24]
    """
    place = _channel_coordinate(config, crossing)
    channel = np.floor(place).astype(np.int64)
    nearer = np.where(place - channel < 0.5, -1, 1)
    is_hit = generator.random(place.shape) < config.efficiency
    is_shared = is_hit & (generator.random(place.shape) < config.crosstalk)
    is_delta = is_hit & (generator.random(place.shape) < config.delta_ray)
    reach = generator.geometric(1 / config.delta_reach, place.shape)
    side = generator.choice([-1, 1], place.shape)
    hits = generator.random((*place.shape, config.num_channels), dtype=np.float32) < config.noise
    _fire(hits, is_hit, channel)
    _fire(hits, is_shared, channel + nearer)
    for step in range(1, int(reach.max(initial=0)) + 1):
        _fire(hits, is_delta & (reach >= step), channel + side * step)
    return hits


def _fire(hits: NDArray[np.bool_], is_fired: NDArray[np.bool_], channel: Int) -> None:
    """Set one channel in each of some gaps, where it exists."""
    event, gap = np.nonzero(is_fired & (channel >= 0) & (channel < hits.shape[2]))
    hits[event, gap, channel[event, gap]] = True
