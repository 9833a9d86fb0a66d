from __future__ import annotations

import pytest
import torch

from collidium.artifact import InputError
from collidium.trigger import FUNCTIONS, QuantFunction, QuantizerConfig

FINE = QuantizerConfig(f=10.0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_fine_table_is_the_function(name: str) -> None:
    layer = QuantFunction(name, (1,), argument=QuantizerConfig(f=9.0), value=FINE)
    x = torch.linspace(-3, 3, 101)[:, None]
    layer(x)
    layer.argument.follow()
    layer.eval()
    torch.testing.assert_close(layer(x), FUNCTIONS[name].apply(x), rtol=0, atol=0.03)


def test_tables_are_made_once_and_forgotten_in_training() -> None:
    layer = QuantFunction("tanh", (2,)).eval()
    first = layer.tables()
    assert layer.tables() is first
    assert layer.train().eval().tables() is not first


def test_cost_is_that_of_the_tables() -> None:
    argument = QuantizerConfig(i=2.0, f=3.0, overflow="SAT", integer_bits="fixed")
    layer = QuantFunction("tanh", (3, 2), argument=argument, value=QuantizerConfig(f=4.0, i=0.0))
    assert layer.ebops().item() == 6 * 0.5 * 2 * 5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tan", {}, "did you mean tanh"),
        ("tanh", {"value": QuantizerConfig(overflow="SAT")}, "WRAP are needed"),
    ],
)
def test_what_is_no_table_is_refused(name: str, options: dict[str, QuantizerConfig], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantFunction(name, (2,), **options)


def test_a_wide_argument_is_refused_when_frozen() -> None:
    layer = QuantFunction("tanh", (2,), argument=QuantizerConfig(f=20.0)).eval()
    with pytest.raises(InputError, match="at most 16"):
        layer(torch.zeros(1, 2))
