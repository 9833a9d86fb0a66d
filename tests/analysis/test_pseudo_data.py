from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.analysis import Split, TemplatesConfig, regions, split_jets
from collidium.artifact import InputError
from collidium.evaluate import Predictions


def split(predictions: Predictions, weight: np.ndarray | None = None, **settings: float) -> Split:
    config = dataclasses.replace(TemplatesConfig(), **settings)
    score, label = predictions.probabilities[:, 1], predictions.label
    weight = predictions.weight if weight is None else weight
    bins = regions(score, label == 1, label == 0, np.abs(weight), config)
    return split_jets(score, label == 1, label == 0, weight, bins, config)


def test_no_jet_is_template_and_data(predictions: Predictions) -> None:
    found = split(predictions)
    assert not np.any(found.is_observed & (found.template_weight > 0.0))


def test_the_seed_decides(predictions: Predictions) -> None:
    first, again, other = split(predictions), split(predictions), split(predictions, seed=1)
    np.testing.assert_array_equal(first.is_observed, again.is_observed)
    assert not np.array_equal(first.is_observed, other.is_observed)
    assert first.truth != other.truth


def test_pseudo_data_have_the_expected_jets_and_poisson_fluctuations(predictions: Predictions) -> None:
    exact = {"luminosity_error": 0.0, "efficiency_error": 0.0, "mistag_error": 0.0}
    is_signal = predictions.label == 1
    drawn = [split(predictions, seed=seed, signal_strength=2.0, **exact) for seed in range(200)]
    for chosen, strength in ((is_signal, 2.0), (~is_signal, 1.0)):
        data = np.array([np.sum(found.is_observed[chosen]) for found in drawn])
        template = strength * np.array([found.template_weight[chosen].sum() for found in drawn])
        error = np.array([np.sum(found.template_weight[chosen] ** 2) for found in drawn]) * strength**2
        assert data.mean() == pytest.approx(template.mean(), rel=0.02)
        difference = (data - template) / np.sqrt(data + error)
        assert difference.std() == pytest.approx(1.0, abs=0.2)


def test_the_signal_is_the_wanted_fraction(predictions: Predictions) -> None:
    found, is_signal = split(predictions, signal_fraction=0.2), predictions.label == 1
    share = found.template_weight[is_signal].sum() / found.template_weight[~is_signal].sum()
    assert share == pytest.approx(0.2, rel=0.1)


def test_weights_are_unweighted(predictions: Predictions) -> None:
    weight = np.where(predictions.label == 0, 1.0 + predictions.probabilities[:, 1], 1.0)
    found = split(predictions, weight=weight, mistag_error=0.0)
    is_template = (found.template_weight > 0.0) & (predictions.label == 0)
    expected = 0.6 * weight[is_template] / weight[predictions.label == 0].max()
    np.testing.assert_allclose(found.template_weight[is_template], expected)


def test_negative_weights_cannot_be_observed(predictions: Predictions) -> None:
    weight = np.where(np.arange(len(predictions)) == 5, -1.0, 1.0)
    with pytest.raises(InputError, match="negative weights"):
        split(predictions, weight=weight)


def test_more_signal_than_there_is(predictions: Predictions) -> None:
    with pytest.raises(InputError, match="needs more jets than there are"):
        split(predictions, signal_fraction=0.5, signal_strength=5.0)
