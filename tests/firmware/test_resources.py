"""Widths and cells by node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from collidium.firmware import Format, Formats, Input, IntegerModel, Linear, compile_model
from collidium.firmware._resources import layers


def test_a_weight_is_as_wide_as_its_digits() -> None:
    weight = np.array([[3, -5], [-4, 12], [0, -1]])
    nodes = [Input("x", Formats.full((3,), Format(1, 2, 1))), Linear("dense", "x", weight, 1)]
    rows = {row["node"]: row for row in layers(compile_model(IntegerModel(nodes, ["dense"])))}
    # 0: pruned; -4 and -1 are signs; 3 and 12 two ones; -5 has three digits and a sign
    assert rows["dense"]["weights"] == {"0": 1, "1": 2, "2": 2, "4": 1}
    assert rows["x"]["weights"] == {}


def test_registers_are_as_wide_as_their_format(dense_model: Callable[..., IntegerModel]) -> None:
    rows = {row["node"]: row for row in layers(compile_model(dense_model([4, 3, 2], reloadable=True)))}
    assert rows["dense0"]["weights"] == {"5": 12}
    assert sum(rows["dense1"]["weights"].values()) == 6
