from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import Cutflow

WEIGHTS = {"s & b": np.array([1.0, 2.0, 0.5, 0.5]), "data": np.ones(3)}
CUTS = [
    ("pt > 500", {"s & b": np.array([True, True, True, False]), "data": np.array([True, False, True])}),
    ("b_tag", {"s & b": np.array([True, False, True, True]), "data": np.array([False, False, True])}),
]
FLOW = Cutflow.of(WEIGHTS, CUTS)


def test_cuts_are_applied_one_after_the_other() -> None:
    assert FLOW.cuts == ("all", "pt > 500", "b_tag")
    assert [row.events for row in FLOW.rows if row.sample == "s & b"] == [4.0, 3.5, 1.5]
    assert [row.raw for row in FLOW.rows if row.sample == "s & b"] == [4, 3, 2]
    last = FLOW.rows[-2]
    assert last.error == np.sqrt(1.0 + 0.25)
    assert (last.relative, last.cumulative) == (1.5 / 3.5, 1.5 / 4.0)


def test_errors_are_binomial_without_weights() -> None:
    passing = np.arange(100) < 30
    row = Cutflow.of({"a": np.ones(100)}, [("cut", {"a": passing})]).rows[1]
    assert row.cumulative_error == pytest.approx(np.sqrt(0.3 * 0.7 / 100))


def test_the_csv_has_every_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(FLOW.csv())))
    assert len(rows) == 6
    assert float(rows[4]["events"]) == 1.5
    assert rows[4]["cut"] == "b_tag"


def test_text_is_aligned_and_latex_escaped() -> None:
    lines = FLOW.text().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "1.5 +- 1.1 (37.5%)" in lines[-1]
    latex = FLOW.latex()
    assert r"s \& b" in latex
    assert r"b\_tag & $1.5 \pm 1.1$ (37.5\%)" in latex
    assert latex.count(r"\\") == 4


def test_an_empty_sample_has_no_efficiency() -> None:
    row = Cutflow.of({"a": np.empty(0)}, [("cut", {"a": np.empty(0, dtype=bool)})]).rows[1]
    assert np.isnan(row.relative)


def test_cuts_speak_of_every_sample() -> None:
    with pytest.raises(InputError, match="does not say which of the 3 events of data pass"):
        Cutflow.of(WEIGHTS, [("cut", {"s & b": np.ones(4, dtype=bool)})])
