"""``collidium fit RESONANCE`` and ``collidium bumphunt`` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collidium.artifact import read_manifest
from collidium.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_resonance_is_fitted_shown_and_reported(
    here: Path, shared_data: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = shared_data("cms-dilepton-2011a/psi2s_p4.csv")
    assert main(["fit", "psi2s", str(file)]) == 0
    assert capsys.readouterr().out.strip() == "fits/psi2s/fit.json"
    fit = json.loads(Path("fits/psi2s/fit.json").read_text())
    assert fit["converged"] is True
    assert fit["seconds"] > 0.0
    assert fit["mass"]["value"] == pytest.approx(3.686, abs=0.02)
    assert read_manifest(Path("fits/psi2s"), "resonance").inputs
    assert main(["show", "fits/psi2s"]) == 0
    assert "known 3.68610" in capsys.readouterr().out
    assert main(["report", "fits/psi2s", "-o", "page"]) == 0
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert "<section id='resonance-psi2s'" in page
    assert "CMS open data" not in page.partition("<section")[0]


@pytest.mark.slow
def test_a_bump_hunt_finds_what_is_there(
    here: Path, shared_data: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = shared_data("cms-dimuon-2010b/jpsi_2to5GeV.csv")
    assert main(["bumphunt", "jpsi", str(file.parents[1]), "--num-toys", "2", "-o", "hunt"]) == 0
    hunt = json.loads(Path("hunt/bumphunt.json").read_text())
    assert hunt["best"]["mass"] == pytest.approx(3.1, abs=0.05)
    assert hunt["best"]["z_local"] > 5.0
    assert hunt["control"]["best"]["z_local"] < 4.0
    assert main(["show", "hunt"]) == 0
    assert main(["report", "hunt", "-o", "page"]) == 0
    names = {path.stem for path in Path("page/plots").iterdir()}
    assert {"spectrum-jpsi-data", "spectrum-jpsi-same-sign", "local-p0-jpsi-data"} <= names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "psi2s", "nowhere.csv"], "nowhere.csv: no such file"),
        (["fit", "psi2s", "text.csv"], "text.csv"),
        (["fit", "higgs4l", "."], "no CSV of events is in this folder"),
        (["fit", "psi2s"], "DATA"),
        (["bumphunt"], "name a spectrum first (dijet"),
        (["bumphunt", "dijt", "x.csv"], "unknown bump hunt 'dijt': did you mean dijet"),
        (["bumphunt", "dijet", "nowhere.csv"], "nowhere.csv: no such file"),
        (["bumphunt", "dijet", "text.csv"], "text.csv"),
        (["bumphunt", "dijet", "x.csv", "--method", "y"], "--method"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "." not in arguments:
        Path("text.csv").write_text("a,b\n1,2\n")
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message
    assert not Path("fits/psi2s").exists()
    assert not Path("hunts/dijet").exists()
