from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collidium.artifact import InputError, read_manifest
from collidium.firmware import (
    CompileConfig,
    FirmwareContext,
    FirmwareOptions,
    IntegerModel,
    Linear,
    Signal,
    compile_model,
    load_firmware,
    synthesise,
    verify_firmware,
    write_firmware,
)
from collidium.firmware._tools import run_tool
from collidium.firmware._verify import verify_rtl

Models = Callable[..., IntegerModel]
Need = Callable[..., None]
WRITE_ONLY = FirmwareOptions(num_samples=0)
ARTIFACT_FILES = (
    "README.md",
    "constraints/tagger.sdc",
    "constraints/tagger.xdc",
    "emulator/tagger.h",
    "golden/model.json",
    "golden/program.json",
    "interface.json",
    "report.json",
    "rtl/tagger.v",
    "synth/vivado.tcl",
    "synth/yosys.ys",
    "tb/tb.v",
    "tb/vectors.hex",
)


def written(model: IntegerModel, out: Path, clock_ns: float = 2.0) -> Path:
    write_firmware(compile_model(model, CompileConfig(clock_ns=clock_ns)), out, options=WRITE_ONLY)
    return out


@pytest.mark.parametrize(
    "name",
    ["table", pytest.param("attention", marks=pytest.mark.slow), pytest.param("reloadable", marks=pytest.mark.slow)],
)
def test_verilog_is_the_model(
    name: str, tmp_path: Path, needs_tools: Need, table_model: Models, attention_model: Models, dense_model: Models
) -> None:
    needs_tools("verilator", "g++", "make")
    models = {
        "table": table_model,
        "attention": attention_model,
        "reloadable": lambda: dense_model([4, 3, 2], reloadable=True),
    }
    result = verify_firmware(written(models[name](), tmp_path / "firmware"), num_samples=3000)
    assert result.is_proved
    assert result.mismatches == 0
    assert result.simulation.gaps > 100
    assert (result.reloaded is not None) == (name == "reloadable")
    assert (result.tables_compared > 0) == (name != "reloadable")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 3, 5])
def test_verilog_of_random_graphs(seed: int, tmp_path: Path, needs_tools: Need, random_model: Models) -> None:
    needs_tools("verilator", "g++", "make")
    assert verify_firmware(written(random_model(seed), tmp_path / "firmware"), num_samples=2000).is_proved


@pytest.mark.slow
def test_a_changed_digit_in_the_verilog_is_caught(tmp_path: Path, needs_tools: Need, dense_model: Models) -> None:
    needs_tools("verilator", "g++", "make")
    folder = written(dense_model([4, 3, 2]), tmp_path / "firmware")
    firmware = load_firmware(folder / "golden")
    rtl = folder / "rtl" / "trigger.v"
    text = rtl.read_text()
    place = next(line for line in text.splitlines() if " + " in line)
    rtl.write_text(text.replace(place, place.replace(" + ", " - ")))
    result = verify_rtl(firmware, folder / "rtl", emulator=folder / "emulator" / "trigger.h", num_samples=1000)
    assert result.simulation.outputs > 0
    assert not result.is_proved


@pytest.mark.slow
def test_verilog_of_a_model_with_one_weight_off_by_one_is_refused(
    tmp_path: Path, needs_tools: Need, dense_model: Models
) -> None:
    needs_tools("verilator", "g++", "make")
    model = dense_model([4, 3, 2])
    layer = model.nodes["dense0"]
    assert isinstance(layer, Linear)
    weight = layer.weight.copy()
    weight[0, 0] += 1
    changed = dataclasses.replace(layer, weight=weight)
    wrong = IntegerModel([changed if node is layer else node for node in model.nodes.values()], model.outputs)
    folder = written(wrong, tmp_path / "firmware", 5.0)
    truth = dataclasses.replace(load_firmware(folder / "golden"), model=model)
    result = verify_rtl(truth, folder / "rtl", emulator=folder / "emulator" / "trigger.h", num_samples=1000)
    assert min(result.simulation.outputs, result.program_mismatches, result.emulator_mismatches) > 0
    assert not result.is_proved


def test_the_bench_passes_and_fails(tmp_path: Path, needs_tools: Need, table_model: Models) -> None:
    needs_tools("iverilog", "vvp")
    folder = written(table_model(), tmp_path / "firmware")
    sources = [str(path.resolve()) for path in sorted((folder / "rtl").glob("*.v"))]
    run_tool("iverilog", ["-g2001", "-o", "tb.vvp", "tb.v", *sources], folder / "tb")
    assert "PASS" in run_tool("vvp", ["-n", "tb.vvp"], folder / "tb")
    vectors = folder / "tb" / "vectors.hex"
    lines = vectors.read_text().splitlines()
    lines[7] = lines[7][:-1] + f"{int(lines[7][-1], 16) ^ 1:x}"
    vectors.write_text("\n".join(lines) + "\n")
    assert "FAIL: 1 errors" in run_tool("vvp", ["-n", "tb.vvp"], folder / "tb")


def test_artifact_has_what_an_engineer_expects(tmp_path: Path, dense_model: Models) -> None:
    out = tmp_path / "firmware"
    firmware = compile_model(dense_model([3, 2]), CompileConfig(name="tagger"))
    context = FirmwareContext(
        signals={"dense0": [Signal(name="gluon"), Signal(name="top")]}, figures={"accuracy": 0.75}, surrogate=120.0
    )
    report = write_firmware(firmware, out, options=WRITE_ONLY, context=context)
    assert read_manifest(out, "firmware").content_hash
    for name in ARTIFACT_FILES:
        assert (out / name).is_file(), name
    ports = json.loads((out / "interface.json").read_text())
    assert [element["name"] for element in ports["out_data"]["elements"]] == ["gluon", "top"]
    assert [element["offset"] for element in ports["in_data"]["elements"]] == [0, 7, 14]
    assert report["resources"]["surrogate"] == 120.0
    assert report["verification"] is None
    assert report["timing"]["model"]["kind"].startswith("model")
    assert sum(layer["lut"] for layer in report["layers"]) == report["resources"]["predicted"]["lut"]
    assert load_firmware(out / "golden").program == firmware.program


def test_signals_must_fit(tmp_path: Path, dense_model: Models) -> None:
    firmware = compile_model(dense_model([3, 2]))
    for signals, message in (({"y": []}, "unknown input or output 'y'"), ({"x": []}, "signals of x: 0 are given")):
        with pytest.raises(InputError, match=message):
            write_firmware(firmware, tmp_path / "out", options=WRITE_ONLY, context=FirmwareContext(signals=signals))
    assert not (tmp_path / "out").exists()


def test_a_missing_tool_names_its_package(tmp_path: Path, dense_model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(dense_model([3, 2]), tmp_path / "firmware")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="verilator is not installed: apt-get install verilator"):
        verify_firmware(folder)
    with pytest.raises(InputError, match="yosys is not installed: apt-get install yosys"):
        synthesise(load_firmware(folder / "golden"), folder / "rtl")


@pytest.mark.slow
def test_predicted_cells_are_those_of_yosys(tmp_path: Path, needs_tools: Need, dense_model: Models) -> None:
    needs_tools("yosys")
    firmware = compile_model(dense_model([8, 8, 4]))
    report = write_firmware(firmware, tmp_path / "firmware", options=FirmwareOptions(num_samples=0, synthesis="yosys"))
    predicted, counted = report["resources"]["predicted"], report["resources"]["yosys"]
    assert predicted["lut"] == pytest.approx(counted["lut"], rel=0.1)
    assert predicted["ff"] == pytest.approx(counted["ff"], rel=0.1)
    assert (counted["dsp"], counted["bram"]) == (0, 0)
