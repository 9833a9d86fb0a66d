from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.evaluate import Evaluation, Interval, Predictions, evaluate_predictions


def test_json_round_trip_keeps_every_figure() -> None:
    label = np.arange(60) % 3
    p = np.eye(3)[label] * 0.8 + 0.2 / 3.0  # no background passes: infinite rejections
    jets = Predictions(np.arange(60, dtype=np.uint64), label, np.ones(60), p, ("QCD", "top", "W"))
    figures = evaluate_predictions(jets, num_replicas=10)
    assert math.isinf(figures.pairs[0].rejections[0].rejection.value)
    document = figures.to_json()
    assert json.loads(document)["pairs"][0]["rejections"][0]["rejection"]["value"] == "inf"
    assert "Infinity" not in document
    assert "NaN" not in document
    assert Evaluation.from_json(document) == figures


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"classes": ["a"]}'])
def test_damaged_json_is_an_input_error(document: str) -> None:
    with pytest.raises(InputError, match="damaged document"):
        Evaluation.from_json(document)


def written() -> Evaluation:
    label = np.arange(60) % 2
    p = np.eye(2)[label] * 0.8 + 0.1
    jets = Predictions(np.arange(60, dtype=np.uint64), label, np.ones(60), p, ("QCD", "top"))
    return evaluate_predictions(jets, num_replicas=5)


def test_undefined_and_infinite_figures_stay_apart() -> None:
    figures = written()
    point = figures.pairs[0].rejections[0]
    odd = Interval(value=math.nan, low=1.0, high=math.inf)
    changed = replace(
        figures,
        nll=Interval(value=-math.inf, low=math.nan, high=math.inf),
        ece_floor=math.nan,
        pairs=(replace(figures.pairs[0], rejections=(replace(point, rejection=odd, threshold=math.inf),)),),
    )
    assert repr(Evaluation.from_json(changed.to_json())) == repr(changed)


@pytest.mark.parametrize(
    "damage",
    [
        {"accuracy": [1]},
        {"accuracy": None},
        {"accuracy": {"value": "much", "low": 0.0, "high": 1.0}},
        {"accuracy": {"value": True, "low": 0.0, "high": 1.0}},
        {"num_jets": "60"},
        {"num_jets": -1},
        {"seed": None},
        {"level": 10**400},
        {"classes": "QCD"},
        {"classes": [1, 2]},
        {"background": "W"},
        {"jets_per_class": [30]},
        {"confusion": [[1.0, 2.0]]},
        {"pairs": {}},
        {"pairs": [{}]},
        {"pairs": [[]]},
    ],
)
def test_a_damaged_figure_is_one_line_that_names_the_document(tmp_path: Path, damage: dict[str, object]) -> None:
    document = tmp_path / "metrics.json"
    document.write_text(json.dumps(json.loads(written().to_json()) | damage))
    for path in (document, tmp_path):
        with pytest.raises(InputError, match=r"metrics\.json: metrics: damaged document") as caught:
            Evaluation.read(path)
        assert str(document) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"", b"[" * 100_000, b'{"accuracy": [1]}'])
def test_a_document_that_is_no_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.json: metrics: damaged document"):
        Evaluation.read(tmp_path)


def test_reading_gives_what_was_written_and_an_absent_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; evaluate the run first"):
        Evaluation.read(tmp_path / "metrics.json")
    (tmp_path / "metrics.json").write_text(written().to_json())
    assert Evaluation.read(tmp_path) == Evaluation.read(tmp_path / "metrics.json") == written()
