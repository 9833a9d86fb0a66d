"""Compilation: from the integer model to scheduled Verilog."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from collidium.artifact import InputError
from collidium.firmware._cmvm import MatrixSolver, Solver
from collidium.firmware._layout import Layout
from collidium.firmware._lower import lower
from collidium.firmware._model import IntegerModel
from collidium.firmware._names import check_identifier
from collidium.firmware._program import Program
from collidium.firmware._schedule import Schedule, schedule
from collidium.firmware._verilog import Emitter


@dataclass(frozen=True, kw_only=True)
class CompileConfig:
    """How a model becomes firmware.

    Attributes
    ----------
    name : str
        Of the top module.
    clock_ns : float, ns
        Clock period.
    part : str
        FPGA for the Vivado script.
    solver : {"auto", "da4ml", "digits"}
        For constant products; ``auto`` takes da4ml if it is installed.
    extra_depth : int
        Adder levels that a constant product may have above its smallest depth; -1 for no limit.
    """

    name: str = "trigger"
    clock_ns: float = 5.0
    part: str = "xcvu13p-flga2577-2-e"
    solver: Solver = "auto"
    extra_depth: int = 2

    def __post_init__(self) -> None:
        check_identifier("module", self.name)
        if not (math.isfinite(self.clock_ns) and self.clock_ns > 0.5):
            raise InputError(f"clock_ns: {self.clock_ns} ns, more than 0.5 ns is needed")


@dataclass(frozen=True)
class Firmware:
    """A compiled model.

    Attributes
    ----------
    model : IntegerModel
        The truth.
    config : CompileConfig
        How it was compiled.
    program : Program
        Scalar operations.
    plan : Schedule
        Their stages.
    """

    model: IntegerModel
    config: CompileConfig
    program: Program
    plan: Schedule

    @cached_property
    def layout(self) -> Layout:
        """Where elements lie in the ports."""
        return Layout.of(self.model)

    @cached_property
    def emitter(self) -> Emitter:
        """The writer of its Verilog."""
        return Emitter(self.config.name, self.program, self.plan, self.layout)

    @property
    def latency(self) -> int:
        """Clock cycles from ``in_valid`` to ``out_valid``."""
        return self.plan.num_stages

    @property
    def latency_ns(self) -> float:
        """The same in ns at the clock asked for."""
        return self.latency * self.config.clock_ns


def compile_model(model: IntegerModel, config: CompileConfig | None = None) -> Firmware:
    """Compile an integer model.

    Parameters
    ----------
    model : IntegerModel
        The truth.
    config : CompileConfig, optional
        Clock, solver, names.

    Returns
    -------
    Firmware
        Program and stages.

    Raises
    ------
    InputError
        If a name is no Verilog identifier, da4ml is asked for and absent, or an input reaches no output bit.

    Examples
    --------
    >>> from collidium.firmware import Formats, Input, Linear
    >>> x = Input("x", Formats([1, 1], [2, 2], [0, 0]))
    >>> firmware = compile_model(IntegerModel([x, Linear("y", "x", [[3], [5]], 0)], ["y"]))
    >>> firmware.latency, firmware.layout.in_width, firmware.layout.out_width
    (1, 6, 6)
    """
    config = config or CompileConfig()
    program = lower(model, MatrixSolver(config.solver, config.extra_depth))
    return Firmware(model, config, program, schedule(program, config.clock_ns))
