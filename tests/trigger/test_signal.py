"""Every operation on wires gives the codes of the operation on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from collidium.artifact import InputError
from collidium.firmware import IntegerModel
from collidium.trigger import (
    concatenate,
    contract,
    highest,
    masked,
    multiply,
    negate,
    relu,
    reshape,
    shift,
    take,
    total,
    transpose,
)

OPERATIONS: dict[str, Callable[..., Any]] = {
    "relu": relu,
    "sum": lambda x: total(x, -2),
    "maximum": lambda x: highest(x, -1),
    "minus": negate,
    "shift": lambda x: shift(x, -3),
    "reshape": lambda x: reshape(x, (2, 6)),
    "transpose": lambda x: transpose(x, (1, 0)),
    "take": lambda x: take(x, [[0, -1], [11, 3]]),
    "join with itself": lambda x: concatenate([x, negate(x)], -2),
    "add": lambda x: x + shift(x, 1),
    "square": lambda x: multiply(x, x),
    "products": lambda x: contract(x, x, "ik,jk->ij"),
}


class Apply(nn.Module):
    def __init__(self, operation: Callable[..., Any]) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, *signals: Any) -> Any:
        return self.operation(*signals)


@pytest.mark.parametrize("name", OPERATIONS)
def test_wires_compute_what_tensors_do(name: str, around: Any, assert_equal_codes: Callable[..., IntegerModel]) -> None:
    assert_equal_codes(around(Apply(OPERATIONS[name]), [(3, 4)]), [torch.randn(30, 3, 4) * 2])


def test_masks_on_wires(around: Any, assert_equal_codes: Callable[..., IntegerModel]) -> None:
    network = around(Apply(masked), [(3, 4), (3, 1)], bits=[1])
    assert_equal_codes(network, [torch.randn(30, 3, 4), (torch.rand(30, 3, 1) > 0.5).float()])


@pytest.mark.parametrize("operation", [lambda x: total(x, 1), lambda x: highest(x, 0), lambda x: concatenate([x], 1)])
def test_axes_are_counted_from_the_end(operation: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="counted from the end"):
        operation(torch.zeros(2, 3))
