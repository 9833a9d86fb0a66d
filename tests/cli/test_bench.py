from __future__ import annotations

from pathlib import Path

import pytest

from collidium.cli import main
from collidium.study import PAGE_NAME, _plots


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a benchmark first (optimizers)"),
        (["optimisers"], "unknown benchmark 'optimisers': did you mean optimizers?"),
        (["optimizers", "larg"], "unknown preset 'larg': did you mean large?"),
        (["optimizers", "--members", "mun", "--tasks", "memory"], "unknown optimizer 'mun'"),
        (["optimizers", "--tasks", "memry"], "unknown task 'memry': did you mean memory"),
        (["optimizers", "--tasks", "language", "--text", "no.txt"], "no.txt: no such text file"),
        (["optimizers", "--tasks", "language"], "needs --text PATH"),
        (["optimizers", "--tasks", "jets", "--jets", "nowhere"], "nowhere: no such folder"),
        (["optimizers", "--tasks", "memory", "--workers", "-1"], "workers is -1"),
        (["optimizers", "--steps", "0"], "steps is 0; at least 1"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLLIDIUM_DATA", raising=False)
    assert main(["bench", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_written_from_a_finished_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_plots, "draw_plots", lambda runs, rows, timings: [])
    command = [
        "bench",
        "optimizers",
        "--members",
        "adamw",
        "muon",
        "--tasks",
        "memory",
        "--steps",
        "2",
        "--workers",
        "0",
    ]
    command += ["--memory.num-facts", "20", "--num-seeds", "1", "--grid-half-width", "0", "-o", "study"]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith("study\n")
    assert main(command) == 2
    assert "output exists already" in capsys.readouterr().err
    assert main([*command, "--docs", "docs"]) == 0
    assert "--memory.num-facts 20" in (tmp_path / "docs" / PAGE_NAME).read_text()
