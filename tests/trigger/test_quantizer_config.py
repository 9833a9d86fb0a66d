from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.firmware import Overflow, Rounding
from collidium.trigger import QuantizerConfig


def test_modes_are_known_by_name() -> None:
    config = QuantizerConfig(overflow="SAT", rounding="TRN")
    assert (config.overflow, config.rounding) == (Overflow.SAT, Rounding.TRN)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overflow": "SATURATE"}, "did you mean SAT"),
        ({"rounding": "RNDX"}, "did you mean RND"),
        ({"integer_bits": "free"}, "unknown integer_bits"),
        ({"integer_bits": "trained"}, "SAT or SAT_SYM"),
        ({"f": 30.0}, "at most 24"),
        ({"f": 1.0, "f_min": 2.0}, "f_min <= f"),
        ({"i": -99.0}, "at most 24"),
        ({"decay": -0.1}, "decay is -0.1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantizerConfig(**changes)
