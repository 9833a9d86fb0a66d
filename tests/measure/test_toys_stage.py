from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.measure import FitError, HistFactory, ToysConfig, _toys, toy_cls, toys_workspace


@pytest.fixture
def path(every_modifier: dict[str, Any], tmp_path: Path) -> Path:
    written = tmp_path / "workspace.json"
    written.write_text(json.dumps(every_modifier))
    return written


def test_cls_is_that_of_the_library(path: Path, likelihood: HistFactory, tmp_path: Path) -> None:
    config = ToysConfig(num_toys=30, seed=2, signal_strength=1.5)
    written = json.loads(toys_workspace(path, tmp_path / "out", toys=config).read_text())
    test = toy_cls(likelihood, "mu", 1.5, num_toys=30, seed=2)
    assert written["p_values"] == {"clsb": test.clsb, "clb": test.clb, "cls": test.cls}
    with np.load(tmp_path / "out" / written["samples"]["with signal"]) as stored:
        assert stored["values"].shape == (30,)
    assert read_manifest(tmp_path / "out", "toys").seed == 2


@pytest.mark.parametrize(("statistic", "name"), [("discovery", "p0"), ("goodness", "p")])
def test_other_statistics(statistic: Any, name: str, path: Path, tmp_path: Path) -> None:
    config = ToysConfig(statistic=statistic, num_toys=60)
    written = json.loads(toys_workspace(path, tmp_path / "out", toys=config).read_text())
    p, formula = written["p_values"][name], written["asymptotic"][name]
    assert p == pytest.approx(formula, abs=4 * np.sqrt(0.25 / 60))
    assert written["num_failed"] == 0


def test_interrupted_toys_go_on(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ToysConfig(statistic="discovery", num_toys=120)
    whole = json.loads(toys_workspace(path, tmp_path / "whole", toys=config).read_text())
    chunk, calls = _toys._chunk, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments[-1])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return chunk(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(_toys, "_chunk", interrupted)
        with pytest.raises(KeyboardInterrupt):
            toys_workspace(path, tmp_path / "out", toys=config)
    with pytest.raises(InputError, match="left by a job"):
        toys_workspace(path, tmp_path / "out", toys=ToysConfig(statistic="discovery", num_toys=120, seed=1))
    monkeypatch.setattr(_toys, "_chunk", lambda *arguments: calls.append(arguments[-1]) or chunk(*arguments))
    assert json.loads(toys_workspace(path, tmp_path / "out", toys=config).read_text()) == whole
    assert [toys.start for toys in calls] == [0, 50, 100, 100]
    hashes = [read_manifest(tmp_path / name).content_hash for name in ("whole", "out")]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_toys": 0}, "num_toys is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"signal_strength": 0.0}, "the signal strength tested is 0.0"),
        ({"signal_strength": float("nan")}, "the signal strength tested is nan"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ToysConfig(**settings)


def test_failed_toys_are_counted(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(likelihood: HistFactory, poi: str, *, best: object = None) -> float:
        if likelihood.observed[2] > 38.0:
            raise FitError("too many")
        return 0.0

    monkeypatch.setattr("collidium.measure._toys_stage.q0", failing)
    config = ToysConfig(statistic="discovery", num_toys=40)
    written = json.loads(toys_workspace(path, tmp_path / "out", toys=config).read_text())
    assert 0 < written["num_failed"] < 40
