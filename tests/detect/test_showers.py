from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.detect import (
    BLOCK_SIZE,
    ELECTROMAGNETIC,
    HADRONIC,
    PILEUP_ONLY,
    ModuleCharges,
    ModuleConfig,
    cell_positions,
    simulate_module_block,
    simulate_modules,
)

CONFIG = ModuleConfig()
SILENT = ModuleConfig(noise=0.0, threshold=0.0, pileup=0.0, step=1e-3)


@pytest.fixture(scope="module")
def modules() -> ModuleCharges:
    return simulate_module_block(CONFIG, seed=4, block=0)


def test_any_number_of_workers_gives_the_same_bytes(modules: ModuleCharges) -> None:
    again = simulate_modules(CONFIG, BLOCK_SIZE + 5, seed=4, workers=2)
    assert len(again) == BLOCK_SIZE + 5
    for field in dataclasses.fields(ModuleCharges):
        assert getattr(again, field.name)[:BLOCK_SIZE].tobytes() == getattr(modules, field.name).tobytes()
    assert len(set(again.event_id)) == len(again)


def test_kinds_come_in_their_fractions(modules: ModuleCharges) -> None:
    shares = np.bincount(modules.kind) / len(modules)
    assert shares == pytest.approx([0.3, 0.4, 0.3], abs=0.025)
    assert ((modules.pt > 0) == (modules.kind != PILEUP_ONLY)).all()
    assert modules.pt[modules.pt > 0].min() >= CONFIG.pt_min


def test_charges_are_whole_steps_above_the_threshold(modules: ModuleCharges) -> None:
    assert modules.charge.dtype == np.int64
    assert modules.charge.min() == 0
    assert modules.charge[modules.charge > 0].min() == 5


def test_electromagnetic_showers_are_narrower_than_hadronic() -> None:
    sample = simulate_module_block(dataclasses.replace(SILENT, pt_min=40.0), seed=1, block=0, size=4000)
    positions = cell_positions()
    widths = []
    for kind in (ELECTROMAGNETIC, HADRONIC):
        charge = sample.charge[(sample.kind == kind) & (sample.charge.sum(1) > 5000)].astype(float)
        share = charge / charge.sum(1, keepdims=True)
        spread = share @ (positions**2).sum(1) - ((share @ positions) ** 2).sum(1)
        widths.append(np.median(np.sqrt(spread)))
    assert 12 < widths[0] < 18 < 30 < widths[1] < 45


def test_a_silent_empty_module_is_zero() -> None:
    nothing = dataclasses.replace(SILENT, electromagnetic=0.0, hadronic=0.0)
    assert not simulate_module_block(nothing, seed=1, block=0, size=100).charge.any()


def test_noise_has_its_width() -> None:
    config = dataclasses.replace(SILENT, electromagnetic=0.0, hadronic=0.0, noise=0.4)
    sample = simulate_module_block(config, seed=1, block=0, size=2000)
    pull = sample.charge * config.step * np.cosh(sample.eta)[:, None] / 0.4
    # negative charges are cut, half of the square is left
    assert 2 * np.mean(pull**2) == pytest.approx(1, abs=5 * np.sqrt(5 / pull.size))


def test_pileup_grows_forward_and_with_the_number_of_collisions() -> None:
    config = dataclasses.replace(CONFIG, electromagnetic=0.0, hadronic=0.0)
    sample = simulate_module_block(config, seed=1, block=0, size=3000)
    total = sample.charge.sum(1)
    assert total[sample.eta > 2.6].mean() > 4 * total[sample.eta < 1.9].mean()
    half = simulate_module_block(dataclasses.replace(config, pileup=100.0), seed=1, block=0, size=3000)
    assert half.charge.sum() == pytest.approx(total.sum() / 2, rel=0.1)
