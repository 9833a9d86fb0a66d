"""The self-checking Verilog test bench that is shipped: runs on Verilator and on Icarus."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from collidium.firmware._compile import Firmware
from collidium.firmware._fixed import Codes
from collidium.firmware._layout import pack

_BENCH = """`timescale 1ns / 1ps
// Streams vectors.hex through {name} with gaps and checks data, valid and latency; prints PASS or FAIL.
module tb;
  localparam COUNT = {count};
  localparam LATENCY = {latency};
  reg clk = 1'b0;
  reg rst = 1'b1;
  reg in_valid = 1'b0;
  reg [{in_top}:0] in_data = 0;
  wire out_valid;
  wire [{out_top}:0] out_data;
  reg [{all_top}:0] vectors [0:COUNT-1];
  reg [LATENCY:0] sent = 0;
  integer next_in = 0;
  integer next_out = 0;
  integer errors = 0;
  integer cycle = 0;
{weight_wires}
  {name} dut (
    .clk(clk), .rst(rst), .in_valid(in_valid), .in_data(in_data), .out_valid(out_valid),
    .out_data(out_data){weight_ports}
  );

  always #{half} clk = ~clk;
  initial $readmemh("vectors.hex", vectors);

  always @(negedge clk) begin
    cycle = cycle + 1;
    if (cycle > 2) begin
      rst = 1'b0;
      sent = {{sent[LATENCY-1:0], in_valid}};
      if (out_valid !== sent[LATENCY-1]) errors = errors + 1;
      if (sent[LATENCY-1]) begin
        if (out_data !== vectors[next_out][{out_top}:0]) errors = errors + 1;
        next_out = next_out + 1;
      end
      in_valid = (next_in < COUNT) && (cycle % 7 != 0);
      if (in_valid) begin
        in_data = vectors[next_in][{all_top}:{out_width}];
        next_in = next_in + 1;
      end else in_data = ~in_data;
      if (next_out == COUNT) begin
        if (errors == 0) $display("PASS: %0d samples, latency %0d cycles", next_out, LATENCY);
        else $display("FAIL: %0d errors in %0d samples", errors, next_out);
        $finish;
      end
      if (cycle > 4 * COUNT + 100) begin
        $display("FAIL: only %0d of %0d samples came out", next_out, COUNT);
        $finish;
      end
    end
  end
endmodule
"""


def bench(firmware: Firmware, num_vectors: int) -> str:
    """Verilog-2001 of the test bench."""
    layout = firmware.layout
    wires, ports = "", ""
    if layout.weights:
        wires = (
            f"  wire [{layout.address_width - 1}:0] weight_address = 0;\n"
            f"  wire [{layout.weight_width - 1}:0] weight_data = 0;"
        )
        ports = ",\n    .weight_write(1'b0), .weight_address(weight_address), .weight_data(weight_data)"
    return _BENCH.format(
        name=firmware.config.name,
        count=num_vectors,
        latency=firmware.latency,
        in_top=layout.in_width - 1,
        out_top=layout.out_width - 1,
        all_top=layout.in_width + layout.out_width - 1,
        out_width=layout.out_width,
        half=firmware.config.clock_ns / 2,
        weight_wires=wires,
        weight_ports=ports,
    )


def bench_vectors(firmware: Firmware, samples: Mapping[str, Codes]) -> str:
    """Input and expected output of each sample as one hexadecimal number a line: the output in the lower bits."""
    layout = firmware.layout
    truth = firmware.model.run(samples)
    given = _numbers(pack(layout.inputs, dict(samples), layout.in_width))
    expected = _numbers(pack(layout.outputs, truth, layout.out_width))
    digits = (layout.in_width + layout.out_width + 3) // 4
    return "".join(f"{x << layout.out_width | y:0{digits}x}\n" for x, y in zip(given, expected, strict=True))


def _numbers(words: NDArray[np.uint32]) -> list[int]:
    return [int.from_bytes(row.astype("<u4").tobytes(), "little") for row in words]
