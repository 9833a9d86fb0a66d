"""Accuracy and the confusion matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.evaluate._ranking import weights_of


def accuracy(probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Share of jets whose most probable class is the true one.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities, or any scores of which the largest decides; the first of equal ones.
    label : ndarray of int64, (N,)
        True class.
    weight : ndarray, (N,), 1, optional
        Weight of each jet.

    Returns
    -------
    float
        mean [argmax p = y]; NaN without weight.

    Examples
    --------
    >>> accuracy([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]], [0, 0, 0, 1])
    0.75
    """
    is_right = np.argmax(np.asarray(probabilities), axis=1) == np.asarray(label)
    return weighted_mean(is_right.astype(np.float64), weights_of(weight, len(is_right)))


def confusion_matrix(
    probabilities: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Weight of jets by true and predicted class.

    Parameters
    ----------
    probabilities : ndarray, (N, K), 1
        Class probabilities.
    label : ndarray of int64, (N,)
        True class.
    weight : ndarray, (N,), 1, optional
        Weight of each jet.

    Returns
    -------
    ndarray, (K, K), 1
        Row: true class; column: predicted class. Counts, when there are no weights.

    Examples
    --------
    >>> confusion_matrix([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]], [0, 0, 0, 1]).tolist()
    [[2.0, 1.0], [0.0, 1.0]]
    """
    p = np.asarray(probabilities)
    K = p.shape[1]
    cell = np.asarray(label, dtype=np.int64) * K + np.argmax(p, axis=1)
    matrix = np.zeros(K * K)
    np.add.at(matrix, cell, weights_of(weight, len(p)))
    return matrix.reshape(K, K)


def weighted_mean(value: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Mean with weights; NaN without weight."""
    total = weight.sum()
    return float(np.dot(value, weight) / total) if total != 0.0 else float("nan")
