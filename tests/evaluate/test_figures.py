from __future__ import annotations

import json
import math

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.evaluate import Evaluation, Predictions, evaluate_predictions


def test_json_round_trip_keeps_every_figure() -> None:
    label = np.arange(60) % 3
    p = np.eye(3)[label] * 0.8 + 0.2 / 3.0  # no background passes: infinite rejections
    jets = Predictions(np.arange(60, dtype=np.uint64), label, np.ones(60), p, ("QCD", "top", "W"))
    figures = evaluate_predictions(jets, num_replicas=10)
    assert math.isinf(figures.pairs[0].rejections[0].rejection.value)
    document = figures.to_json()
    assert json.loads(document)["pairs"][0]["rejections"][0]["rejection"]["value"] is None
    assert "Infinity" not in document
    assert "NaN" not in document
    assert Evaluation.from_json(document) == figures


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"classes": ["a"]}'])
def test_damaged_json_is_an_input_error(document: str) -> None:
    with pytest.raises(InputError, match="damaged document"):
        Evaluation.from_json(document)
