"""Rows of figures survive kills."""

from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.train._rows import append_row, cut_rows, read_rows


def test_there_and_back_with_every_digit(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [{"step": step, "train_loss": 1 / (step + 3)} for step in range(5)]
    for row in rows:
        append_row(path, row)
    assert read_rows(path) == rows


def test_cutting_keeps_the_bytes_of_what_stays_and_drops_a_torn_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (2, 4, 6):
        append_row(path, {"step": step})
    whole = path.read_bytes()
    with path.open("ab") as stream:
        stream.write(b'{"step": 8, "tr')
    cut_rows(path, 8)
    assert path.read_bytes() == whole
    cut_rows(path, 4)
    assert path.read_bytes() == b'{"step": 2}\n{"step": 4}\n'
    cut_rows(path, 0)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("line", ['{"step": 1', "[1]", '{"loss": 1}', '{"step": "x"}'])
def test_a_damaged_line_is_named(line, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 0}}\n{line}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 2 is damaged"):
        read_rows(path)
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 2 is damaged"):
        cut_rows(path, 5)
