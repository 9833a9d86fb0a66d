"""The simulation that proves the Verilog: a wrapper that brings inner wires out, and a C++ driver for Verilator."""

from __future__ import annotations

from collidium.firmware._compile import Firmware
from collidium.firmware._probes import Probe, probe_width
from collidium.firmware._verilog import table_widths

_DRIVER = r"""
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
#include "Vproof.h"
#include "verilated.h"

typedef uint32_t Word;

template <class T> void put(T& port, const Word* w) {
  port = sizeof(T) == 8 ? (T)(w[0] | (uint64_t)w[1] << 32) : (T)w[0];
}
template <std::size_t W> void put(VlWide<W>& port, const Word* w) {
  for (std::size_t i = 0; i < W; ++i) port[i] = w[i];
}
template <class T> void get(const T& port, Word* w) {
  w[0] = (Word)port;
  if (sizeof(T) == 8) w[1] = (Word)((uint64_t)port >> 32);
}
template <std::size_t W> void get(const VlWide<W>& port, Word* w) {
  for (std::size_t i = 0; i < W; ++i) w[i] = port[i];
}
static bool differs(const Word* seen, const Word* want, int count) {
  for (int i = 0; i < count; ++i) if (seen[i] != want[i]) return true;
  return false;
}

static std::vector<Word> load(const std::string& name) {
  FILE* file = fopen(name.c_str(), "rb");
  if (!file) { fprintf(stderr, "cannot read %s\n", name.c_str()); exit(3); }
  fseek(file, 0, SEEK_END);
  std::vector<Word> data(ftell(file) / 4);
  rewind(file);
  if (fread(data.data(), 4, data.size(), file) != data.size()) exit(3);
  fclose(file);
  return data;
}

static uint64_t state = 88172645463325252ull;
static Word draw() { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return (Word)(state >> 16); }

static void tick(Vproof& top) { top.clk = 1; top.eval(); top.clk = 0; }

static void send_noise(Vproof& top) {
  static std::vector<Word> noise(IN_WORDS + 2);
  for (int i = 0; i < IN_WORDS; ++i) noise[i] = draw();
  noise[IN_WORDS - 1] &= IN_MASK;
  put(top.in_data, noise.data());
}

static void check(Vproof& top, const std::string& prefix) {
  const long L = LATENCY;
  const std::vector<Word> in = load(prefix + "in.bin"), expected = load(prefix + "expected.bin");
  const std::vector<Word> weights = load(prefix + "weights.bin"), tables = load(prefix + "tables.bin");
  const long N = in.size() / IN_WORDS;
  std::vector<Word> seen(MAX_WORDS + 2);
  std::vector<long> slot(L + 1, -1), stage_bad(L, 0);
  long out_bad = 0, valid_bad = 0, table_bad = 0, compared = 0, cycles = 0, resets = 0, first = -1, idle = 0;
  top.rst = 0;
#ifdef HAS_WEIGHTS
  // The design runs on while it is loaded; what is under way then belongs to no set of weights.
  for (std::size_t i = 0; i + 1 < weights.size(); i += 2) {
    top.in_valid = draw() % 8 != 0;
    send_noise(top);
    top.weight_write = 1; put(top.weight_address, &weights[i]); put(top.weight_data, &weights[i + 1]);
    top.eval(); tick(top);
  }
  top.weight_write = 0;
#endif
  top.in_valid = 0;
  for (long s = 0; s <= L; ++s) { top.eval(); tick(top); }
#ifdef HAS_TABLES
  for (std::size_t a = 0; a * 2 * TABLE_WORDS < tables.size(); ++a) {
    const Word address[2] = {(Word)a, 0};
    put(top.table_address, address); top.eval(); get(top.table_data, seen.data());
    for (int i = 0; i < TABLE_WORDS; ++i)
      if ((seen[i] ^ tables[2 * a * TABLE_WORDS + i]) & tables[(2 * a + 1) * TABLE_WORDS + i]) { ++table_bad; break; }
  }
#endif
  for (long next = 0; compared < N;) {
    const bool send = next < N && draw() % 8 != 0;
    slot[0] = send ? next++ : -1;
    top.in_valid = send;
    send_noise(top);
    if (send) put(top.in_data, &in[slot[0] * IN_WORDS]);
    top.rst = cycles > L && draw() % 4096 == 0;
    top.eval();
    for (long s = 0; s < L; ++s) {
      if (slot[s] < 0 || !probe_words[s]) continue;
      read_probe(top, s, seen.data());
      const Word* want = &expected[slot[s] * ALL_WORDS + probe_start[s]];
      if (differs(seen.data(), want, probe_words[s])) { ++stage_bad[s]; if (first < 0) first = slot[s]; }
    }
    if (top.out_valid != (slot[L] >= 0)) ++valid_bad;
    if (slot[L] >= 0) {
      get(top.out_data, seen.data());
      const Word* want = &expected[slot[L] * ALL_WORDS];
      if (differs(seen.data(), want, OUT_WORDS)) { ++out_bad; if (first < 0) first = slot[L]; }
      ++compared;
    }
    idle += !send;
    const bool reset = top.rst;
    tick(top);
    if (reset) {
      ++resets;
      for (long s = L - 1; s >= 0; --s) if (slot[s] >= 0) { next = slot[s]; break; }
      for (long s = 0; s <= L; ++s) slot[s] = -1;
    } else {
      for (long s = L; s > 0; --s) slot[s] = slot[s - 1];
    }
    if (++cycles > 4 * N + 1000000) { ++valid_bad; break; }
  }
  long probe_bad = 0;
  for (long s = 0; s < L; ++s) probe_bad += stage_bad[s];
  printf("{\"samples\": %ld, \"outputs\": %ld, \"valid\": %ld, \"wires\": %ld, \"tables\": %ld, \"cycles\": %ld, "
         "\"gaps\": %ld, \"resets\": %ld, \"first\": %ld}\n", compared, out_bad, valid_bad, probe_bad, table_bad,
         cycles, idle, resets, first);
}

int main(int argc, char** argv) {
  VerilatedContext context;
  Vproof top(&context);
  top.clk = 0; top.in_valid = 0; top.rst = 1; top.eval(); tick(top);
  for (int i = 1; i < argc; ++i) check(top, argv[i]);
  top.final();
  return 0;
}
"""


def wrapper(firmware: Firmware, probes: list[list[Probe]]) -> str:
    """Verilog that instantiates the shipped top unchanged, and brings out wires by their hierarchical names."""
    emitter, layout = firmware.emitter, firmware.layout
    ports = layout.verilog_ports()
    extra, body = [], []
    for stage, items in enumerate(probes):
        if items:
            extra.append(f"output wire [{probe_width(items) - 1}:0] probe_{stage}")
            names = ", ".join(f"dut.{emitter.wire(probe.wire)}" for probe in reversed(items))
            body.append(f"  assign probe_{stage} = {{{names}}};")
    if firmware.program.tables:
        extra += [f"input wire [{address_bits(firmware) - 1}:0] table_address"]
        extra += [f"output wire [{table_bits(firmware) - 1}:0] table_data"]
        offset = 0
        for number, table in enumerate(firmware.program.tables):
            address, width, _ = table_widths(table)
            body.append(
                f"  {emitter.table_name(number)} t{number} (.x(table_address[{address - 1}:0]), "
                f".y(table_data[{offset + width - 1}:{offset}]));"
            )
            offset += width
    outer = [port.split()[-1] for port in ports]
    lines = [
        "module proof (",
        ",\n".join(f"  {port}" for port in [*ports, *extra]),
        ");",
        f"  {firmware.config.name} dut ({', '.join(f'.{name}({name})' for name in outer)});",
        *body,
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def address_bits(firmware: Firmware) -> int:
    """Address bits of the widest table."""
    return max(table_widths(table)[0] for table in firmware.program.tables)


def table_bits(firmware: Firmware) -> int:
    """Data bits of all tables."""
    return sum(table_widths(table)[1] for table in firmware.program.tables)


def driver(firmware: Firmware, probes: list[list[Probe]]) -> str:
    """C++ that streams samples with random gaps and resets through the wrapper and compares every cycle."""
    layout = firmware.layout
    words = [(probe_width(items) + 31) // 32 for items in probes]
    out_words = (layout.out_width + 31) // 32
    starts = [out_words + sum(words[:stage]) for stage in range(len(words))]
    rest = layout.in_width % 32
    constants: dict[str, int | str] = {
        "LATENCY": firmware.latency,
        "IN_WORDS": (layout.in_width + 31) // 32,
        "IN_MASK": f"{(1 << rest) - 1 if rest else 0xFFFFFFFF}u",
        "OUT_WORDS": out_words,
        "ALL_WORDS": out_words + sum(words),
        "TABLE_WORDS": (table_bits(firmware) + 31) // 32 if firmware.program.tables else 1,
    }
    constants["MAX_WORDS"] = max(out_words, int(constants["TABLE_WORDS"]), *words)
    if layout.weights:
        constants["HAS_WEIGHTS"] = 1
    if firmware.program.tables:
        constants["HAS_TABLES"] = 1
    cases = "\n".join(f"    case {s}: get(top.probe_{s}, w); break;" for s, count in enumerate(words) if count)
    reader = (
        f"static void read_probe(const Vproof& top, long stage, Word* w) {{\n  switch (stage) {{\n{cases}\n  }}\n}}\n"
    )
    table = (
        f"static const int probe_words[] = {{{', '.join(map(str, words))}}};\n"
        f"static const int probe_start[] = {{{', '.join(map(str, starts))}}};\n"
    )
    head, mark, tail = _DRIVER.partition("static uint64_t state")
    return (
        "".join(f"#define {name} {value}\n" for name, value in constants.items()) + head + table + reader + mark + tail
    )
