from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import Parameter, Parameters

PAIR = Parameters(
    [Parameter(name="mu", init=1.0, lower=0.0, upper=10.0), Parameter(name="jes", init=0.0, center=0.0, width=1.0)]
)


def test_held_parameters_keep_the_value_given_even_outside_of_their_bounds() -> None:
    start, is_held = PAIR.held({"mu": -2.0})
    np.testing.assert_array_equal(start, [-2.0, 0.0])
    np.testing.assert_array_equal(is_held, [True, False])


def test_fixed_parameters_are_held_at_their_start() -> None:
    fixed = Parameters([Parameter(name="lumi", init=1.0, is_fixed=True)])
    assert fixed.held()[1].tolist() == [True]


def test_constraints_are_those_with_a_width() -> None:
    assert [parameter.is_constrained for parameter in PAIR] == [False, True]


def test_names_must_differ() -> None:
    with pytest.raises(InputError, match="parameter 'a' occurs more than once"):
        Parameters([Parameter(name="a", init=0.0), Parameter(name="a", init=1.0)])


@pytest.mark.parametrize("init", [-0.1, 10.1, float("nan")])
def test_bounds_must_contain_the_start(init: float) -> None:
    with pytest.raises(InputError, match=r"parameter 'mu' starts at .*outside of its bounds"):
        Parameters([Parameter(name="mu", init=init, lower=0.0, upper=10.0)])


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown parameter 'jess': did you mean jes"):
        PAIR.held({"jess": 0.0})


def test_a_parameter_cannot_be_fixed_at_nan() -> None:
    with pytest.raises(InputError, match="'jes' is fixed at nan"):
        PAIR.held({"jes": float("nan")})
