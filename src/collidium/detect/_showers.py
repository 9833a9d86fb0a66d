"""Showers and pile-up in one layer of a calorimeter module: the charges of its trigger cells."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import event_ids
from collidium.detect._blocks import BLOCK_SIZE, block_generator, block_stream, make_blocks
from collidium.detect._module import CELL_SPACING, NUM_CELLS, cell_positions, nearest_cell
from collidium.detect._module_config import ModuleConfig
from collidium.detect._particles import Float, Int
from collidium.detect._shower_profile import layer_fraction, radial_quantile

PILEUP_ONLY, ELECTROMAGNETIC, HADRONIC = 0, 1, 2


@dataclass(frozen=True)
class ModuleCharges:
    """N simulated modules.

    Attributes
    ----------
    charge : ndarray of int64, (N, 48)
        Charge of each trigger cell, in steps of the configuration.
    kind : ndarray of int64, (N,)
        ``PILEUP_ONLY``, ``ELECTROMAGNETIC`` or ``HADRONIC``.
    pt : ndarray, (N,), GeV
        Transverse momentum of the shower's particle, 0 without one.
    eta : ndarray, (N,), 1
        Pseudorapidity of the module.
    event_id : ndarray of uint64, (N,)
        Number of the event, which decides its split.
    """

    charge: Int
    kind: Int
    pt: Float
    eta: Float
    event_id: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: slice | Int | NDArray[np.bool_]) -> ModuleCharges:
        """Select modules.

        Parameters
        ----------
        rows : slice or ndarray
            Rows or a mask.

        Returns
        -------
        ModuleCharges
            The selected ones.
        """
        return ModuleCharges(*(getattr(self, field.name)[rows] for field in fields(self)))


def simulate_modules(config: ModuleConfig, num_modules: int, *, seed: int, workers: int = 1) -> ModuleCharges:
    """Simulate charges of trigger cells.

    Parameters
    ----------
    config : ModuleConfig
        What falls on the modules.
    num_modules : int
        How many.
    seed : int
        Fixes every module; a longer sample of the same seed begins with the shorter one.
    workers : int
        Threads; the result does not depend on them.

    Returns
    -------
    ModuleCharges
        The sample, block after block.
    """
    blocks = make_blocks(
        lambda block: simulate_module_block(config, seed=seed, block=block), num_modules, workers=workers
    )
    columns = [np.concatenate([getattr(block, field.name) for block in blocks]) for field in fields(ModuleCharges)]
    return ModuleCharges(*columns).take(slice(num_modules))


def simulate_module_block(config: ModuleConfig, *, seed: int, block: int, size: int = BLOCK_SIZE) -> ModuleCharges:
    """Simulate one block of modules.

    Parameters
    ----------
    config : ModuleConfig
        What falls on the modules.
    seed : int
        Seed of the sample.
    block : int
        Number of the block.
    size : int
        Modules in the block.

    Returns
    -------
    ModuleCharges
        A function of the arguments alone.

    Examples
    --------
    >>> modules = simulate_module_block(ModuleConfig(), seed=1, block=0, size=20)
    >>> modules.charge.shape
    (20, 48)
    """
    stream = block_stream("modules", seed)
    generator = block_generator(stream, block)
    eta = generator.uniform(config.eta_min, config.eta_max, size)
    shares = (1 - config.electromagnetic - config.hadronic, config.electromagnetic, config.hadronic)
    kind = generator.choice(3, size, p=shares)
    pt = np.exp(generator.uniform(np.log(config.pt_min), np.log(config.pt_max), size)) * (kind != PILEUP_ONLY)
    depth = generator.uniform(0, config.depth_max, size)
    signal = np.flatnonzero(kind != PILEUP_ONLY)
    background, background_pt, is_photon = _pileup(config, eta, generator)
    module = np.concatenate([signal, background])
    particle_pt = np.concatenate([pt[signal], background_pt])
    is_electromagnetic = np.concatenate([kind[signal] == ELECTROMAGNETIC, is_photon])
    charge, is_point = _layer_charges(config, particle_pt, eta[module], depth[module], is_electromagnetic, generator)
    cells = _spots(config, size, module, charge, is_electromagnetic, is_point, generator)
    cells += config.noise / np.cosh(eta)[:, None] * generator.standard_normal(cells.shape)
    steps = np.round(np.where(cells < config.threshold, 0, cells) / config.step).astype(np.int64)
    return ModuleCharges(steps, kind, pt, eta, event_ids(stream, size, start=block * BLOCK_SIZE))


def _pileup(config: ModuleConfig, eta: Float, generator: np.random.Generator) -> tuple[Int, Float, NDArray[np.bool_]]:
    """Module, transverse momentum (GeV) and photon flag of the pile-up particles."""
    radius = config.distance / np.sinh(eta)
    solid = _area() / (radius**2 / np.tanh(eta))
    count = generator.poisson(config.pileup * config.density * solid)
    module = np.repeat(np.arange(len(eta)), count)
    pt = generator.exponential(config.pileup_pt, len(module))
    return module, pt, generator.random(len(module)) < 0.5


def _area() -> float:
    """Area of a module, mm^2: that of its cells."""
    return NUM_CELLS * CELL_SPACING**2 * math.sqrt(3) / 2


def _layer_charges(
    config: ModuleConfig,
    pt: Float,
    eta: Float,
    depth: Float,
    is_electromagnetic: NDArray[np.bool_],
    generator: np.random.Generator,
) -> tuple[Float, NDArray[np.bool_]]:
    """Charge (transverse MIP) that each particle leaves, and whether it crosses without a shower."""
    energy = np.maximum(pt * np.cosh(eta), 2 * config.critical_energy)
    normal = generator.standard_normal(len(pt))
    has_started = is_electromagnetic | (generator.exponential(config.interaction_length, len(pt)) < depth)
    photon = layer_fraction(energy, depth, critical_energy=config.critical_energy) * config.layer
    photon *= np.exp(config.fluctuation * normal - config.fluctuation**2 / 2)
    hadron = (
        config.hadron_response
        * config.hadron_layer
        * np.exp(config.hadron_fluctuation * normal - config.hadron_fluctuation**2 / 2)
    )
    shower = config.mips_per_gev * pt * np.where(is_electromagnetic, photon, hadron)
    return np.where(has_started, shower, 1 / np.cosh(eta)), ~has_started


def _spots(
    config: ModuleConfig,
    num_modules: int,
    module: Int,
    charge: Float,
    is_electromagnetic: NDArray[np.bool_],
    is_point: NDArray[np.bool_],
    generator: np.random.Generator,
) -> Float:
    """Sum the spots of all particles in the cells, (N, 48), transverse MIP."""
    count = np.clip(np.ceil(charge / config.spot), 1, config.max_spots).astype(np.int64)
    count[is_point] = 1
    axis = _axes(len(module), generator)
    owner = np.repeat(np.arange(len(module)), count)
    is_em = is_electromagnetic[owner]
    is_core = generator.random(len(owner)) < np.where(is_em, config.core_weight, config.hadron_core_weight)
    em_scale = np.where(is_core, config.core, config.tail)
    scale = np.where(is_em, em_scale, np.where(is_core, config.hadron_core, config.hadron_tail))
    radius = radial_quantile(generator.random(len(owner)), scale) * ~is_point[owner]
    turn = generator.uniform(0, 2 * np.pi, len(owner))
    cell = nearest_cell(axis[owner] + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    is_inside = cell >= 0
    place = module[owner[is_inside]] * NUM_CELLS + cell[is_inside]
    weight = (charge / count)[owner[is_inside]]
    total = np.bincount(place, weights=weight, minlength=num_modules * NUM_CELLS)
    return total.astype(np.float64).reshape(-1, NUM_CELLS)


def _axes(count: int, generator: np.random.Generator) -> Float:
    """Points spread evenly over a module, (count, 2), mm: a random cell and a random point of it."""
    corner = generator.random((count, 2)) - 0.5
    rhombus = CELL_SPACING * np.stack([corner[:, 0] * math.sqrt(3) / 2, corner[:, 1] + corner[:, 0] / 2], axis=1)
    return cell_positions()[generator.integers(0, NUM_CELLS, count)] + rhombus
