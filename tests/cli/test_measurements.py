"""``collidium templates|scan|rank|toys``, ``show`` and ``report`` of measurements as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import building, read_manifest
from collidium.cli import main
from collidium.evaluate import PREDICTIONS_NAME, Predictions

# two bins with a signal, one without; a rate uncertainty
DOCUMENT: dict[str, Any] = {
    "channels": [
        {
            "name": "sr",
            "samples": [
                {"name": "s", "data": [4.0, 9.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                {
                    "name": "b",
                    "data": [40.0, 20.0],
                    "modifiers": [
                        {"name": "norm_b", "type": "normfactor", "data": None},
                        {"name": "shape", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}},
                    ],
                },
            ],
        },
        {
            "name": "cr",
            "samples": [
                {"name": "b", "data": [400.0], "modifiers": [{"name": "norm_b", "type": "normfactor", "data": None}]}
            ],
        },
    ],
    "observations": [{"name": "sr", "data": [47.0, 28.0]}, {"name": "cr", "data": [410.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("w.json")
    path.write_text(json.dumps(DOCUMENT))
    return path


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


def test_every_verb_writes_shows_and_reports(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verbs = {
        "fit": ["w.json"],
        "limit": ["w-fit"],
        "scan": ["w-fit", "--num-points", "5", "--second", "norm_b"],
        "rank": ["w-fit"],
        "toys": ["w-fit", "--num-toys", "20"],
    }
    kinds = []
    for verb, arguments in verbs.items():
        assert main([verb, *arguments, "-o", verb if verb != "fit" else "w-fit"]) == 0
        folder = Path(capsys.readouterr().out.strip()).parent
        kinds.append(read_manifest(folder).kind)
        assert main(["show", str(folder)]) == 0
        assert f"({kinds[-1]})" in capsys.readouterr().out
    assert kinds == ["fit", "limit", "scan", "ranking", "toys"]
    assert main(["report", "w-fit", "limit", "scan", "rank", "toys", "-o", "page"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    for anchor in ("fit", "parameters", "limit", "scan-of-mu", "ranking", "toys-cls", "to-reproduce"):
        assert f"<section id='{anchor}'" in page
    assert (Path("page") / "hepdata" / "submission.yaml").is_file()


def test_names_of_folders_follow_the_input(workspace: Path) -> None:
    for verb, name in (("scan", "w-scan"), ("rank", "w-ranking"), ("toys", "w-toys")):
        assert main([verb, "w.json", *(["--num-toys", "3"] if verb == "toys" else [])]) == 0
        assert Path(name).is_dir()


def test_blind_windows_are_blind_until_they_are_opened(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "w.json", "--blind", "sr", "-o", "blind"]) == 0
    written = json.loads(Path("blind/fit.json").read_text())
    assert written["channels"]["sr"]["observed"] == [None, None]
    assert written["channels"]["cr"]["observed"] == [410.0]
    assert written["parameters"]["mu"]["value"] == pytest.approx(0.0, abs=1e-3)
    assert written["parameters"]["norm_b"]["value"] == pytest.approx(1.025, abs=1e-3)
    assert main(["report", "blind", "-o", "page"]) == 0
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert "expectations of the other bins" in page
    table = Path("page/hepdata/table_2.yaml").read_text(encoding="utf-8")
    assert "47.0" not in page + table
    capsys.readouterr()
    assert main(["show", "blind"]) == 0
    assert "blind: the counts of declared windows" in capsys.readouterr().out
    assert main(["fit", "blind", "--unblind", "True", "-o", "open"]) == 0
    assert json.loads(Path("open/fit.json").read_text())["channels"]["sr"]["observed"] == [47.0, 28.0]


def test_limits_of_several_signals_are_drawn_together(workspace: Path) -> None:
    for mass, size in ((100, 9.0), (200, 5.0)):
        Path("p.json").write_text(
            json.dumps([{"op": "replace", "path": "/channels/0/samples/0/data/1", "value": size}])
        )
        assert main(["limit", "w.json", "--patch", "p.json", "-o", str(mass)]) == 0
    assert main(["report", "100", "200", "-o", "page"]) == 0
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert "<section id='limits'" in page
    assert "<section id='limit'" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scan", "nowhere.json"], "nowhere.json: no such file"),
        (["scan", "w.json", "--parameter", "m"], "unknown parameter 'm'"),
        (["scan", "w.json", "--low", "2", "--high", "1"], "the range is 2 to 1"),
        (["scan", "w.json", "--num-points", "x"], "--num-points"),
        (["rank", "w.json", "--parameters", "norm"], "unknown parameter 'norm': did you mean norm_b"),
        (["rank", "background.json"], "no sample carries the parameter of interest 'mu'"),
        (["toys", "w.json", "--num-toys", "0"], "num_toys is 0"),
        (["toys", "w.json", "--statistic", "q"], "--statistic"),
        (["toys", "w.json", "--workers", "0"], "number of workers is 0"),
        (["toys", "background.json"], "no sample carries the parameter of interest"),
        (["fit", "w.json", "--blind", "sx"], "unknown blind channel 'sx'"),
        (["fit", "w.json", "--blind", "sr", "cr"], "every bin is blind"),
        (["fit", "empty"], "empty: "),
        (["limit", "w.json", "--patch", "missing.json"], "missing.json: no such file"),
        (["templates", "empty"], "empty: "),
        (["report", "empty"], "empty: "),
        (["report"], "name a run and its predictions, or measurements"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str], words: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    channels = [{**DOCUMENT["channels"][1]}]
    document = {**DOCUMENT, "channels": channels, "observations": DOCUMENT["observations"][1:]}
    Path("background.json").write_text(json.dumps(document))
    before = sorted(Path().iterdir())
    assert words in one_line(arguments, capsys)
    assert [path for path in Path().iterdir() if path not in before and not path.name.endswith(".partial")] == []


def test_reports_take_what_they_can_show(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with building(Path("other"), kind="dataset", config={}):
        pass
    assert main(["fit", "w.json", "-o", "fit"]) == 0
    capsys.readouterr()
    assert "other: is of kind dataset" in one_line(["report", "fit", "other", "-o", "page"], capsys)
    assert "other: a run needs its predictions" in one_line(["report", "other"], capsys)
    assert "--data belongs to a run" in one_line(["report", "fit", "--data", "other"], capsys)
    Path("fit/yields.json").unlink()
    assert "yields.json: no such file" in one_line(["report", "fit", "-o", "page"], capsys)
    assert not Path("page").exists()


def test_templates_of_predictions(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, label = np.random.default_rng(0), np.arange(2000) % 2
    score = np.where(label == 1, generator.beta(4, 1, 2000), generator.beta(1, 4, 2000))
    scores = np.stack([1 - score, score], axis=1)
    jets = Predictions(np.arange(2000, dtype=np.uint64), label, np.ones(2000), scores, ("QCD", "top"))
    with building(Path("predictions"), kind="predictions", config={}) as folder:
        jets.write(folder / PREDICTIONS_NAME)
    assert main(["templates", "predictions", "--seed", "3"]) == 0
    assert capsys.readouterr().out.strip() == "predictions-templates"
    assert main(["show", "predictions-templates"]) == 0
    assert "signal_region" in capsys.readouterr().out
    assert main(["fit", "predictions-templates", "-o", "fit"]) == 0
    assert read_manifest(Path("predictions-templates"), "templates").seed == 3
