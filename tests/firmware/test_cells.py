"""Predicted cells against those that Yosys made, kind by kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.firmware import (
    Add,
    CompileConfig,
    Contract,
    Firmware,
    Format,
    Formats,
    Input,
    IntegerModel,
    LookupTable,
    Mask,
    Maximum,
    Multiply,
    Node,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    Select,
    Shift,
    Sum,
    Table,
    compile_model,
    predicted_resources,
)
from collidium.firmware._synthesis import YOSYS_XILINX
from collidium.firmware._tools import run_tool
from collidium.firmware._verify import program_mismatches

N = 6
Need = Callable[..., None]


def source(name: str, width: int, shape: tuple[int, ...] = (N,), *, is_signed: bool = True) -> Input:
    return Input(name, Formats.full(shape, Format(int(is_signed), width - int(is_signed), 0)))


def pair(width: int, *nodes: Node) -> IntegerModel:
    """Nodes on two inputs of a width; the last one is the output."""
    return IntegerModel([source("x", width), source("y", width), *nodes], [nodes[-1].name])


def product(signs: str, a: int, b: int) -> IntegerModel:
    x, y = (source(name, width, is_signed=sign == "s") for name, width, sign in zip("xy", (a, b), signs, strict=True))
    return IntegerModel([x, y, Multiply("z", "x", "y")], ["z"])


def contraction(signs: str, a: int, b: int) -> IntegerModel:
    x, y = (
        source(name, width, (3, 4), is_signed=sign == "s")
        for name, width, sign in zip("xy", (a, b), signs, strict=True)
    )
    return IntegerModel([x, y, Contract("z", "x", "y", "ik,jk->ij")], ["z"])


def limited(width: int, form: Format) -> IntegerModel:
    return IntegerModel(
        [source("x", width), Quantize("z", "x", Formats.full((N,), form), Rounding.RND, Overflow.SAT)], ["z"]
    )


def table(function: Callable[[np.ndarray], np.ndarray], address: int, width: int) -> IntegerModel:
    """A function of numbers from 0 to 8 whose values are from 0 to 1."""
    argument = np.arange(1 << address) * 8 / (1 << address)
    values = np.round(((1 << width) - 1) * function(argument)).astype(np.int64)
    nodes = [
        source("x", address, (1,), is_signed=False),
        Table("z", "x", np.zeros(1, np.int64), [LookupTable(0, values, 0)]),
    ]
    return IntegerModel(nodes, ["z"])


def layer_of_tables(address: int, width: int) -> IntegerModel:
    """Sums of tables of smooth functions, one for each pair of 8 inputs and 5 outputs."""
    generator = np.random.default_rng(0)
    x, most = np.arange(-(1 << address - 1), 1 << address - 1) / (1 << address - 1), 1 << width - 1
    tables = []
    for _ in range(8 * 5):
        slope, place, height = generator.normal(size=(3, 2))
        y = (height[:, None] * np.tanh(3 * slope[:, None] * x + place[:, None])).sum(0)
        values = np.clip(np.round((y - y.mean()) / y.std() * most / 2), -most, most - 1)
        tables.append(LookupTable(-(1 << address - 1), values.astype(np.int64), 0))
    nodes = [
        source("x", address, (8,)),
        Select("edges", "x", np.broadcast_to(np.arange(8)[:, None], (8, 5))),
        Table("tables", "edges", np.arange(8 * 5).reshape(8, 5), tables),
        Sum("z", "tables", -2),
    ]
    return IntegerModel(nodes, ["z"])


KINDS: dict[str, Callable[[], IntegerModel]] = {
    "sum": lambda: pair(7, Add("z", "x", "y")),
    "sum with a shift": lambda: pair(7, Shift("t", "y", 2), Add("z", "x", "t")),
    "relu in front of a sum": lambda: pair(7, Relu("a", "x"), Relu("b", "y"), Add("z", "a", "b")),
    "relu in front of a register": lambda: pair(7, Add("s", "x", "y"), Relu("z", "s")),
    "maximum": lambda: IntegerModel([source("x", 7, (N, 4)), Maximum("z", "x", -1)], ["z"]),
    "masked sum": lambda: IntegerModel(
        [source("x", 7, (N, 8)), source("v", 1, (8,), is_signed=False), Mask("m", "x", "v"), Sum("z", "m", -1)], ["z"]
    ),
    "limit with sign": lambda: limited(7, Format(1, 4, 0)),
    "limit without sign": lambda: limited(7, Format(0, 5, 0)),
    "product without sign": lambda: product("uu", 4, 4),
    "product of a sign": lambda: product("us", 4, 6),
    "product of two signs": lambda: product("ss", 5, 5),
    "contraction": lambda: contraction("ss", 4, 4),
    "contraction of probabilities": lambda: contraction("us", 4, 6),
    "small table": lambda: table(lambda x: np.exp(-x), 6, 6),
    "large smooth table": lambda: table(lambda x: np.exp(-x), 8, 8),
    "larger table": lambda: table(lambda x: 1 / np.maximum(x, 1), 10, 8),
    "table of a wave": lambda: table(lambda x: (1 + np.sin(3 * x)) / 2, 8, 6),
    "layer of narrow tables": lambda: layer_of_tables(3, 2),
    "layer of tables": lambda: layer_of_tables(4, 3),
    "layer of wider tables": lambda: layer_of_tables(5, 3),
    "layer of wide tables": lambda: layer_of_tables(6, 2),
    "sum of single bits": lambda: pair(1, Add("z", "x", "y")),
}


def compiled(name: str, number: int = 0) -> Firmware:
    """In one stage."""
    return compile_model(KINDS[name](), CompileConfig(name=f"kind{number}", solver="digits", clock_ns=200.0))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("sum", 7 * N),
        ("sum with a shift", 7 * N),
        ("relu in front of a sum", 12 * N),
        ("relu in front of a register", 7 * N),
        ("small table", 6),
        ("sum of single bits", 2 * N),
    ],
)
def test_what_an_operation_takes(name: str, cells: int) -> None:
    assert predicted_resources(compiled(name))["lut"] == cells


@pytest.mark.parametrize("signs", ["uu", "us", "su", "ss"])
@pytest.mark.parametrize("widths", [(1, 4), (3, 3), (4, 2)])
def test_products_are_products_on_every_pair_of_codes(signs: str, widths: tuple[int, int]) -> None:
    model = product(signs, *widths)
    firmware = compile_model(model)
    formats = [node.formats for node in model.inputs]
    x, y = (np.arange(form.code_min[0], form.code_max[0] + 1) for form in formats)
    pairs = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    codes = {name: np.repeat(pairs[:, n, None], N, axis=1) for n, name in enumerate("xy")}
    assert program_mismatches(firmware, codes) == 0


@pytest.mark.slow
def test_predicted_cells_of_every_kind_are_those_of_yosys(tmp_path: Path, needs_tools: Need) -> None:
    needs_tools("yosys")
    designs = [compiled(name, number) for number, name in enumerate(KINDS)]
    parts = [text for design in designs for text in (design.emitter.module(), design.emitter.tables())]
    ports, bodies = ["input clk", "input rst", "input go"], []
    for number, design in enumerate(designs):
        widths = design.layout.in_width - 1, design.layout.out_width - 1
        ports += [f"input [{widths[0]}:0] i{number}", f"output [{widths[1]}:0] o{number}", f"output v{number}"]
        wiring = (
            f".clk(clk), .rst(rst), .in_valid(go), .in_data(i{number}), .out_data(o{number}), .out_valid(v{number})"
        )
        bodies.append(f"  kind{number} k{number} ({wiring});")
    top = f"module top ({', '.join(ports)});\n" + "\n".join(bodies) + "\nendmodule\n"
    (tmp_path / "kinds.v").write_text("".join([*parts, top]))
    kept = [f"setattr -mod -set keep_hierarchy 1 kind{number}" for number in range(len(designs))]
    synthesis = f"{YOSYS_XILINX} -noiopad -top top"
    script = ["read_verilog kinds.v", "hierarchy -top top", *kept, synthesis, "tee -q -o s.json stat -json"]
    run_tool("yosys", ["-q", "-p", "; ".join(script)], tmp_path)
    modules = json.loads((tmp_path / "s.json").read_text())["modules"]
    counted = {
        name: sum(modules[f"\\kind{number}"]["num_cells_by_type"].get(f"LUT{n}", 0) for n in range(1, 7))
        for number, name in enumerate(KINDS)
    }
    predicted = {name: predicted_resources(design)["lut"] for name, design in zip(KINDS, designs, strict=True)}
    assert predicted == pytest.approx(counted, rel=0.1, abs=1)
