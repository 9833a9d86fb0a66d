from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from collidium.firmware import (
    CompileConfig,
    Format,
    Formats,
    Input,
    IntegerModel,
    LookupTable,
    Overflow,
    Quantize,
    Rounding,
    Select,
    Table,
    compile_model,
)
from collidium.firmware._program import Opcode
from collidium.firmware._samples import verification_samples
from collidium.firmware._verify import program_mismatches

Models = Callable[..., IntegerModel]
SOLVERS = ("digits", "auto")


def assert_same(model: IntegerModel, solver: str, num: int = 400) -> None:
    firmware = compile_model(model, CompileConfig(solver=solver, clock_ns=2.0))  # type: ignore[arg-type]
    assert program_mismatches(firmware, verification_samples(model, num, seed=1)) == 0


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed: int, solver: str, random_model: Models) -> None:
    assert_same(random_model(seed), solver)


@pytest.mark.parametrize("solver", SOLVERS)
def test_layers(solver: str, dense_model: Models, table_model: Models, attention_model: Models) -> None:
    for model in (dense_model([6, 5, 3]), dense_model([4, 3, 2], reloadable=True), table_model(), attention_model()):
        assert_same(model, solver, 2000)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_every_rounding_and_overflow_on_every_code(rounding: Rounding, overflow: Overflow) -> None:
    source = Format(1, 3, 3)
    targets = [(1, 1, 1), (0, 2, -1), (1, 0, 0), (0, 1, 5), (1, 4, 4), (1, -1, 3), (0, 3, 0), (1, 2, -2)]
    k, i, f = np.array(targets).T
    formats = Formats(k, i, f)
    nodes = [
        Input("x", Formats.full((len(targets),), source)),
        Quantize("y", "x", formats, rounding, overflow),
    ]
    model = IntegerModel(nodes, ["y"])
    firmware = compile_model(model)
    codes = np.arange(source.code_min, source.code_max + 1)
    assert program_mismatches(firmware, {"x": np.repeat(codes[:, None], len(targets), axis=1)}) == 0


def test_equal_tables_are_one_and_on_equal_wires_one_operation() -> None:
    table, negated = LookupTable(-4, [3, -1, 2, 0, 5, 1, -2, 7], 1), LookupTable(-4, [-6, 2, -4, 0, -10, -2, 4, -14], 1)
    nodes = [
        Input("x", Formats.full((2,), Format(1, 2, 0))),
        Select("twice", "x", [0, 0, 1]),
        Table("y", "twice", [0, 1, 0], [table, negated]),
    ]
    program = compile_model(IntegerModel(nodes, ["y"])).program
    assert len(program.tables) == 1
    assert sum(op.code is Opcode.TABLE for op in program.ops) == 2


def test_rounding_costs_no_adder_behind_a_bias(dense_model: Models) -> None:
    model = dense_model([4, 3, 2])
    firmware = compile_model(model, CompileConfig(solver="digits"))
    constants = [
        op
        for op in firmware.program.ops
        if op.code is Opcode.ADD and any(firmware.program.ops[arg].code is Opcode.CONST for arg in op.args)
    ]
    assert len(constants) <= 5


def test_da4ml_needs_fewer_adders_than_digits(dense_model: Models) -> None:
    pytest.importorskip("da4ml", reason='da4ml is not installed: pip install "collidium[trigger]"')
    model = dense_model([16, 16])
    counts = [
        sum(op.code is Opcode.ADD for op in compile_model(model, CompileConfig(solver=solver)).program.ops)
        for solver in ("da4ml", "digits")
    ]
    assert counts[0] < 0.9 * counts[1]
