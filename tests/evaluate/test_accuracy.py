from __future__ import annotations

import math

import numpy as np
import pytest

from collidium.evaluate import accuracy, confusion_matrix


def test_confusion_counts_every_jet_once_and_its_diagonal_is_the_accuracy() -> None:
    generator = np.random.default_rng(0)
    p, label = generator.dirichlet(np.ones(4), 300), generator.integers(0, 4, 300)
    weight = generator.uniform(0.5, 2.0, 300)
    matrix = confusion_matrix(p, label, weight)
    np.testing.assert_allclose(matrix.sum(axis=1), np.bincount(label, weights=weight, minlength=4))
    np.testing.assert_allclose(matrix.sum(axis=0), np.bincount(p.argmax(1), weights=weight, minlength=4))
    assert np.trace(matrix) / matrix.sum() == pytest.approx(accuracy(p, label, weight))


def test_rows_are_truth() -> None:
    assert confusion_matrix([[0.1, 0.8, 0.1]], [2]).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_accuracy_without_weight_is_not_defined() -> None:
    assert math.isnan(accuracy([[0.4, 0.6]], [1], [0.0]))
