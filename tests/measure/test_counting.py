from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.measure import counting_experiment


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signal": 0.0}, "signal is 0.0; a positive number is needed"),
        ({"background": float("nan")}, "background is nan; a positive number"),
        ({"observed": -1.0}, "observed is -1.0; a number that is not negative"),
        ({"background_error": float("inf")}, "background_error is inf"),
    ],
)
def test_counts_that_cannot_be(change: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        counting_experiment(**{"signal": 10.0, "background": 100.0, "observed": 105.0, **change})


def test_a_negative_signal_stops_where_the_rate_vanishes() -> None:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=1, lower=-1000.0)
    assert likelihood.parameters["mu"].lower == -10.0
