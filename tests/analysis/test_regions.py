from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.analysis import Region, TemplatesConfig, regions
from collidium.artifact import InputError
from collidium.evaluate import Predictions


def chosen(predictions: Predictions, **settings: float) -> tuple[Region, Region]:
    score, label = predictions.probabilities[:, 1], predictions.label
    config = dataclasses.replace(TemplatesConfig(), **settings)
    return regions(score, label == 1, label == 0, predictions.weight, config)


def test_every_jet_is_in_one_region(predictions: Predictions) -> None:
    score = np.append(predictions.probabilities[:, 1], [0.0, 1.0])
    inside = [region.contains(score) for region in chosen(predictions)]
    assert np.all(inside[0] ^ inside[1])


def test_the_signal_region_has_the_wanted_efficiency_in_equal_bins(predictions: Predictions) -> None:
    signal, _ = chosen(predictions, signal_efficiency=0.75, num_signal_bins=3, min_background=1.0)
    events = signal.histogram(predictions.probabilities[predictions.label == 1, 1], np.ones(2000))
    np.testing.assert_allclose(events, 500.0, atol=1.0)


def test_bins_have_enough_background(predictions: Predictions) -> None:
    score = predictions.probabilities[predictions.label == 0, 1]
    for region in chosen(predictions, num_signal_bins=20, num_control_bins=20, min_background=30.0):
        assert region.histogram(score, np.ones(len(score))).min() >= 30.0
        assert region.num_bins > 1


def test_one_bin_is_left_where_there_is_little_background(predictions: Predictions) -> None:
    signal, control = chosen(predictions, min_background=1e6)
    assert (signal.num_bins, control.num_bins) == (1, 1)
    assert signal.edges[0] == control.edges[-1]


def test_weights_move_the_edges(predictions: Predictions) -> None:
    score, label = predictions.probabilities[:, 1], predictions.label
    heavy = np.where(score > 0.9, 5.0, 1.0)
    light, _ = chosen(predictions)
    signal, _ = regions(score, label == 1, label == 0, heavy, TemplatesConfig())
    assert signal.edges[0] > light.edges[0]


def test_a_perfect_tagger_has_no_control_region() -> None:
    label = np.repeat([0, 1], 50)
    score = np.where(label == 1, 0.0, 1.0)
    with pytest.raises(InputError, match="no background is outside of the signal region"):
        regions(score, label == 1, label == 0, np.ones(100), TemplatesConfig())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"signal_fraction": 0.0}, "signal_fraction is 0.0; a number that is positive"),
        ({"signal_strength": -1.0}, "signal_strength is -1.0"),
        ({"signal_efficiency": 1.0}, "signal_efficiency is 1.0; a number that is between 0 and 1"),
        ({"mistag_error": 0.5}, "mistag_error is 0.5; a number that is between 0 and 0.3"),
        ({"num_signal_bins": 0}, "num_signal_bins is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_are_checked(settings: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        TemplatesConfig(**settings)  # type: ignore[arg-type]
