"""``collidium fit`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collidium.cli import main

DOCUMENT: dict[str, Any] = {
    "channels": [
        {
            "name": "count",
            "samples": [
                {"name": "s", "data": [4.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                {"name": "b", "data": [20.0], "modifiers": []},
            ],
        }
    ],
    "observations": [{"name": "count", "data": [30.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("count.json")
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_a_fit_is_written_where_it_is_said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(workspace), "-o", "out"]) == 0
    assert capsys.readouterr().out.strip() == "out/fit.json"
    written = json.loads(Path("out/fit.json").read_text())
    assert written["parameters"]["mu"]["value"] == pytest.approx(2.5)
    assert written["parameters"]["mu"]["error"] == pytest.approx(30.0**0.5 / 4.0)


def test_the_folder_is_named_after_the_workspace(workspace: Path) -> None:
    assert main(["fit", str(workspace)]) == 0
    assert Path("count-fit/fit.json").is_file()


def test_patches_are_applied(workspace: Path) -> None:
    Path("p.json").write_text(json.dumps([{"op": "replace", "path": "/observations/0/data/0", "value": 24}]))
    assert main(["fit", str(workspace), "--patch", "p.json", "-o", "out"]) == 0
    written = json.loads(Path("out/fit.json").read_text())
    assert written["parameters"]["mu"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.json"], "nowhere.json: no such file"),
        (["upsilonn", "data"], "unknown resonance 'upsilonn': did you mean upsilon"),
        (["count.json", "--measurement", "x"], "unknown measurement 'x'"),
        (["count.json", "--patch", "broken.json"], "broken.json: /0/path is '/nowhere/0'"),
        (["count.json", "--patch", "count.json"], "count.json: "),
        (["zero.json"], "zero.json: all observed counts are zero; mu cannot be measured"),
        (["nan.json"], "nan.json: /observations/0/data/0 is nan; a finite number is needed"),
        (["bounds.json"], "/measurements/0/config/parameters/0 starts 'mu' at 1, outside its bounds [2, 3]"),
        ([], "WORKSPACE"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str], words: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.json").write_text(json.dumps([{"op": "remove", "path": "/nowhere/0"}]))
    for name, count in (("zero", 0.0), ("nan", float("nan"))):
        changed = {**DOCUMENT, "observations": [{"name": "count", "data": [count]}]}
        Path(f"{name}.json").write_text(json.dumps(changed))
    config = {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[2.0, 3.0]]}]}
    Path("bounds.json").write_text(json.dumps({**DOCUMENT, "measurements": [{"name": "m", "config": config}]}))
    assert main(["fit", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message
    assert not list(Path().glob("*-fit*"))
