from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.trigger import FitConfig, MLPConfig


def test_weights_and_widths_have_their_own_optimizers() -> None:
    network = MLPConfig(widths=(4, 4)).build(seed=0)
    optimizers = FitConfig(optimizer="muon", lr=0.1, width_lr=0.2).optimizers(network)
    widths = {id(parameter) for parameter in network.width_parameters()}
    held = {
        label: {id(p) for group in optimizer.param_groups for p in group["params"]}
        for label, optimizer in optimizers.items()
    }
    assert held["widths"] == widths
    assert held["weights"] == {id(parameter) for parameter in network.parameters()} - widths
    assert {group["rule"] for group in optimizers["widths"].param_groups} == {"adamw"}
    assert "muon" in {group["rule"] for group in optimizers["weights"].param_groups}
    assert all(group["weight_decay"] == 0 for group in optimizers["widths"].param_groups)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "mwon"},
        {"schedule": "cosin"},
        {"epochs": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"width_lr": -1.0},
        {"collapse": 1.0},
        {"patience": 0},
        {"calibration_samples": 0},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        FitConfig(**changes)
