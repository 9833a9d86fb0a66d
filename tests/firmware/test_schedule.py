from __future__ import annotations

from collections.abc import Callable

import pytest

from collidium.artifact import InputError
from collidium.firmware import CompileConfig, IntegerModel, compile_model
from collidium.firmware._cost import delay_ns
from collidium.firmware._schedule import is_static, schedule

Models = Callable[..., IntegerModel]


@pytest.mark.parametrize("clock_ns", [1.5, 2.5, 6.25, 50.0])
def test_no_path_is_longer_than_the_clock_and_no_value_is_read_early(clock_ns: float, attention_model: Models) -> None:
    firmware = compile_model(attention_model(), CompileConfig(clock_ns=clock_ns))
    program, plan = firmware.program, firmware.plan
    for op, stage in zip(program.ops, plan.stages, strict=True):
        assert all(plan.stages[arg] <= stage for arg in op.args)
        assert all(plan.lifetimes[arg] >= stage for arg in op.args)
        assert 0 <= stage < plan.num_stages
    longest = max(delay_ns(op, [program.ops[arg] for arg in op.args]) for op in program.ops)
    assert plan.worst_ns <= max(clock_ns, longest + 0.36)


def test_longer_clock_needs_fewer_stages_and_registers(dense_model: Models) -> None:
    model = dense_model([16, 16, 5])
    plans = [compile_model(model, CompileConfig(clock_ns=clock)) for clock in (1.5, 3.0, 100.0)]
    stages = [firmware.latency for firmware in plans]
    assert stages == sorted(stages, reverse=True)
    assert stages[-1] == 1
    bits = [firmware.plan.register_bits(firmware.program) for firmware in plans]
    assert bits == sorted(bits, reverse=True)


def test_weights_take_no_pipeline_registers(dense_model: Models) -> None:
    firmware = compile_model(dense_model([4, 3], reloadable=True), CompileConfig(clock_ns=1.5))
    assert any(is_static(firmware.program, op) for op in firmware.program.ops)
    assert firmware.latency > 1
    assert schedule(firmware.program, 1000.0).register_bits(firmware.program) == firmware.layout.out_width


def test_refuses_a_clock_that_is_none(dense_model: Models) -> None:
    with pytest.raises(InputError, match="clock_ns"):
        CompileConfig(clock_ns=float("nan"))
    with pytest.raises(InputError, match="is no Verilog identifier"):
        CompileConfig(name="my-network")
