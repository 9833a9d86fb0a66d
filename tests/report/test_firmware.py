"""The page of a firmware folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.firmware import (
    FirmwareContext,
    FirmwareOptions,
    Format,
    Formats,
    Input,
    IntegerModel,
    Linear,
    Overflow,
    Quantize,
    Rounding,
    compile_model,
    write_firmware,
)
from collidium.report import build_firmware_report, firmware_sections, read_firmware_report, verification_rows

COUNTS = {
    "samples": 9000, "outputs": 1, "wires": 2, "valid": 3, "tables": 4, "cycles": 9500, "gaps": 400, "resets": 7,
    "first": 5,
}  # fmt: skip
RECORD: dict[str, Any] = {
    "samples": 9000, "data_samples": 4000, "program_mismatches": 11, "emulator_mismatches": 12, "simulation": COUNTS,
    "reloaded": None, "fault": "dense[3] + 1", "fault_mismatches": 60, "wires_compared": 33, "tables_compared": 2,
    "latency": 4, "simulator": "Verilator 5.006", "mismatches": 33, "is_proved": False,
}  # fmt: skip


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """Firmware of a dense layer with a pruned output, written without a verification."""
    nodes = [
        Input("x", Formats.full((3,), Format(1, 2, 1))),
        Linear("dense", "x", np.array([[3, -5], [1, 7], [0, 2]]), 1),
        Quantize("act", "dense", Formats([1, 0], [3, 0], [0, 0]), Rounding.RND, Overflow.SAT),
    ]
    context = FirmwareContext(figures={"accuracy": 0.75}, surrogate=40.0)
    compiled = compile_model(IntegerModel(nodes, ["act"]))
    write_firmware(compiled, tmp_path / "firmware", options=FirmwareOptions(num_samples=0), context=context)
    return tmp_path / "firmware"


def test_page_tells_widths_and_cells(firmware: Path, tmp_path: Path) -> None:
    page = build_firmware_report(firmware, tmp_path / "report").read_text()
    for words in ("0.75", "Not verified", "0 to 4", "1 of 5 quantized signals have no bit", "Quantize"):
        assert words in page
    assert "1 of 6 weights are pruned" in page
    assert "40 effective bit operations" in page
    assert "<td>6 of 1.8 bits</td>" in page
    assert {path.name for path in (tmp_path / "report" / "plots").glob("*.png")} == {
        "architecture.png", "widths.png", "weight-widths.png", "resources.png",
    }  # fmt: skip
    assert read_manifest(tmp_path / "report", "report").inputs


def test_equal_firmware_gives_equal_pages(firmware: Path, tmp_path: Path) -> None:
    first, second = (build_firmware_report(firmware, tmp_path / name) for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_every_count_of_a_verification_has_its_row() -> None:
    rows = verification_rows(RECORD)
    assert [row[2] for row in rows] == ["11", "12", "1", "2", "3", "4", "60 (caught)"]
    assert "dense[3] + 1" in rows[-1][0]
    again = verification_rows({**RECORD, "reloaded": {**COUNTS, "outputs": 77}, "fault_mismatches": 0})
    assert [row[2] for row in again][6:] == ["77", "2", "3", "4", "0 (NOT CAUGHT)"]


def test_the_network_s_own_comparison_comes_first(firmware: Path) -> None:
    report = read_firmware_report(firmware)
    report["verification"] = RECORD
    report["model"]["figures"] |= {"network_mismatches": 0, "samples": 1234}
    text = firmware_sections(report)[-1].html
    assert text.index("trained network against integer model") < text.index("C++ emulator")
    assert "1,234 samples" in text


@pytest.mark.parametrize(("content", "words"), [("{", "damaged report"), ('{"design": {}}', "layers, model")])
def test_damaged_reports_are_refused(firmware: Path, content: str, words: str) -> None:
    (firmware / "report.json").write_text(content)
    with pytest.raises(InputError, match=words):
        read_firmware_report(firmware)
