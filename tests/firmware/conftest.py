"""Models to compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.firmware import (
    Add,
    Constant,
    Contract,
    Format,
    Formats,
    Input,
    IntegerModel,
    Linear,
    LookupTable,
    Mask,
    Maximum,
    Multiply,
    Negate,
    Node,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    Select,
    Shift,
    Sum,
    Table,
)
from collidium.firmware._tools import TOOLS, has_tool


def _dense_model(
    sizes: Sequence[int], *, seed: int = 0, weight_bits: int = 5, reloadable: bool = False
) -> IntegerModel:
    """Dense layers with relu, inputs of 7 bits and activations of 6."""
    generator = np.random.default_rng(seed)
    nodes: list[Node] = [Input("x", Formats.full((sizes[0],), Format(1, 2, 4)))]
    last = "x"
    for number, shape in enumerate(pairwise(sizes)):
        form, bias_form = Format(1, -1, weight_bits), Format(1, 1, 4)
        weight = generator.integers(form.code_min, form.code_max + 1, shape) * (generator.random(shape) < 0.7)
        bias = generator.integers(bias_form.code_min, bias_form.code_max + 1, shape[1])
        formats = (Formats.full(shape, form), Formats.full(shape[1:], bias_form)) if reloadable else (None, None)
        nodes.append(Linear(f"dense{number}", last, weight, form.f, bias, bias_form.f, *formats))
        last = f"dense{number}"
        if number < len(sizes) - 2:
            nodes.append(Relu(f"relu{number}", last))
            formats = Formats.full((shape[1],), Format(0, 2, 4))
            nodes.append(Quantize(f"act{number}", f"relu{number}", formats, Rounding.RND, Overflow.WRAP))
            last = f"act{number}"
    return IntegerModel(nodes, [last])


def _table_model(*, seed: int = 0) -> IntegerModel:
    """A layer of one table for each of 4 x 3 edges, summed over inputs, and a table of 8 bits."""
    generator = np.random.default_rng(seed)
    edges, form = (4, 3), Format(1, 1, 2)
    index = np.broadcast_to(np.arange(4)[:, None], edges)
    tables = [LookupTable(form.code_min, generator.integers(-9, 10, 16), 3) for _ in range(12)]
    wide = [LookupTable(-128, np.round(60 * np.tanh(np.arange(-128, 128) / 40)).astype(np.int64), 6)]
    return IntegerModel(
        [
            Input("x", Formats.full((4,), Format(1, 2, 3))),
            Select("spread", "x", index),
            Quantize("address", "spread", Formats.full(edges, form), Rounding.RND, Overflow.SAT),
            Table("looked", "address", np.arange(12).reshape(edges), tables),
            Sum("total", "looked", 0),
            Table("tanh", "total", np.zeros(3, np.int64), wide),
        ],
        ["tanh"],
    )


def _attention_model(*, seed: int = 0) -> IntegerModel:
    """Masked attention over 3 particles with a softmax of tables, and a sum over particles."""
    generator = np.random.default_rng(seed)
    P, D = 3, 2
    act = Formats.full((P, D), Format(1, 1, 2))
    nodes: list[Node] = [
        Input("x", Formats.full((P, 3), Format(1, 1, 2))),
        Input("valid", Formats.full((P,), Format(0, 1, 0))),
    ]
    for name in ("query", "key", "value"):
        nodes.append(Linear(f"{name}_sum", "x", generator.integers(-3, 4, (3, D)), 1))
        nodes.append(Quantize(name, f"{name}_sum", act, Rounding.RND, Overflow.SAT))
    scores = Formats.full((P, P), Format(1, 2, 1))
    exp = LookupTable(0, np.round(31 * np.exp(-np.arange(32) / 4)).astype(np.int64), 5)
    inverse = LookupTable(0, np.minimum(np.round(64 * 31 / np.maximum(np.arange(128), 1)), 255).astype(np.int64), 6)
    nodes += [
        Contract("product", "query", "key", "ih,jh->ij"),
        Quantize("score", "product", scores, Rounding.TRN, Overflow.SAT),
        Constant("least", np.full((P, P), -8), 1),
        Negate("minus_least", "least"),
        Add("above", "score", "minus_least"),
        Select("valid_key", "valid", np.broadcast_to(np.arange(P), (P, P))),
        Mask("masked", "above", "valid_key"),
        Maximum("highest", "masked", 1),
        Select("highest_row", "highest", np.broadcast_to(np.arange(P)[:, None], (P, P))),
        Negate("minus_masked", "masked"),
        Add("distance", "highest_row", "minus_masked"),
        Quantize("address", "distance", Formats.full((P, P), Format(0, 4, 1)), Rounding.TRN, Overflow.SAT),
        Table("exp", "address", np.zeros((P, P), np.int64), [exp]),
        Mask("weight", "exp", "valid_key"),
        Sum("norm", "weight", 1),
        Table("inverse", "norm", np.zeros(P, np.int64), [inverse]),
        Contract("mixed", "weight", "value", "ij,jd->id"),
        Select("inverse_row", "inverse", np.broadcast_to(np.arange(P)[:, None], (P, D))),
        Multiply("scaled", "mixed", "inverse_row"),
        Sum("pooled", "scaled", 0),
        Shift("halved", "pooled", -1),
    ]
    return IntegerModel(nodes, ["halved"])


def _random_model(seed: int, *, num_nodes: int = 12) -> IntegerModel:
    """A graph of random nodes on random formats; nodes that would not fit are left out."""
    generator = np.random.default_rng(seed)
    shape = (int(generator.integers(1, 4)), int(generator.integers(1, 4)))
    widest = 6
    k, i = generator.integers(0, 2, shape), generator.integers(-2, 4, shape)
    formats = Formats(k, i, np.minimum(generator.integers(-2, 5, shape), widest - k - i))
    nodes: list[Node] = [Input("n0", formats), Input("valid", Formats.full(shape, Format(0, 1, 0)))]
    model = IntegerModel(nodes, ["n0"])
    for number in range(1, num_nodes):
        node = _random_node(generator, f"n{number}", model)
        try:
            grown = IntegerModel([*nodes, node], [node.name])
        except InputError:
            continue
        if grown.intervals[node.name].formats().width.max() <= 24:
            nodes.append(node)
            model = grown
    return IntegerModel(nodes, [node.name for node in nodes[-3:]])


def _random_node(generator: np.random.Generator, name: str, model: IntegerModel) -> Node:
    names = [node for node in model.nodes if node != "valid"]
    recent = names[-4:]
    x, y = (str(generator.choice(recent)) for _ in range(2))
    interval = model.intervals[x]
    shape = interval.shape
    kind = int(generator.integers(0, 16))
    if kind <= 4:
        k, i = generator.integers(0, 2, shape), generator.integers(-2, 5, shape)
        f = np.minimum(generator.integers(-3, 6, shape), 8 - k - i)
        rounding, overflow = generator.choice(list(Rounding)), generator.choice(list(Overflow))
        return Quantize(name, x, Formats(k, i, f), Rounding(rounding), Overflow(overflow))
    if kind == 5:
        size = sum(model.intervals[source].minimum.size for source in (x, y))
        return Select(name, [x, y], generator.integers(-1, size, (int(generator.integers(1, 4)), 2)))
    if kind in (6, 7) and shape:
        weight = generator.integers(-9, 10, (shape[-1], int(generator.integers(1, 4))))
        return Linear(
            name, x, weight, generator.integers(0, 3, weight.shape), generator.integers(-5, 6, weight.shape[1]), 2
        )
    if kind == 8:
        return Add(name, x, y)
    if kind == 9:
        return Multiply(name, x, y)
    if kind == 10 and shape:
        return Maximum(name, x, -1)
    if kind == 11 and shape:
        return Sum(name, x, 0)
    if kind == 12 and len(shape) == 2:
        return Contract(name, x, x, "ij,kj->ik")
    if kind == 13 and interval.max_code < 128:
        low, high = int(interval.minimum.min(initial=0)), int(interval.maximum.max(initial=0))
        tables = [LookupTable(low, generator.integers(-20, 21, high - low + 1), int(f)) for f in (0, 3)]
        return Table(name, x, generator.integers(0, 2, shape), tables)
    if kind == 14:
        return Mask(name, x, "valid")
    if kind == 15:
        return Shift(name, x, generator.integers(-2, 3, shape))
    return Relu(name, x) if generator.random() < 0.7 else Negate(name, x)


@pytest.fixture
def dense_model() -> Callable[..., IntegerModel]:
    return _dense_model


@pytest.fixture
def table_model() -> Callable[..., IntegerModel]:
    return _table_model


@pytest.fixture
def attention_model() -> Callable[..., IntegerModel]:
    return _attention_model


@pytest.fixture
def random_model() -> Callable[..., IntegerModel]:
    return _random_model


@pytest.fixture
def needs_tools() -> Callable[..., None]:
    """Skip where a tool is absent, with the package that has it."""

    def need(*names: str) -> None:
        for name in names:
            if not has_tool(name):
                pytest.skip(f"{name} is not installed: {TOOLS[name]}")

    return need
