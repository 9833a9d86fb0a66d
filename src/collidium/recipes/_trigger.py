"""Recipes for trigger networks."""

from __future__ import annotations

from collidium.trigger import (
    BetaSchedule,
    DeepSetsConfig,
    FitConfig,
    JetFormerConfig,
    JetTask,
    MLPConfig,
    MuonTask,
    MuonTrackerConfig,
    TriggerConfig,
)

_JETS = BetaSchedule(points=((0.3, 1e-7), (1.0, 3e-5)))
_PARTICLES = BetaSchedule(points=((0.2, 1e-8), (1.0, 1e-6)))
_NUM_PARTICLES = 16


def trigger_jets() -> TriggerConfig:
    """Five classes of jets from sixteen features, dense layers 64-32-32."""
    return TriggerConfig(
        task=JetTask(features="jet16"),
        network=MLPConfig(widths=(64, 32, 32)),
        fit=FitConfig(epochs=60, batch_size=512, width_lr=1e-2, pressure=_JETS),
    )


def trigger_jets_lut() -> TriggerConfig:
    """The same classes with layers of tables."""
    return TriggerConfig(
        task=JetTask(features="jet16"),
        network=MLPConfig(widths=(20,), kinds=("lut",)),
        fit=FitConfig(epochs=60, batch_size=512, width_lr=1e-2, pressure=_JETS),
    )


def trigger_particles() -> TriggerConfig:
    """The same classes from sixteen particles of three features, permutation-invariant."""
    return TriggerConfig(
        task=JetTask(features="trigger3", num_particles=_NUM_PARTICLES),
        network=DeepSetsConfig(num_particles=_NUM_PARTICLES),
        fit=FitConfig(epochs=40, batch_size=512, pressure=_PARTICLES),
    )


def trigger_jetformer() -> TriggerConfig:
    """The same classes from eight particles of three features, by a transformer of one block."""
    return TriggerConfig(
        task=JetTask(features="trigger3", num_particles=8),
        network=JetFormerConfig(num_particles=8),
        fit=FitConfig(epochs=40, batch_size=512, pressure=_PARTICLES),
    )


def trigger_muon() -> TriggerConfig:
    """Angle of muons from the hits of seven gas gaps."""
    return TriggerConfig(
        task=MuonTask(num_muons=200_000),
        network=MuonTrackerConfig(mean=229.0, scale=64.0),
        fit=FitConfig(
            epochs=40,
            batch_size=1024,
            objective="mse",
            pressure=BetaSchedule(points=((0.2, 1e-5), (1.0, 1e-3))),
        ),
    )
