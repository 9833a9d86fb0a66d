from __future__ import annotations

import json
import math

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.evaluate import (
    Predictions,
    accuracy,
    auc,
    auc_one_vs_one,
    auc_one_vs_rest,
    ece,
    ece_floor,
    evaluate_predictions,
    nll,
    pair_score,
    rejection_at,
)


def make(num_jets: int = 600, K: int = 3, strength: float = 1.5) -> Predictions:
    generator = np.random.default_rng(0)
    label = generator.integers(-1, K, num_jets)
    logits = generator.normal(size=(num_jets, K))
    logits[np.arange(num_jets), label] += strength
    p = np.exp(logits)
    return Predictions(
        np.arange(num_jets, dtype=np.uint64),
        label,
        generator.uniform(0.5, 1.5, num_jets),
        p / p.sum(axis=1, keepdims=True),
        ("QCD", "top", "W", "Z", "H")[:K],
    )


def test_figures_are_those_of_the_metric_functions() -> None:
    predictions = make()
    figures = evaluate_predictions(predictions, num_replicas=20)
    known = predictions.labelled()
    arguments = known.probabilities, known.label, known.weight
    assert figures.accuracy.value == pytest.approx(accuracy(*arguments))
    assert figures.auc_one_vs_one.value == pytest.approx(auc_one_vs_one(*arguments), abs=1e-12)
    assert figures.auc_one_vs_rest.value == pytest.approx(auc_one_vs_rest(*arguments), abs=1e-12)
    assert figures.nll.value == pytest.approx(nll(*arguments))
    assert figures.ece.value == pytest.approx(ece(*arguments))
    assert (figures.num_jets, figures.num_unlabelled) == (len(known), len(predictions) - len(known))
    assert sum(figures.jets_per_class) == len(known)
    assert [pair.signal for pair in figures.pairs] == ["top", "W"]
    both = known.take((known.label == 0) | (known.label == 2))
    score = pair_score(both.probabilities, 2, 0)
    assert figures.pairs[1].auc.value == pytest.approx(auc(score, both.label == 2, both.weight), abs=1e-12)
    points = rejection_at(score, both.label == 2, [0.3, 0.5, 0.8], weight=both.weight)
    for found, point in zip(figures.pairs[1].rejections, points, strict=True):
        assert (found.signal_efficiency, found.num_background) == (point.signal_efficiency, point.num_background)
        assert found.rejection.value == pytest.approx(point.value)


def test_intervals_hold_the_figures_and_shrink_with_the_sample() -> None:
    small = evaluate_predictions(make(400), num_replicas=100)
    large = evaluate_predictions(make(6400), num_replicas=100)
    for name in ("accuracy", "auc_one_vs_one", "auc_one_vs_rest", "nll", "ece"):
        a, b = getattr(small, name), getattr(large, name)
        assert a.low <= a.value <= a.high
        assert b.low <= b.value <= b.high
        assert b.high - b.low < a.high - a.low
    for name in ("accuracy", "auc_one_vs_one", "auc_one_vs_rest", "nll"):
        a, b = getattr(small, name), getattr(large, name)
        assert (b.high - b.low) / (a.high - a.low) == pytest.approx(0.25, rel=0.5)  # 16 times the jets
    band = large.pairs[0]
    inside = [low <= b <= high for low, b, high in zip(band.low, band.background_efficiency, band.high, strict=True)]
    assert np.mean(inside) > 0.9


def test_one_class_alone_has_an_accuracy_but_no_area() -> None:
    predictions = make()
    alone = evaluate_predictions(predictions.take(predictions.label == 1), num_replicas=10)
    assert 0.0 < alone.accuracy.value < 1.0
    assert math.isnan(alone.auc_one_vs_one.value)
    assert alone.pairs == ()
    assert json.loads(alone.to_json())["auc_one_vs_one"]["value"] is None


def test_without_labels_there_are_no_figures() -> None:
    predictions = make()
    unlabelled = predictions.take(predictions.label < 0)
    figures = evaluate_predictions(unlabelled)
    assert not figures.has_figures
    assert (figures.num_jets, figures.num_unlabelled, figures.pairs) == (0, len(unlabelled), ())
    content = json.loads(figures.to_json())
    for name in ("accuracy", "auc_one_vs_one", "auc_one_vs_rest", "nll", "ece"):
        assert content[name] == {"value": None, "low": None, "high": None}
    assert content["ece_floor"] is None
    with pytest.raises(InputError, match="unknown background class"):
        evaluate_predictions(unlabelled, background="tau")


def test_with_negative_weights_the_calibration_error_is_that_of_its_function() -> None:
    predictions = make()
    weight = np.where(np.arange(len(predictions)) % 4 == 0, -0.8, 1.0)
    weight[np.argmax(predictions.probabilities, axis=1) == 2] *= -1.0  # bins of negative mass, and a negative part
    subtracted = Predictions(
        predictions.event_id, predictions.label, weight, predictions.probabilities, predictions.classes
    )
    known = subtracted.labelled()
    figures = evaluate_predictions(subtracted, num_replicas=5)
    assert figures.ece.value == pytest.approx(ece(known.probabilities, known.label, known.weight), rel=1e-12)
    assert figures.ece_floor == pytest.approx(ece_floor(known.probabilities, known.label, known.weight), rel=1e-12)
    assert figures.ece.value > 0.0


def test_another_background_changes_the_pairs() -> None:
    figures = evaluate_predictions(make(), background="W", num_replicas=5)
    assert [(pair.signal, pair.background) for pair in figures.pairs] == [("QCD", "W"), ("top", "W")]
