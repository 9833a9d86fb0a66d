"""Equality of codes for the layers beside the dense one, option by option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from collidium.firmware import IntegerModel
from collidium.trigger import (
    FUNCTIONS,
    LutConv,
    LutDense,
    QuantAttention,
    QuantContract,
    QuantConv1d,
    QuantConv2d,
    QuantEinsum,
    QuantFunction,
    QuantizerConfig,
    QuantSoftmax,
)

Check = Callable[..., IntegerModel]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("norm", ["none", "input", "output"])
def test_convolutions(padding: Any, stride: int, norm: Any, around: Any, assert_equal_codes: Check) -> None:
    line = QuantConv1d((7, 2), 3, kernel=3, stride=stride, padding=padding, norm=norm)
    assert_equal_codes(around(line, [(7, 2)]), [torch.randn(30, 7, 2)])
    plane = QuantConv2d((5, 4, 2), 3, kernel=2, stride=stride, padding=padding, norm=norm)
    assert_equal_codes(around(plane, [(5, 4, 2)]), [torch.randn(30, 5, 4, 2)])


@pytest.mark.parametrize(
    ("equation", "shape", "sizes"),
    [
        ("f,fo->o", (4,), {"o": 3}),
        ("pf,fo->po", (3, 4), {"o": 2}),
        ("pf,pfo->po", (3, 4), {"o": 2}),
        ("pf,pq->qf", (3, 4), {"q": 2}),
        ("pf,pfo->op", (3, 4), {"o": 2}),
        ("pf,f->pf", (3, 4), {}),
        ("abc,acx->bxa", (2, 3, 4), {"x": 2}),
    ],
)
@pytest.mark.parametrize("has_bias", [False, True])
def test_einstein_sums(
    equation: str, shape: tuple[int, ...], sizes: dict[str, int], has_bias: bool, around: Any, assert_equal_codes: Check
) -> None:
    options: dict[str, Any] = {} if has_bias else {"bias": None}
    layer = QuantEinsum(equation, shape, sizes, **options)
    assert_equal_codes(around(layer, [shape]), [torch.randn(30, *shape)])


@pytest.mark.parametrize("equation", ["ik,jk->ij", "ik,jk->ji"])
def test_products_of_signals(equation: str, around: Any, assert_equal_codes: Check) -> None:
    shapes = [(3, 4), (2, 4)]
    layer = QuantContract(equation, *shapes, x=QuantizerConfig(f=2.0), y=QuantizerConfig(f=1.0, overflow="SAT"))
    assert_equal_codes(around(layer, shapes), [torch.randn(30, *shape) for shape in shapes])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "SAT_SYM"])
@pytest.mark.parametrize("shared", [None, (0,)])
def test_functions(name: str, overflow: Any, shared: Any, around: Any, assert_equal_codes: Check) -> None:
    argument = QuantizerConfig(overflow=overflow, f=2.0, rounding="TRN", shared=shared)
    layer = QuantFunction(name, (2, 3), argument=argument, value=QuantizerConfig(f=4.0, rounding="RND_CONV"))
    assert_equal_codes(around(layer, [(2, 3)]), [torch.randn(50, 2, 3) * 2])


@pytest.mark.parametrize("score", [QuantizerConfig(f=2.0), QuantizerConfig(f=3.0, overflow="SAT", rounding="TRN")])
@pytest.mark.parametrize("has_mask", [False, True])
def test_softmax(score: QuantizerConfig, has_mask: bool, around: Any, assert_equal_codes: Check) -> None:
    layer = QuantSoftmax((2, 4), score=score)
    valid = (torch.rand(60, 1, 4) > 0.4).float()
    valid[:3] = 0
    x = torch.randn(60, 2, 4) * 2
    if has_mask:
        assert_equal_codes(around(layer, [(2, 4), (1, 4)], bits=[1]), [x, valid])
    else:
        assert_equal_codes(around(layer, [(2, 4)]), [x])


@pytest.mark.parametrize("has_mask", [False, True])
def test_attention(has_mask: bool, around: Any, assert_equal_codes: Check) -> None:
    layer = QuantAttention((4, 3))
    x, valid = torch.randn(40, 4, 3), (torch.rand(40, 4) > 0.4).float()
    valid[:2] = 0
    shapes, signals = ([(4, 3), (4,)], [x, valid]) if has_mask else ([(4, 3)], [x])
    assert_equal_codes(around(layer, shapes, bits=[1]), signals)


@pytest.mark.parametrize("rounding", ["TRN", "RND"])
@pytest.mark.parametrize("entry_rounding", ["TRN", "RND", "RND_CONV"])
@pytest.mark.parametrize("has_norm", [True, False])
@pytest.mark.parametrize(("inputs_per_table", "overflow"), [(1, "SAT_SYM"), (1, "SAT"), (2, "SAT_SYM"), (4, "SAT")])
def test_layers_of_tables(
    rounding: Any,
    entry_rounding: Any,
    has_norm: bool,
    inputs_per_table: int,
    overflow: Any,
    around: Any,
    assert_equal_codes: Check,
) -> None:
    address = QuantizerConfig(f=2.0 if inputs_per_table < 4 else 0.0, rounding=rounding)
    layer = LutDense(
        (4,),
        3,
        hidden=3,
        inputs_per_table=inputs_per_table,
        has_norm=has_norm,
        address=address,
        entry=QuantizerConfig(f=3.0, rounding=entry_rounding, overflow=overflow, integer_bits="trained"),
    )
    assert_equal_codes(around(layer, [(4,)]), [torch.randn(60, 4)])


def test_tables_at_several_places(around: Any, assert_equal_codes: Check) -> None:
    layer = LutDense((2, 3, 4), 3, hidden=2, inputs_per_table=2, address=QuantizerConfig(f=1.0, rounding="TRN"))
    assert_equal_codes(around(layer, [(2, 3, 4)]), [torch.randn(30, 2, 3, 4)])


def test_tables_whose_addresses_have_no_bits(around: Any, assert_equal_codes: Check) -> None:
    for inputs_per_table in (1, 2):
        layer = LutDense((4,), 3, hidden=2, inputs_per_table=inputs_per_table)
        with torch.no_grad():
            layer.address.f.fill_(-6.0)
            layer.address.f[..., 0] = 1.0
            layer.entry.f[0] = -9.0
        assert_equal_codes(around(layer, [(4,)]), [torch.randn(40, 4).relu()], is_moved=False)


@pytest.mark.parametrize("inputs_per_table", [1, 2])
def test_table_convolutions(inputs_per_table: int, around: Any, assert_equal_codes: Check) -> None:
    address = QuantizerConfig(f=1.0, rounding="TRN")
    layer = LutConv((6, 2), 3, hidden=2, inputs_per_table=inputs_per_table, address=address)
    assert_equal_codes(around(layer, [(6, 2)]), [torch.randn(30, 6, 2)])
    plane = LutConv((4, 4, 1), 2, kernel=2, stride=2, hidden=2, inputs_per_table=inputs_per_table, address=address)
    assert_equal_codes(around(plane, [(4, 4, 1)]), [torch.randn(30, 4, 4, 1)])


def test_layers_one_after_the_other(around: Any, assert_equal_codes: Check) -> None:
    layers = nn.Sequential(LutDense((5,), 6), QuantFunction("tanh", (6,)), LutDense((6,), 3))
    assert_equal_codes(around(layers, [(5,)]), [torch.randn(100, 5)])
