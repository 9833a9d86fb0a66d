"""Building and running the simulation of shipped Verilog with Verilator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collidium.firmware._compile import Firmware
from collidium.firmware._fixed import Codes
from collidium.firmware._harness import address_bits, driver, table_bits, wrapper
from collidium.firmware._layout import pack, weight_image, write_bits
from collidium.firmware._model import IntegerModel
from collidium.firmware._probes import pack_probes, probes_of
from collidium.firmware._tools import run_program, run_tool
from collidium.firmware._verilog import table_widths

CHUNK = 8192


@dataclass(frozen=True, kw_only=True)
class SimulationCounts:
    """What the simulator counted; mismatches are of samples.

    Attributes
    ----------
    samples : int
        Outputs compared.
    outputs, wires, valid, tables : int
        Mismatches of outputs, of inner wires (stage by stage), of ``out_valid`` (cycles), of table entries.
    cycles, gaps, resets : int
        Clock cycles, cycles without valid input, resets in flight.
    first : int
        First sample with a mismatch, -1 if there is none.
    """

    samples: int
    outputs: int
    wires: int
    valid: int
    tables: int
    cycles: int
    gaps: int
    resets: int
    first: int

    @property
    def mismatches(self) -> int:
        """All together."""
        return self.outputs + self.wires + self.valid + self.tables


@dataclass
class Simulation:
    """A simulator of the Verilog of a folder.

    Attributes
    ----------
    firmware : Firmware
        What the Verilog was made of.
    rtl : Path
        Folder with the Verilog, read unmodified.
    workspace : Path
        Folder for the simulator.
    """

    firmware: Firmware
    rtl: Path
    workspace: Path
    _is_built: bool = field(default=False, repr=False)

    def build(self) -> None:
        """Translate and compile."""
        probes = probes_of(self.firmware)
        (self.workspace / "proof.v").write_text(wrapper(self.firmware, probes), encoding="utf-8")
        (self.workspace / "proof.cpp").write_text(driver(self.firmware, probes), encoding="utf-8")
        sources = [str(path.resolve()) for path in sorted(self.rtl.glob("*.v"))]
        flags = ["--cc", "--exe", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--top-module", "proof"]
        run_tool(
            "verilator",
            [*flags, "-Mdir", "sim", "--prefix", "Vproof", *sources, "proof.v", "proof.cpp"],
            self.workspace,
        )
        run_tool(
            "make",
            ["-C", "sim", "-f", "Vproof.mk", "OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0", "Vproof"],
            self.workspace,
        )
        self._is_built = True

    def write_vectors(
        self,
        prefix: str,
        inputs: Mapping[str, Codes],
        truth: IntegerModel,
        *,
        weights: IntegerModel | None = None,
        is_loaded: bool = True,
    ) -> None:
        """Write stimuli, and what ``truth`` says to them, for :meth:`run`.

        Weights that are loaded at run time are those of ``truth``, or of another model, or none, so that those after
        power-up are at work.
        """
        layout, probes = self.firmware.layout, probes_of(self.firmware)
        with (
            (self.workspace / f"{prefix}in.bin").open("wb") as given,
            (self.workspace / f"{prefix}expected.bin").open("wb") as expected,
        ):
            for part in chunks(inputs):
                given.write(pack(layout.inputs, part, layout.in_width).tobytes())
                codes = truth.run(part)
                blocks = [pack(layout.outputs, codes, layout.out_width)]
                blocks += [pack_probes(items, codes) for items in probes]
                expected.write(np.concatenate(blocks, axis=1).tobytes())
        image = weight_image(layout, weights or truth)
        image[: len(image) if is_loaded else 0].tofile(self.workspace / f"{prefix}weights.bin")
        self._table_words().tofile(self.workspace / f"{prefix}tables.bin")

    def run(self, *prefixes: str) -> list[SimulationCounts]:
        """Simulate the vectors of some prefixes one after the other, without a power-down between them.

        Each set of weights is loaded while the design runs: random data go on coming in, whose results are not looked
        at.
        """
        if not self._is_built:
            self.build()
        output = run_program(self.workspace / "sim" / "Vproof", prefixes, self.workspace)
        lines = [line for line in output.splitlines() if line.startswith("{")]
        return [SimulationCounts(**json.loads(line)) for line in lines]

    def _table_words(self) -> NDArray[np.uint32]:
        """For each address: what all tables hold there, and which of these bits are reachable."""
        program = self.firmware.program
        if not program.tables:
            return np.zeros(0, np.uint32)
        size = 1 << address_bits(self.firmware)
        num_words = (table_bits(self.firmware) + 31) // 32
        data, mask = (np.zeros((size, num_words + 2), np.uint64) for _ in range(2))
        offset = 0
        for table in program.tables:
            address, width, _ = table_widths(table)
            column, reachable = np.zeros(size, np.int64), np.zeros(size, np.int64)
            for code, value in enumerate(table.values, table.low):
                places = np.arange(code & ((1 << address) - 1), size, 1 << address)
                column[places], reachable[places] = value, -1
            write_bits(data, column, offset, width)
            write_bits(mask, reachable, offset, width)
            offset += width
        both = np.stack([data[:, :num_words], mask[:, :num_words]], axis=1)
        return both.astype(np.uint32)


def chunks(inputs: Mapping[str, Codes], size: int = CHUNK) -> Iterator[dict[str, Codes]]:
    """Parts of a few thousand samples."""
    num = len(next(iter(inputs.values())))
    for start in range(0, num, size):
        yield {name: codes[start : start + size] for name, codes in inputs.items()}
