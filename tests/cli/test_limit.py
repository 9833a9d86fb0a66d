"""``collidium limit`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collidium.cli import main

# s = 10, b = 100, n = 105
DOCUMENT: dict[str, Any] = {
    "channels": [
        {
            "name": "count",
            "samples": [
                {"name": "s", "data": [10.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                {"name": "b", "data": [100.0], "modifiers": []},
            ],
        }
    ],
    "observations": [{"name": "count", "data": [105.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("count.json")
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_the_counting_experiment(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limit", str(workspace), "-o", "out"]) == 0
    assert capsys.readouterr().out.strip() == "out/limit.json"
    written = json.loads(Path("out/limit.json").read_text())
    assert written["cls_observed"] == pytest.approx(0.4590273, abs=1e-7)
    assert written["upper_limit_observed"] == pytest.approx(2.48, abs=5e-5)
    assert written["upper_limit_expected"][2] == pytest.approx(2.0901, abs=5e-5)
    assert len(written["cls_expected"]) == len(written["upper_limit_expected"]) == 5


def test_another_signal_strength(workspace: Path) -> None:
    assert main(["limit", str(workspace), "--signal-strength", "2"]) == 0
    written = json.loads(Path("count-limit/limit.json").read_text())
    assert written["cls_observed"] == pytest.approx(0.1180673, abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["count.json", "--signal-strength", "-1"], "the signal strength tested is -1.0; a positive number"),
        (["count.json", "--level", "2"], "level is 2.0; a number between 0 and 1"),
        (["background.json"], "no sample carries the parameter of interest 'mu'; a signal is needed (--patch)"),
        (["empty.json"], "the likelihood does not depend on mu: no upper limit"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str], words: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mu, background = DOCUMENT["channels"][0]["samples"]
    other = {**background, "modifiers": [{"name": "k", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}]}
    channels = {"background": [other], "empty": [{**mu, "data": [0.0]}, other]}
    for name, samples in channels.items():
        Path(f"{name}.json").write_text(json.dumps({**DOCUMENT, "channels": [{"name": "count", "samples": samples}]}))
    assert main(["limit", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message
    assert not list(Path().glob("*-limit*"))
