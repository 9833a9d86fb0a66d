"""Recipes for trigger networks."""

from __future__ import annotations

from collidium.trigger import (
    AttentionConfig,
    BetaSchedule,
    DeepSetsConfig,
    EconEncoderConfig,
    FitConfig,
    InteractionConfig,
    JetFormerConfig,
    JetTask,
    MLPConfig,
    ModuleTask,
    MuonTask,
    MuonTrackerConfig,
    ParticleMLPConfig,
    QuantizerConfig,
    TriggerConfig,
)

_JETS = BetaSchedule(points=((0.3, 1e-7), (1.0, 3e-5)))
_EIGHT = JetTask(features="trigger3", num_particles=8)


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
        fit=FitConfig(
            epochs=48,
            batch_size=512,
            lr=1e-2,
            width_lr=1e-2,
            betas=(0.9, 0.999),
            width_betas=(0.9, 0.999),
            cycles=12,
            validate_every=4,
            pressure=BetaSchedule(points=((0.2, 3e-6), (1.0, 1e-3))),
        ),
    )


def trigger_particles() -> TriggerConfig:
    """The same classes from eight particles of three features, permutation-invariant."""
    return TriggerConfig(task=_EIGHT, network=DeepSetsConfig(widths=(24, 16)), fit=_particle_fit(2e-5))


def trigger_particles_mlp() -> TriggerConfig:
    """The same by a perceptron on the features in a row."""
    return TriggerConfig(task=_EIGHT, network=ParticleMLPConfig(), fit=_particle_fit(3e-5))


def trigger_interaction() -> TriggerConfig:
    """The same by an interaction network on all pairs."""
    return TriggerConfig(task=_EIGHT, network=InteractionConfig(), fit=_particle_fit(2e-5))


def trigger_jetformer() -> TriggerConfig:
    """The same by a transformer of one block and one head."""
    network = JetFormerConfig(attention=AttentionConfig(num_heads=1), feed_forward=12)
    return TriggerConfig(task=_EIGHT, network=network, fit=_particle_fit(1.2e-5))


def _particle_fit(last: float) -> FitConfig:
    """A front by pressure that rises to ``last``."""
    pressure = BetaSchedule(points=((0.1, 3e-7), (0.85, last)))
    return FitConfig(epochs=40, batch_size=512, lr=6e-3, width_lr=2e-2, pressure=pressure, calibration_samples=8192)


def trigger_muon() -> TriggerConfig:
    """Angle of muons from the hits of seven gas gaps."""
    return TriggerConfig(
        task=MuonTask(num_muons=800_000),
        network=MuonTrackerConfig(
            patterns=3,
            pattern=QuantizerConfig(f=3.0),
            weight=QuantizerConfig(f=4.0),
            widths=(24, 12),
            mean=229.0,
            scale=64.0,
        ),
        fit=FitConfig(
            epochs=15,
            batch_size=512,
            objective="mse",
            lr=1.5e-2,
            width_lr=1e-2,
            warmup=0.1,
            cycles=3,
            pressure=BetaSchedule(
                points=((0.3, 2e-5), (0.4, 1e-4), (0.47, 1e-4), (0.5, 5e-6), (0.68, 5e-6), (0.8, 1e-4), (0.83, 5e-6))
            ),
            validate_every=5,
        ),
    )


def trigger_econt() -> TriggerConfig:
    """Charges of a calorimeter module's trigger cells through sixteen numbers of few bits."""
    return TriggerConfig(
        task=ModuleTask(num_modules=100_000),
        network=EconEncoderConfig(),
        fit=FitConfig(
            epochs=20,
            batch_size=512,
            lr=3e-3,
            objective="transport",
            calibration_samples=1,
        ),
    )
