from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.firmware import (
    Format,
    Formats,
    Input,
    IntegerModel,
    Linear,
    LookupTable,
    Mask,
    Node,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    Select,
    Table,
)

Models = Callable[..., IntegerModel]


def samples(model: IntegerModel, num: int = 500) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        node.name: generator.integers(
            node.formats.code_min, node.formats.code_max, (num, *node.formats.shape), endpoint=True
        )
        for node in model.inputs
    }


@pytest.mark.parametrize("seed", range(30))
def test_codes_stay_in_their_intervals(seed: int, random_model: Models) -> None:
    model = random_model(seed)
    for name, codes in model.run(samples(model)).items():
        interval = model.intervals[name]
        assert (interval.minimum <= codes).all()
        assert (codes <= interval.maximum).all()


def test_dense_layers_equal_real_arithmetic(dense_model: Models) -> None:
    model = dense_model([5, 4, 3])
    given = samples(model)
    x = model.values("x", given["x"])
    codes = model.run(given)
    for number, source in ((0, "x"), (1, "act0")):
        node = model.nodes[f"dense{number}"]
        assert isinstance(node, Linear)
        weight, bias = np.ldexp(node.weight, -node.weight_f), np.ldexp(node.bias, -node.bias_f)
        x = model.values(source, codes[source])
        assert np.array_equal(model.values(node.name, codes[node.name]), x @ weight + bias)


def test_attention_equals_real_arithmetic(attention_model: Models) -> None:
    model = attention_model()
    codes = model.run(samples(model))
    v = {name: model.values(name, array) for name, array in codes.items()}
    assert np.array_equal(v["product"], np.einsum("nih,njh->nij", v["query"], v["key"]))
    above = (v["score"] + 4.0) * v["valid"][:, None, :]
    assert np.array_equal(v["distance"], above.max(axis=2, keepdims=True) - above)
    assert np.array_equal(v["norm"], (v["exp"] * v["valid"][:, None, :]).sum(axis=2))
    scaled = np.einsum("nij,njd->nid", v["weight"], v["value"]) * v["inverse"][..., None]
    assert np.array_equal(v["halved"], scaled.sum(axis=1) / 2)


def test_masked_particles_change_nothing(attention_model: Models) -> None:
    model = attention_model()
    given = samples(model)
    changed = {**given, "x": np.where(given["valid"][..., None] == 1, given["x"], -given["x"] - 1)}
    keys = model.run(given)["weight"]
    assert not (keys * (1 - given["valid"])[:, None, :]).any()
    # Queries of masked particles still run; what they mix from others must not depend on masked keys.
    valid = given["valid"] == 1
    assert np.array_equal(model.run(given)["mixed"][valid], model.run(changed)["mixed"][valid])


@pytest.mark.parametrize("name", ["dense", "table", "attention"])
def test_files_bring_the_model_back(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make = request.getfixturevalue(f"{name}_model")
    model = make([4, 3, 2]) if name == "dense" else make()
    model.save(tmp_path)
    again = IntegerModel.load(tmp_path)
    assert again.hash == model.hash
    given = samples(model)
    for node, codes in model.run(given).items():
        assert np.array_equal(again.run(given)[node], codes)


def test_hash_sees_one_unit_of_one_weight(dense_model: Models) -> None:
    model = dense_model([3, 2], reloadable=True)
    (node,) = model.reloadable
    weight = node.weight.copy()
    weight[0, 0] += 1 if weight[0, 0] < 0 else -1
    assert model.with_weights({node.name: (weight, node.bias)}).hash != model.hash


def test_with_weights_is_another_matrix(dense_model: Models) -> None:
    model = dense_model([3, 2], reloadable=True)
    weight, bias = np.array([[1, -2], [3, 4], [-5, 6]]), np.array([7, -8])
    codes = model.with_weights({"dense0": (weight, bias)}).run({"x": [[1, 2, 3]]})
    x, w = np.array([1, 2, 3]) / 16, weight / 32
    assert np.array_equal(model.values("dense0", codes["dense0"])[0], x @ w + bias / 16)


def x_node(num: int = 2) -> Input:
    return Input("x", Formats.full((num,), Format(1, 2, 2)))


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([x_node(), Relu("3d", "x")], ["3d"], "node '3d': is no Verilog identifier"),
        ([x_node(), Relu("wire", "x")], ["wire"], "node 'wire': is no Verilog identifier"),
        ([x_node(), Relu("x", "x")], ["x"], "two nodes have this name"),
        ([x_node(), Relu("y", "z")], ["y"], "unknown source of node 'y': 'z'"),
        ([x_node()], ["y"], "unknown output node 'y'"),
        ([x_node(), Linear("y", "x", [[1]], 0)], ["y"], "node 'y': the last axis of"),
        ([x_node(), Table("y", "x", [0, 0], [LookupTable(0, [1, 2], 0)])], ["y"], "node 'y': table 0 covers"),
        ([x_node(), Select("y", "x", [2])], ["y"], "node 'y': indices must be in"),
        ([x_node(), Mask("y", "x", "x")], ["y"], "node 'y': the mask must be of one unsigned bit"),
        (
            [x_node(), *(Linear(f"y{n}", "x" if n == 0 else f"y{n - 1}", [[2**20 + 1] * 2] * 2, 0) for n in range(3))],
            ["y2"],
            "exactness",
        ),
    ],
)
def test_bad_models_are_refused_in_one_line(nodes: list[Node], outputs: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        IntegerModel(nodes, outputs)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input x: no codes are given"),
        ({"x": [[0, 0]], "y": [[0]]}, "unknown input 'y'"),
        ({"x": [[0, 16]]}, "input x: code 16 at"),
        ({"x": [[0.5, 1.0]]}, "codes must be integers"),
        ({"x": [[0, 0, 0]]}, "shape must be"),
    ],
)
def test_bad_codes_are_refused(inputs: dict[str, list[list[int]]], message: str) -> None:
    model = IntegerModel([x_node(), Relu("y", "x")], ["y"])
    with pytest.raises(InputError, match=message):
        model.run(inputs)


def test_damaged_files_are_refused(tmp_path: Path, dense_model: Models) -> None:
    with pytest.raises(InputError, match="no such file"):
        IntegerModel.load(tmp_path)
    dense_model([2, 2]).save(tmp_path)
    path = tmp_path / "model.npz"
    data = bytearray(path.read_bytes())
    random.Random(0).shuffle(data)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged integer model"):
        IntegerModel.load(tmp_path)


def test_a_wrap_that_cannot_happen_keeps_the_interval_tight() -> None:
    wide = Formats.full((2,), Format(1, 9, 2))
    quantized = Quantize("y", "x", wide, Rounding.TRN, Overflow.WRAP)
    model = IntegerModel([x_node(), quantized], ["y"])
    assert model.intervals["y"].maximum.tolist() == [15, 15]
