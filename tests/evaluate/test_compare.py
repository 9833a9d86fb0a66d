from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.evaluate import Predictions, compare, p_value


def tagger(strength: float, *, num_jets: int = 1000, noise: int = 0, seed: int = 0) -> Predictions:
    """A tagger on jets of one sample; `noise` seeds what is its own, the jets share the rest."""
    label = np.arange(num_jets) % 2
    shared = np.random.default_rng(seed).normal(size=num_jets)
    own = 0.3 * np.random.default_rng([seed, noise]).normal(size=num_jets)
    p = 1.0 / (1.0 + np.exp(-(strength * (label - 0.5) + shared + own)))
    ids = np.arange(num_jets, dtype=np.uint64)
    return Predictions(ids, label, np.ones(num_jets), np.stack([1 - p, p], axis=1), ("QCD", "top"))


def figures(comparison):
    return {figure.name: figure for figure in comparison.figures}


def test_a_better_tagger_is_found_better_in_every_figure() -> None:
    found = figures(compare(tagger(3.0, noise=1), tagger(2.0, noise=2), num_replicas=200))
    area, rejection = found["auc_one_vs_one"], found["rejection top vs QCD at 0.5"]
    assert area.change.low > 0.0
    assert area.p_value < 0.02
    assert area.change.value == pytest.approx(area.a.value - area.b.value)
    assert rejection.kind == "ratio"
    assert rejection.change.value == pytest.approx(rejection.a.value / rejection.b.value)
    assert rejection.change.low > 1.0


def test_swapping_the_taggers_mirrors_the_differences() -> None:
    a, b = tagger(3.0, noise=1), tagger(2.5, noise=2)
    there, back = figures(compare(a, b, num_replicas=50)), figures(compare(b, a, num_replicas=50))
    for name in ("accuracy", "auc_one_vs_one", "auc top vs QCD"):
        assert there[name].change.value == pytest.approx(-back[name].change.value)
        assert there[name].change.low == pytest.approx(-back[name].change.high)
        assert there[name].p_value == back[name].p_value


def test_pairing_makes_the_interval_narrower_than_two_independent_ones() -> None:
    found = figures(compare(tagger(2.0, noise=1), tagger(2.0, noise=2), num_replicas=300))["auc_one_vs_one"]
    alone = np.hypot(found.a.high - found.a.low, found.b.high - found.b.low)
    assert found.change.high - found.change.low < 0.7 * alone


def test_p_values_of_equal_taggers_are_uniform() -> None:
    values = [
        figures(
            compare(
                tagger(2.0, num_jets=200, noise=1, seed=s), tagger(2.0, num_jets=200, noise=2, seed=s), num_replicas=100
            )
        )["auc_one_vs_one"].p_value
        for s in range(50)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 50))
    assert np.mean(np.array(values) < 0.2) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 50))


def test_jets_are_matched_by_event_number() -> None:
    a, b = tagger(3.0, noise=1), tagger(2.0, noise=2)
    order = np.random.default_rng(0).permutation(1000)
    assert compare(a, b.take(order), num_replicas=20) == compare(a, b, num_replicas=20)
    part = compare(a.take(np.arange(900)), b.take(np.arange(100, 1000)), num_replicas=20)
    assert (part.num_jets, part.num_only_a, part.num_only_b) == (800, 100, 100)


def test_what_cannot_be_compared_is_refused() -> None:
    a = tagger(2.0)
    other = Predictions(a.event_id, a.label, a.weight, a.probabilities, ("QCD", "W"))
    flipped = Predictions(a.event_id, 1 - a.label, a.weight, a.probabilities, a.classes)
    elsewhere = Predictions(a.event_id + np.uint64(5000), a.label, a.weight, a.probabilities, a.classes)
    double = a.take(np.append(np.arange(1000), 0))
    for b, message in ((other, "differ"), (flipped, "disagree"), (elsewhere, "no labelled jet"), (double, "repeats")):
        with pytest.raises(InputError, match=message):
            compare(a, b, num_replicas=10)


def test_p_value_counts_the_rarer_side() -> None:
    assert p_value([1.0] * 97 + [-1.0] * 2) == pytest.approx(2 * 3 / 100)
    assert p_value([0.0] * 10) == 1.0
