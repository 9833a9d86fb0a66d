from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.evaluate import accuracy, auc, auc_one_vs_one, auc_one_vs_rest, pair_score, rejection_at


@st.composite
def tied_samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties, truth with both classes, weights of both signs whose class sums are not zero."""
    N = draw(st.integers(2, 30))
    score = np.array(draw(st.lists(st.integers(-3, 3), min_size=N, max_size=N)), dtype=float)
    truth = np.array([True, False, *draw(st.lists(st.booleans(), min_size=N - 2, max_size=N - 2))])
    weight = np.array(draw(st.lists(st.sampled_from([-0.5, 0.25, 1.0, 2.0]), min_size=N, max_size=N)))
    weight[:2] = 50.0
    return score, truth, weight


def pair_count(score: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """The definition, pair by pair."""
    total = found = 0.0
    for i in np.flatnonzero(truth):
        for j in np.flatnonzero(~truth):
            product = weight[i] * weight[j]
            total += product
            found += product * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    return found / total


@given(tied_samples())
def test_auc_is_the_pair_count_with_ties_and_weights(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    score, truth, weight = sample
    assert auc(score, truth, weight) == pytest.approx(pair_count(score, truth, weight), rel=0, abs=1e-12)
    assert auc(score, truth) == pytest.approx(pair_count(score, truth, np.ones(len(score))), rel=0, abs=1e-12)


@given(tied_samples())
def test_auc_of_the_reversed_score_is_the_complement(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    score, truth, weight = sample
    assert auc(score, truth, weight) + auc(-score, truth, weight) == pytest.approx(1.0, abs=1e-12)
    assert auc(np.exp(score), truth, weight) == pytest.approx(auc(score, truth, weight), abs=1e-15)


@given(tied_samples())
def test_one_vs_one_and_one_vs_rest_coincide_for_two_classes(
    sample: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    score, truth, weight = sample
    p = 1.0 / (1.0 + np.exp(-score))
    probabilities = np.stack([1.0 - p, p], axis=1)
    label = truth.astype(int)
    one = auc_one_vs_one(probabilities, label, weight)
    assert one == pytest.approx(auc_one_vs_rest(probabilities, label, weight), rel=0, abs=1e-12)
    assert one == pytest.approx(pair_count(probabilities[:, 1], truth, weight), rel=0, abs=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 5), st.booleans())
def test_macro_areas_are_means_of_pair_counts(seed: int, K: int, is_coarse: bool) -> None:
    generator = np.random.default_rng(seed)
    label = np.append(np.arange(K), generator.integers(0, K, 25))
    p = generator.dirichlet(np.ones(K), len(label))
    p = np.round(p, 1) if is_coarse else p
    weight = generator.uniform(0.1, 2.0, len(label))
    one = [
        pair_count(p[both, a], label[both] == a, weight[both])
        for a in range(K)
        for b in range(K)
        if a != b
        for both in [(label == a) | (label == b)]
    ]
    rest = [pair_count(p[:, a], label == a, weight) for a in range(K)]
    assert auc_one_vs_one(p, label, weight) == pytest.approx(np.mean(one), rel=0, abs=1e-12)
    assert auc_one_vs_rest(p, label, weight) == pytest.approx(np.mean(rest), rel=0, abs=1e-12)


def test_the_two_macro_areas_differ_for_three_classes() -> None:
    generator = np.random.default_rng(5)
    label = generator.integers(0, 3, 300)
    p = generator.dirichlet(np.ones(3), 300)
    p[np.arange(300), label] += np.array([0.1, 0.5, 2.0])[label]
    p /= p.sum(axis=1, keepdims=True)
    assert abs(auc_one_vs_one(p, label) - auc_one_vs_rest(p, label)) > 1e-3


def test_absent_classes_are_left_out_and_one_class_has_no_area() -> None:
    p = np.random.default_rng(1).dirichlet(np.ones(4), 60)
    label = np.arange(60) % 2 * 3
    only = p[:, [0, 3]]
    assert auc_one_vs_one(p, label) == pytest.approx(auc_one_vs_one(only, label // 3), abs=1e-15)
    assert math.isnan(auc_one_vs_one(p, np.zeros(60, dtype=int)))
    assert math.isnan(auc_one_vs_rest(p, np.zeros(60, dtype=int)))
    assert math.isnan(auc([0.1, 0.2], [True, True]))


def test_gaussian_separation_has_the_closed_form_area() -> None:
    generator = np.random.default_rng(11)
    N, separation = 200_000, 1.5
    truth = np.arange(N) % 2 == 1
    score = generator.normal(separation * truth)
    expected = 0.5 * (1.0 + math.erf(separation / 2.0))  # Phi(d / sqrt 2)
    assert auc(score, truth) == pytest.approx(expected, abs=4 * 0.0009)  # 4 standard errors of 100k against 100k


def test_pair_score_drops_the_other_classes() -> None:
    p = np.random.default_rng(2).dirichlet(np.ones(5), 50)
    rescaled = p.copy()
    rescaled[:, 4] = 0.0
    rescaled /= rescaled.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pair_score(p, 2, 0), pair_score(rescaled, 2, 0), rtol=1e-12)
    np.testing.assert_allclose(pair_score(p, 2, 0) + pair_score(p, 0, 2), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("score", "truth", "found"),
    [([0.1, float("nan")], [True, False], "jet 1 is NaN"), ([0.1], [True, False], r"\(1,\) and truth \(2,\)")],
)
def test_bad_scores_are_refused(score: list[float], truth: list[bool], found: str) -> None:
    with pytest.raises(InputError, match=found):
        auc(score, truth)


def test_bad_probabilities_and_weights_are_refused() -> None:
    with pytest.raises(InputError, match="jet 1 is NaN"):
        auc_one_vs_one([[0.5, 0.5], [np.nan, 0.5]], [0, 1])
    with pytest.raises(InputError, match=r"\(N, K\)"):
        auc_one_vs_rest([[0.5, 0.5]], [0, 1])
    with pytest.raises(InputError, match=r"weights have shape \(1,\)"):
        auc([0.1, 0.2], [True, False], [1.0])


def test_published_quark_gluon_figures_are_reproduced(shared_data: Callable[[str], Path]) -> None:
    content = np.load(shared_data("qg-benchmark-scores/lorentznet_qg_test_scores.npy"))
    label, probabilities = content[:, 0].astype(int), content[:, 1:]
    assert round(auc(probabilities[:, 1], label == 1), 4) == 0.9161
    assert round(auc_one_vs_one(probabilities, label), 4) == 0.9161
    assert round(accuracy(probabilities, label), 4) == 0.8442
    at_30, at_50 = rejection_at(probabilities[:, 1], label == 1, [0.3, 0.5])
    assert round(at_50.value, 1) == 43.2
    assert round(at_30.value, 1) == 112.9
    for point in (at_30, at_50):  # interpolation moves the figure by less than one background jet
        assert abs(100_000 / point.value - point.num_background) < 1.0
