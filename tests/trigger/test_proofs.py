"""One small network of each kind, from torch to Verilog that three free tools accept, proved on 100,000 samples.

Most of the time is the C++ of Verilator's own library, the same for every kind: OBJCACHE=ccache compiles it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from collidium.firmware import (
    MIN_SAMPLES,
    TOOLS,
    CompileConfig,
    FirmwareContext,
    FirmwareOptions,
    IntegerModel,
    compile_model,
    has_tool,
    write_firmware,
)
from collidium.firmware._tools import run_tool
from collidium.trigger import (
    AttentionConfig,
    DeepSetsConfig,
    JetFormerConfig,
    LutConv,
    MLPConfig,
    MuonTrackerConfig,
    QuantConv1d,
    QuantConv2d,
    QuantDense,
    QuantFunction,
    QuantInput,
    QuantizerConfig,
    QuantNetwork,
    concatenate,
    input_codes,
    relu,
    reshape,
)
from collidium.trigger._signal import Signal

ENTRY = QuantizerConfig(f=3, i=2, overflow="SAT")
FIXED = QuantizerConfig(f=3.0, i=1.0, overflow="SAT", integer_bits="fixed", is_trained=False)
HEAD = {"num_outputs": 2, "head": (3,)}


class Image(QuantNetwork):
    """A convolution, relu, and a dense layer on all places."""

    def __init__(
        self, shape: tuple[int, ...], conv: nn.Module, num_places: int, *, is_reloadable: bool = False
    ) -> None:
        super().__init__({"x": shape})
        self.entry, self.conv = QuantInput(shape, ENTRY), conv
        options = {"weight": FIXED, "bias": FIXED} if is_reloadable else {}
        self.dense = QuantDense((num_places,), 2, is_reloadable=is_reloadable, **options)

    def forward(self, x: Signal) -> Signal:
        places: Signal = relu(self.conv(self.entry(x)))
        out: Signal = self.dense(reshape(places, self.dense.data.shape))
        return out


class Branches(QuantNetwork):
    """A residual connection around a layer, and a function of one number beside it."""

    def __init__(self) -> None:
        super().__init__({"x": (4,)})
        self.entry = QuantInput((4,), ENTRY)
        self.inner, self.function, self.last = QuantDense((4,), 4), QuantFunction("tanh", (4,)), QuantDense((8,), 2)

    def forward(self, x: Signal) -> Signal:
        codes: Signal = self.entry(x)
        inner: Signal = self.inner(codes)
        out: Signal = self.last(concatenate([codes + relu(inner), self.function(inner)]))
        return out


def _reloadable() -> QuantNetwork:
    conv = QuantConv2d((4, 4, 1), 1, stride=2, weight=FIXED, bias=FIXED, is_reloadable=True)
    return Image((4, 4, 1), conv, 4, is_reloadable=True)


KINDS: Mapping[str, Callable[[], QuantNetwork]] = {
    "dense": lambda: MLPConfig(num_inputs=4, widths=(4,), num_outputs=2, norm="output").build(seed=1),
    "tables": lambda: MLPConfig(num_inputs=4, widths=(3,), num_outputs=2, kinds=("lut",)).build(seed=1),
    "hybrid": lambda: MLPConfig(num_inputs=4, widths=(3, 3), num_outputs=2, kinds=("dense", "lut", "dense")).build(
        seed=1
    ),
    "1-D convolution": lambda: Image((4, 2), QuantConv1d((4, 2), 1), 4),
    "1-D convolution of tables": lambda: Image((4, 2), LutConv((4, 2), 2, stride=2), 4),
    "2-D convolution": lambda: Image((4, 4, 1), QuantConv2d((4, 4, 1), 1, stride=2), 4),
    "deep sets": lambda: DeepSetsConfig(num_particles=3, widths=(3,), **HEAD).build(seed=1),
    "attention": lambda: JetFormerConfig(
        num_particles=2, width=2, feed_forward=2, attention=AttentionConfig(num_heads=1, head_size=2), **HEAD
    ).build(seed=1),
    "residual and concatenation": Branches,
    "patterns": lambda: MuonTrackerConfig(num_channels=3, patterns=1, widths=(3,), mean=229.0, scale=64.0).build(
        seed=1
    ),
    "stations": lambda: MuonTrackerConfig(
        num_channels=4, patterns=0, widths=(3,), reach=1, mean=229.0, scale=64.0
    ).build(seed=1),
    "reloadable": _reloadable,
}

WITHOUT_TABLES = ("dense", "1-D convolution", "2-D convolution", "deep sets", "reloadable")


def samples(network: QuantNetwork, num: int) -> list[Tensor]:
    """Numbers for ``x``, or bits where it takes bits, and random validity."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num, *network.inputs["x"], generator=generator)
    if network.get_submodule("entry").quantizer.config.integer_bits == "fixed":
        x = (x > 0.8).float()
    rest = [torch.rand(num, *shape, generator=generator) for name, shape in network.inputs.items() if name != "x"]
    return [x, *((flags > 0.3).float() for flags in rest)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_proved_end_to_end(
    kind: str, tmp_path: Path, assert_equal_codes: Callable[..., IntegerModel]
) -> None:
    for tool in ("verilator", "g++", "make", "iverilog", "yosys"):
        if not has_tool(tool):
            pytest.skip(f"{tool} is not installed: {TOOLS[tool]}")
    torch.manual_seed(1)
    network = KINDS[kind]()
    inputs = samples(network, 400)
    model = assert_equal_codes(network, inputs)
    given = {name: x.numpy() for name, x in zip(network.inputs, inputs, strict=True)}
    out = tmp_path / "firmware"
    report = write_firmware(
        compile_model(model, CompileConfig(clock_ns=2.5)),
        out,
        options=FirmwareOptions(num_samples=MIN_SAMPLES),
        context=FirmwareContext(data=input_codes(network, model, given)),
    )
    proof = report["verification"]
    assert proof["samples"] >= 100_000
    assert proof["is_proved"]
    assert proof["mismatches"] == 0
    assert proof["fault_mismatches"] > 0
    assert proof["wires_compared"] > 0
    assert (proof["reloaded"] is not None) == (kind == "reloadable")
    assert (proof["tables_compared"] > 0) == (kind not in WITHOUT_TABLES)
    sources = [str(path.resolve()) for path in sorted((out / "rtl").glob("*.v"))]
    script = f"read_verilog -defer {' '.join(sources)}; synth -noabc -flatten -top trigger; check -assert; stat"
    assert "$_DFF_P_" in run_tool("yosys", ["-p", script], tmp_path)
    run_tool("iverilog", ["-g2001", "-o", "tb.vvp", "tb.v", *sources], out / "tb")
    assert "PASS" in run_tool("vvp", ["-n", "tb.vvp"], out / "tb")
