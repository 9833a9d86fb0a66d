from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.measure._expression import Dual, Expression

FORMULAS = [
    ("a + b * 2 - 3", lambda a, b: a + 2 * b - 3),
    ("-a ^ 2 / b", lambda a, b: -(a**2) / b),
    ("exp(-a * b) + log(a) * sqrt(b)", lambda a, b: np.exp(-a * b) + np.log(a) * np.sqrt(b)),
    ("pow(a, b) + a ^ 1.5", lambda a, b: a**b + a**1.5),
    ("(@0 + @1) / (1 + @1)", lambda a, b: (a + b) / (1 + b)),
    ("7", lambda a, b: 7.0),
]


@pytest.mark.parametrize(("text", "function"), FORMULAS)
@given(a=st.floats(0.2, 3.0), b=st.floats(0.2, 3.0))
def test_values_and_derivatives(text: str, function: object, a: float, b: float) -> None:
    assert callable(function)
    formula = Expression.of(text, ["a", "b"])
    found = formula.evaluate({"a": Dual.parameter("a", a), "b": Dual.parameter("b", b)})
    assert float(found.value) == pytest.approx(function(a, b), rel=1e-12)
    step = 1e-6
    slopes = {
        "a": (function(a + step, b) - function(a - step, b)) / (2 * step),
        "b": (function(a, b + step) - function(a, b - step)) / (2 * step),
    }
    for name, slope in slopes.items():
        assert float(found.slopes.get(name, 0.0)) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["a.b", "a if b else 1", "f(a)", "exp(a, b)", "__import__('os')", "a[0]", "'x'", "a < b"]
)
def test_nothing_but_arithmetic(text: str) -> None:
    with pytest.raises(InputError, match="are understood"):
        Expression.of(text)


def test_arguments_may_have_names_that_are_no_words() -> None:
    formula = Expression.of("@0 * (1 + @1) / @0 ^ 2", ["eff-13TeV", "b.c"])
    assert formula.names == ("eff-13TeV", "b.c")
    found = formula.evaluate({"eff-13TeV": Dual.parameter("eff-13TeV", 4.0), "b.c": Dual.parameter("b.c", 1.0)})
    assert (float(found.value), float(found.slopes["eff-13TeV"])) == (0.5, -0.125)
