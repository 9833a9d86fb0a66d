from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.io._source import checked_jets


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("part_charge", 300.0, r"part_charge has the value 300\.0; whole numbers from -128 to 127"),
        ("part_charge", 0.7, r"part_charge has the value 0\.7"),
        ("part_isPhoton", 256, "part_isPhoton has the value 256"),
        ("part_charge", np.nan, "part_charge has NaN or infinite values"),
        ("label", 0.5, r"label has the value 0\.5"),
        ("event_id", -1, "event_id has the value -1; whole numbers from 0"),
    ],
)
def test_a_number_that_its_type_cannot_hold_is_refused(make_jets, name: str, value: float, message: str) -> None:
    jets = make_jets(20)
    columns = {**jets.particles, **jets.scalars}
    column = np.zeros(len(columns[name]), dtype=np.int64 if isinstance(value, int) else np.float64)
    column[3] = value
    changed = {name: column}
    particles = {key: changed.get(key, values) for key, values in jets.particles.items()}
    scalars = {key: changed.get(key, values) for key, values in jets.scalars.items()}
    with pytest.raises(InputError, match=rf"here: column {message}"):
        checked_jets("here", jets.offsets, particles, scalars, jets.classes)


def test_whole_numbers_of_another_type_are_kept(make_jets) -> None:
    jets = make_jets(20)
    particles = {**jets.particles, "part_charge": jets.particles["part_charge"].astype(np.float32)}
    particles["part_isPhoton"] = particles["part_isPhoton"].astype(bool)
    scalars = {**jets.scalars, "label": jets.scalars["label"].astype(float)}
    found = checked_jets("here", jets.offsets, particles, scalars, jets.classes)
    assert found.particles["part_charge"].dtype == np.int8
    for name, column in replace(jets, scalars=jets.scalars).particles.items():
        np.testing.assert_array_equal(found.particles[name], column)
