"""The bar leaves the terminal as it was, whatever happens."""

from __future__ import annotations

import io
import sys
from types import ModuleType

import pytest
from rich.console import Console

from collidium.artifact import InputError
from collidium.cli import main
from collidium.cli._progress import TerminalProgress

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.mark.parametrize(("error", "code"), [(InputError("no such column"), 2), (KeyboardInterrupt(), 130)])
def test_the_cursor_comes_back_after_an_error_in_the_middle(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()

    def run(_: list[str]) -> int:
        progress = TerminalProgress(Console(file=terminal, force_terminal=True))
        progress.start("fit", 10, "toys")
        progress.advance(3)
        raise error

    verb = ModuleType("collidium.cli._fit")
    verb.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "collidium.cli._fit", verb)
    assert main(["fit"]) == code
    assert HIDE_CURSOR in terminal.getvalue()
    assert terminal.getvalue().rindex(SHOW_CURSOR) > terminal.getvalue().rindex(HIDE_CURSOR)
    assert TerminalProgress.shown is None


def test_a_finished_bar_is_not_stopped_again() -> None:
    progress = TerminalProgress(Console(file=io.StringIO(), force_terminal=True))
    progress.start("fit", 1, "toys")
    progress.finish()
    assert TerminalProgress.shown is None


def test_what_an_earlier_call_has_done_does_not_count_as_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("collidium.cli._progress.time.monotonic", lambda: now)
    log = io.StringIO()
    progress = TerminalProgress(Console(file=log, width=200))
    progress.start("generate", 1000, "jets")
    progress.skip(700)
    now += 20.0
    progress.advance(100)
    assert log.getvalue() == "generate: 800 of 1,000 jets, 5/s, 0:40 left\n"


def test_a_bar_takes_what_is_done_already_without_time() -> None:
    now = 0.0
    progress = TerminalProgress(Console(file=io.StringIO(), force_terminal=True, get_time=lambda: now))
    progress.start("generate", 1000, "jets")
    assert progress._bar is not None
    (task,) = progress._bar.tasks
    progress.skip(700)
    assert (task.completed, task.total, task.speed) == (700, 1000, None)
    for done in (50, 0, 50, 50):
        progress.skip(done)
        now += 10.0
        progress.advance(10)
    assert (task.completed, task.speed, task.time_remaining) == (890, 1.0, 110)
    progress.finish()
