"""Synthesis with Yosys and placement with nextpnr: cells counted, timing of open parts."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from collidium.artifact import InputError, unknown
from collidium.firmware._compile import Firmware
from collidium.firmware._tools import find_tool, run_tool

OpenPart: TypeAlias = Literal["ecp5", "ice40"]

YOSYS_XILINX = "synth_xilinx -family xcup -flatten -nodsp -nobram"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Cells after synthesis for UltraScale+.

    Attributes
    ----------
    lut : int
        LUT1 to LUT6 cells.
    inverters : int
        INV cells, which a vendor's tool absorbs into its neighbours.
    ff : int
        Flip-flops.
    carry : int
        Carry cells of four bits.
    mux : int
        MUXF7 and MUXF8.
    dsp, bram : int
        Blocks; 0 by the options of the synthesis.
    tool : str
        Name and version.
    part : str
        Family.
    command : str
        The synthesis command.
    """

    lut: int
    inverters: int
    ff: int
    carry: int
    mux: int
    dsp: int
    bram: int
    tool: str
    part: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Timing after placement and routing on an open part.

    Attributes
    ----------
    fmax_mhz : float, MHz
        Highest clock frequency.
    lut : int
        Lookup-table (iCE40: logic) cells used on that part, with the wrapper.
    ff : int or None
        Flip-flops; None on iCE40, whose logic cells hold both.
    tool, part : str
        What was used.
    """

    fmax_mhz: float
    lut: int
    ff: int | None
    tool: str
    part: str


def synthesise(firmware: Firmware, rtl: Path) -> Resources:
    """Synthesise for UltraScale+ without DSP and block memory, and count cells.

    Parameters
    ----------
    firmware : Firmware
        What the Verilog was made of.
    rtl : Path
        Folder with the Verilog.

    Returns
    -------
    Resources
        Counts.

    Raises
    ------
    InputError
        If Yosys is missing.
    """
    find_tool("yosys")
    with tempfile.TemporaryDirectory(prefix="collidium-") as folder:
        steps = [f"read_verilog -defer {_sources(rtl)}", f"{YOSYS_XILINX} -top {firmware.config.name}"]
        script = "; ".join([*steps, "tee -o stat.json stat -json"])
        run_tool("yosys", ["-q", "-p", script], Path(folder))
        cells = _cells(Path(folder) / "stat.json")
    return Resources(
        lut=sum(cells.get(f"LUT{n}", 0) for n in range(1, 7)),
        inverters=cells.get("INV", 0),
        ff=sum(count for name, count in cells.items() if name.startswith("FD")),
        carry=cells.get("CARRY4", 0) + cells.get("CARRY8", 0),
        mux=cells.get("MUXF7", 0) + cells.get("MUXF8", 0),
        dsp=sum(count for name, count in cells.items() if name.startswith("DSP")),
        bram=sum(count for name, count in cells.items() if name.startswith("RAMB")),
        tool=yosys_version(),
        part="UltraScale+ (xcup)",
        command=YOSYS_XILINX,
    )


def place(firmware: Firmware, rtl: Path, part: OpenPart, *, seed: int = 1) -> Timing:
    """Place and route on an open part, between registers that are loaded and read serially.

    Parameters
    ----------
    firmware : Firmware
        What the Verilog was made of.
    rtl : Path
        Folder with the Verilog.
    part : {"ecp5", "ice40"}
        Lattice ECP5-85 of speed grade 8, or iCE40 HX8K.
    seed : int
        Of the placement.

    Returns
    -------
    Timing
        Frequency and cells.

    Raises
    ------
    InputError
        If a tool is missing.
    RuntimeError
        If the design does not fit.
    """
    if part not in _PARTS:
        raise unknown("open part", part, _PARTS)
    synthesis, tool, options, title = _PARTS[part]
    for name in ("yosys", tool):
        find_tool(name)
    with tempfile.TemporaryDirectory(prefix="collidium-") as name_of_folder:
        folder = Path(name_of_folder)
        (folder / "serial.v").write_text(serial_wrapper(firmware), encoding="utf-8")
        script = f"read_verilog -defer {_sources(rtl)} serial.v; {synthesis} -top serial -json serial.json"
        run_tool("yosys", ["-q", "-p", script], folder)
        frequency = f"{1e3 / firmware.config.clock_ns:.3f}"
        arguments = [*options, "--json", "serial.json", "--freq", frequency, "--seed", str(seed), "--timing-allow-fail"]
        log = run_tool(tool, arguments, folder)
    found = re.findall(r"Max frequency for clock\s+'[^']*':\s+([0-9.]+) MHz", log)
    if not found:
        raise RuntimeError(f"{tool}: no clock frequency in its report")
    return Timing(
        fmax_mhz=float(found[-1]),
        lut=_used(log, _LUTS[part]),
        ff=_used(log, "TRELLIS_FF") if part == "ecp5" else None,
        tool=tool,
        part=title,
    )


_PARTS: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "ecp5": (
        "synth_ecp5 -nobram -nodsp",
        "nextpnr-ecp5",
        ("--85k", "--speed", "8", "--package", "CABGA756", "--lpf-allow-unconstrained", "--textcfg", "serial.config"),
        "Lattice ECP5 LFE5U-85, speed grade 8",
    ),
    "ice40": ("synth_ice40", "nextpnr-ice40", ("--hx8k", "--package", "ct256"), "Lattice iCE40 HX8K"),
}
_LUTS = {"ecp5": "TRELLIS_COMB", "ice40": "ICESTORM_LC"}


def _used(log: str, kind: str) -> int:
    match = re.search(rf"{kind}:\s+(\d+)", log)
    return int(match[1]) if match else 0


def serial_wrapper(firmware: Firmware) -> str:
    """Verilog that feeds the module from a shift register and reads it through another.

    So any part has enough pins; the paths between registers stay those of the module.
    """
    layout = firmware.layout
    ins, outs = layout.in_width, layout.out_width
    weight_bits = 1 + layout.address_width + layout.weight_width if layout.weights else 0
    total = ins + 1 + weight_bits
    weights = ""
    if layout.weights:
        start = ins + 2
        weights = (
            f", .weight_write(given[{ins + 1}]), .weight_address(given[{start + layout.address_width - 1}:{start}]), "
            f".weight_data(given[{total - 1}:{start + layout.address_width}])"
        )
    return f"""module serial (input wire clk, input wire rst, input wire d, input wire load, output wire q);
  reg [{total - 1}:0] given;
  reg [{outs}:0] taken;
  wire out_valid;
  wire [{outs - 1}:0] out_data;
  always @(posedge clk) begin
    given <= {{given[{total - 2}:0], d}};
    taken <= load ? {{out_valid, out_data}} : {{taken[{outs - 1}:0], 1'b0}};
  end
  assign q = taken[{outs}];
  {firmware.config.name} dut (.clk(clk), .rst(rst), .in_valid(given[{ins}]), .in_data(given[{ins - 1}:0]),
    .out_valid(out_valid), .out_data(out_data){weights});
endmodule
"""


def yosys_version() -> str:
    """Yosys' name and version."""
    return " ".join(run_tool("yosys", ["-V"], Path.cwd()).split()[:2])


def _sources(rtl: Path) -> str:
    sources = sorted(rtl.glob("*.v"))
    if not sources:
        raise InputError(f"{rtl}: holds no Verilog")
    return " ".join(str(path.resolve()) for path in sources)


def _cells(report: Path) -> dict[str, int]:
    """Cells by type from Yosys' statistics."""
    document = json.loads(report.read_text(encoding="utf-8"))
    return {str(name): int(count) for name, count in document["design"]["num_cells_by_type"].items()}
