"""The command line as a user meets it: help, one-line errors, exit codes."""

from __future__ import annotations

import errno
import importlib

import pytest

from collidium.cli import main
from collidium.cli._main import INTERRUPTED, VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code in (0, None)
    output = capsys.readouterr().out
    assert f"usage: collidium {verb}" in output
    assert "--help" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shw"], "unknown verb 'shw': did you mean show?"),
        (["show", "nowhere"], "nowhere: no such folder"),
        (["show"], "Missing from collidium show: PATH"),
        (["train"], "name a recipe first (mlp, pfn"),
        (["train", "jetformr", "data"], "unknown train recipe 'jetformr': did you mean jetformer"),
        (["train", "quickstart", "data"], "recipe 'quickstart' is of kind chain"),
        (["train", "mine.py", "data"], "mine.py: no such recipe file"),
        (["train", "mlp", "data", "--train.epochs", "x"], "Error parsing --train.epochs"),
        (["train", "mlp", "data", "--train.lr", "-1"], "train.lr is -1.0"),
        (["train", "mlp", "nodata"], "nodata"),
        (["train", "mlp", "data", "--train.epohs", "3"], "collidium train mlp: Unrecognized options: --train.epohs"),
        (["generate", "top-vs-qcd", "--classes", "Tpq"], "unknown process 'Tpq': did you mean Tbqq?"),
        (["generate", "top-vs-qcd", "--pt-min", "700"], "pt_min 700"),
        (["convert", "one"], "one or more inputs and the folder to make"),
        (["convert", "missing.root", "out"], "missing.root: no such file or folder"),
        (["evaluate", "norun", "nodata"], "norun: no such folder"),
        (["export", "norun"], "norun: no such folder"),
        (["report", "norun", "nopredictions"], "norun: no such folder"),
        (["run", "quickstrat"], "unknown chain recipe 'quickstrat': did you mean quickstart?"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_no_verb_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: collidium VERB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2, "error: runs/x: No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 2, "error: Disk quota exceeded"),
        (ModuleNotFoundError("No module named 'uproot'", name="uproot"), 2, "error: uproot is not installed: pip"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 2, "error: a worker process ended unexpectedly"),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), 2, "error: runs: Permission denied"),
    ],
)
def test_interrupts_and_the_system_s_errors(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(importlib.import_module("collidium.cli._show"), "run", fail)
    assert main(["show", "x"]) == code
    message = capsys.readouterr().err
    assert message.startswith(words)
    assert message.count("\n") == 1
