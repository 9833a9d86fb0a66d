"""Constraints, synthesis scripts and the README that go with the Verilog."""

from __future__ import annotations

from collidium.firmware._compile import Firmware
from collidium.firmware._synthesis import YOSYS_XILINX


def scripts(firmware: Firmware, num_vectors: int) -> dict[str, str]:
    """Text files by relative path."""
    name, config = firmware.config.name, firmware.config
    return {
        f"constraints/{name}.xdc": _constraints(firmware, "Xilinx design constraints, out of context"),
        f"constraints/{name}.sdc": _constraints(firmware, "Synopsys design constraints"),
        "synth/vivado.tcl": _VIVADO.format(name=name, part=config.part),
        "synth/yosys.ys": f"read_verilog -defer ../rtl/{name}.v{_tables(firmware)}\n{YOSYS_XILINX} -top {name}\nstat\n",
        "README.md": _readme(firmware, num_vectors),
    }


_VIVADO = """# vivado -mode batch -source vivado.tcl, in this folder
read_verilog [glob ../rtl/*.v]
read_xdc -mode out_of_context ../constraints/{name}.xdc
synth_design -top {name} -part {part} -mode out_of_context -max_dsp 0 -max_bram 0
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
"""


def _tables(firmware: Firmware) -> str:
    return f" ../rtl/{firmware.config.name}_tables.v" if firmware.program.tables else ""


def _constraints(firmware: Firmware, title: str) -> str:
    period = firmware.config.clock_ns
    edge = round(0.2 * period, 3)
    weights = " weight_*" if firmware.layout.weights else ""
    return f"""# {title}
create_clock -name clk -period {period} [get_ports clk]
set_clock_uncertainty {round(0.05 * period, 3)} [get_clocks clk]
set_input_delay -clock clk {edge} [get_ports {{rst in_valid in_data*{weights}}}]
set_output_delay -clock clk {edge} [get_ports {{out_valid out_data*}}]
"""


def _readme(firmware: Firmware, num_vectors: int) -> str:
    name = firmware.config.name
    sources = f"../rtl/{name}.v{_tables(firmware)}"
    return f"""# {name}

Fixed-point network as Verilog-2001, a new input every clock cycle, latency {firmware.latency} cycles
({firmware.latency_ns:g} ns at {firmware.config.clock_ns:g} ns). No block memory, no DSP, no vendor primitive.

| folder | content |
|---|---|
| `rtl/` | the module `{name}` and its tables |
| `interface.json` | bits of `in_data` and `out_data`, formats, units, latency |
| `tb/` | self-checking test bench with {num_vectors} vectors |
| `emulator/` | `{name}.h`: the same numbers in C++11 |
| `constraints/`, `synth/` | for Vivado and Yosys |
| `golden/` | the integer model and the program, which `collidium verify` reads |
| `report.json` | resources, timing, verification |

Simulate, in `tb/`, with either of

    iverilog -g2001 -o tb.vvp tb.v {sources} && vvp tb.vvp
    verilator --binary --timing --top-module tb tb.v {sources} && obj_dir/Vtb

Synthesise, in `synth/`, with either of

    yosys yosys.ys
    vivado -mode batch -source vivado.tcl
"""
