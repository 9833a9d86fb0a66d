from __future__ import annotations

from typing import Any

import pytest

from collidium.artifact import InputError
from collidium.collide import GenerateConfig

GOOD: dict[str, Any] = {"classes": ("Tbqq", "QCD"), "num_jets": 10}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("Tbqq", "QDC")}, "unknown process 'QDC': did you mean QCD"),
        ({"classes": ()}, "one or more different names"),
        ({"classes": ("QCD", "QCD")}, "one or more different names"),
        ({"num_jets": 0}, "num_jets is 0"),
        ({"num_jets": 1}, "at least one jet for each of 2 classes"),
        ({"pt_min": 700.0, "pt_max": 600.0}, "window pt_min 700, pt_max 600 GeV"),
        ({"pt_min": 1.0}, "between 20 GeV"),
        ({"pt_max": 9000.0}, "half of energy 13000 GeV"),
        ({"radius": 0.0}, "radius is 0"),
        ({"margin": 1.0}, "margin is 1"),
        ({"seed": -1}, "seed is -1"),
        ({"response": "cmss"}, "unknown response 'cmss': did you mean cms"),
        ({"jets_per_block": 0}, "jets_per_block is 0"),
        ({"jets_per_shard": 1}, "jets_per_shard 1"),
    ],
)
def test_bad_values_are_named_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        GenerateConfig(**{**GOOD, **change})
    assert "\n" not in str(caught.value)


def test_equal_configurations_are_one_key() -> None:
    assert hash(GenerateConfig(**GOOD)) == hash(GenerateConfig(**GOOD))
