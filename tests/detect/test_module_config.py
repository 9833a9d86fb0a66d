from __future__ import annotations

import dataclasses

import pytest

from collidium.artifact import InputError
from collidium.detect import ModuleConfig


@pytest.mark.parametrize(
    "change",
    [
        {"electromagnetic": 0.8},
        {"hadronic": -0.1},
        {"pt_min": 0.0},
        {"eta_max": 1.0},
        {"step": 0.0},
        {"max_spots": 0},
        {"threshold": -1.0},
    ],
)
def test_senseless_samples_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        dataclasses.replace(ModuleConfig(), **change)  # type: ignore[arg-type]
