from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from collidium.analysis import SIGNAL_REGION, TemplatesConfig, score_templates
from collidium.artifact import InputError
from collidium.evaluate import Predictions
from collidium.measure import HistFactory, Workspace, fit


def likelihood(predictions: Predictions, **settings: object) -> HistFactory:
    config = dataclasses.replace(TemplatesConfig(), **settings)  # type: ignore[arg-type]
    return HistFactory.of(Workspace.parse(score_templates(predictions, config).document))


def three_classes(predictions: Predictions) -> Predictions:
    """A third of the background called W, with scores of its own."""
    label = np.where((predictions.label == 0) & (np.arange(len(predictions)) % 3 == 0), 2, predictions.label)
    low = np.minimum(predictions.probabilities, 0.5)
    probabilities = np.column_stack([low[:, 0], predictions.probabilities[:, 1], 1.0 - low.sum(axis=1)])
    return dataclasses.replace(predictions, label=label, probabilities=probabilities, classes=("QCD", "top", "W"))


def test_templates_hold_the_jets_of_the_split(predictions: Predictions) -> None:
    templates = score_templates(predictions, TemplatesConfig())
    jets = predictions.by_event()
    for number, name in enumerate(("QCD", "top")):
        events = sum(
            sum(sample["data"])
            for channel in templates.document["channels"]  # type: ignore[attr-defined]
            for sample in channel["samples"]
            if sample["name"] == name
        )
        assert events == pytest.approx(templates.split.template_weight[jets.label == number].sum())
    counts = sum(sum(item["data"]) for item in templates.document["observations"])  # type: ignore[attr-defined]
    assert counts == templates.split.is_observed.sum()


def test_the_order_of_the_jets_does_not_matter(predictions: Predictions) -> None:
    shuffled = predictions.take(np.random.default_rng(0).permutation(len(predictions)))
    config = TemplatesConfig()
    assert score_templates(shuffled, config).document == score_templates(predictions, config).document


def test_the_fit_finds_what_was_put_in(predictions: Predictions) -> None:
    for strength in (0.0, 2.0):
        result = fit(likelihood(predictions, signal_strength=strength))
        error = result.errors[result.parameters.index("mu")]
        assert result["mu"] == pytest.approx(strength, abs=4 * error)
        assert error < 0.5
        assert result["norm_QCD"] == pytest.approx(1.0, abs=0.25)


def test_the_efficiency_keeps_the_number_of_signal_jets(predictions: Predictions) -> None:
    model = likelihood(predictions, luminosity_error=0.0, num_signal_bins=1, num_control_bins=1)
    names = model.parameters.names
    sums = []
    for value in (-1.0, 0.0, 1.0):
        theta = model.parameters.init.copy()
        theta[names.index("efficiency")] = value
        sums.append(model.expected_samples(theta).sum())
    assert sums == pytest.approx([sums[1]] * 3)


def test_other_classes_have_a_rate(predictions: Predictions) -> None:
    model = likelihood(three_classes(predictions), signal="top")
    assert {"mu", "norm_QCD", "other_rate", "mistag"} < set(model.parameters.names)


def test_classes_may_be_swapped(predictions: Predictions) -> None:
    templates = score_templates(predictions, TemplatesConfig(signal="QCD"))
    assert (templates.signal, templates.background) == ("QCD", "top")
    assert templates.regions[0].name == SIGNAL_REGION


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"signal": "tpo"}, "unknown signal class 'tpo': did you mean top"),
        ({"background": "qcd"}, "unknown background class 'qcd'"),
        ({"signal": "top", "background": "top"}, "top is signal and background"),
    ],
)
def test_classes_that_do_not_fit(settings: dict[str, str], words: str, predictions: Predictions) -> None:
    with pytest.raises(InputError, match=words):
        score_templates(predictions, TemplatesConfig(**settings))  # type: ignore[arg-type]


def test_many_classes_need_a_signal(predictions: Predictions) -> None:
    with pytest.raises(InputError, match="name the signal class; the classes are QCD, top, W"):
        score_templates(three_classes(predictions), TemplatesConfig())


def test_a_class_without_jets(predictions: Predictions) -> None:
    with pytest.raises(InputError, match="no jet is of class top"):
        score_templates(predictions.take(predictions.label == 0), TemplatesConfig())


def test_few_jets_make_few_bins(predictions: Predictions) -> None:
    model = likelihood(predictions.take(np.arange(60)))
    assert len(model.observed) <= 4
    assert fit(model)["mu"] < 100.0
