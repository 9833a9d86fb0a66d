"""Running the C++ emulator against the integer model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collidium.firmware._compile import Firmware
from collidium.firmware._fixed import Codes
from collidium.firmware._tools import run_program, run_tool

_MAIN = r"""
#include <cstdio>
#include <vector>
#include "HEADER"
static std::vector<std::int64_t> load(const char* name) {
  FILE* file = fopen(name, "rb");
  fseek(file, 0, SEEK_END);
  std::vector<std::int64_t> data(ftell(file) / 8);
  rewind(file);
  if (fread(data.data(), 8, data.size(), file) != data.size()) data.clear();
  fclose(file);
  return data;
}
int main() {
  const std::vector<std::int64_t> in = load("emulator_in.bin"), want = load("emulator_out.bin");
  const std::vector<std::int64_t> weights = load("emulator_weights.bin");
  std::vector<std::int64_t> out(NAME::num_outputs + 1);
  long wrong = 0;
  for (std::size_t n = 0; n < in.size() / NAME::num_inputs; ++n) {
    NAME::run(&in[n * NAME::num_inputs], out.data() WEIGHTS);
    for (int i = 0; i < NAME::num_outputs; ++i) wrong += out[i] != want[n * NAME::num_outputs + i];
  }
  printf("%ld\n", wrong);
  return 0;
}
"""


@dataclass(frozen=True)
class Emulation:
    """The C++ emulator of a firmware, compiled in a workspace.

    Attributes
    ----------
    firmware : Firmware
        What is emulated.
    header : Path
        The emulator.
    workspace : Path
        Where it is compiled.
    """

    firmware: Firmware
    header: Path
    workspace: Path

    def mismatches(self, samples: Mapping[str, Codes]) -> int:
        """Output elements, over all samples, where it differs from the integer model."""
        model, layout = self.firmware.model, self.firmware.layout
        source = _MAIN.replace("HEADER", str(self.header.resolve())).replace("NAME", self.firmware.config.name)
        source = source.replace("WEIGHTS", ", weights.data()" if layout.weights else "")
        (self.workspace / "emulator.cpp").write_text(source, encoding="utf-8")
        run_tool("g++", ["-std=c++11", "-O1", "-o", "emulator", "emulator.cpp"], self.workspace)
        truth = model.run(samples)
        _joined([samples[node.name] for node in model.inputs]).tofile(self.workspace / "emulator_in.bin")
        _joined([truth[name] for name in model.outputs]).tofile(self.workspace / "emulator_out.bin")
        weights = np.array([slot.initial for slot in layout.weights], dtype=np.int64)
        weights.tofile(self.workspace / "emulator_weights.bin")
        return int(run_program(self.workspace / "emulator", [], self.workspace))


def _joined(arrays: list[Codes]) -> Codes:
    return np.ascontiguousarray(np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1))
