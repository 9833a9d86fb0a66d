"""Targets from the probabilities of a larger model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError

if TYPE_CHECKING:
    from collidium.evaluate import Predictions


def soft_targets(
    predictions: Predictions,
    event_id: NDArray[np.uint64],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    share: float,
) -> NDArray[np.float32]:
    """Mix true classes with the probabilities of another model, jet by jet.

    Parameters
    ----------
    predictions : Predictions
        Of the other model, on these jets at least.
    event_id : ndarray of uint64, (N,)
        Numbers of the jets.
    labels : ndarray of int64, (N,)
        Their classes.
    classes : tuple of str, (K,)
        Names of the classes.
    share : float, 1
        ``s`` in (0, 0.5]: weight of the other model.

    Returns
    -------
    ndarray of float32, (N, K), 1
        ``(1 - s) [k = y] + s p_k``; the true class is the largest entry.

    Raises
    ------
    InputError
        If the share is out of range, the classes differ, or a jet has no prediction or another label there.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, Distilling the knowledge in a neural network, arXiv:1503.02531, section 2, at
    temperature 1.

    Examples
    --------
    >>> from collidium.evaluate import Predictions
    >>> jets, probabilities = np.array([7], dtype=np.uint64), np.array([[0.4, 0.6]])
    >>> teacher = Predictions(jets, np.array([0]), np.ones(1), probabilities, ("QCD", "top"))
    >>> soft_targets(teacher, jets, np.array([0]), ("QCD", "top"), share=0.5)
    array([[0.7, 0.3]], dtype=float32)
    """
    if not 0.0 < share <= 0.5:
        raise InputError(f"teacher_share is {share}: a number in (0, 0.5] is needed")
    if set(predictions.classes) != set(classes):
        raise InputError(f"the teacher knows {', '.join(predictions.classes)}; {', '.join(classes)} are needed")
    order = np.argsort(predictions.event_id)
    places = np.searchsorted(predictions.event_id, event_id, sorter=order)
    rows = order[np.minimum(places, len(order) - 1)] if len(order) else np.zeros(len(event_id), dtype=np.int64)
    is_known = predictions.event_id[rows] == event_id if len(order) else np.zeros(len(event_id), dtype=bool)
    if not is_known.all():
        raise InputError(
            f"the teacher has no prediction for {int((~is_known).sum())} of {len(event_id)} jets; "
            "predict the split 'all' of the same dataset"
        )
    columns = [predictions.classes.index(name) for name in classes]
    if (np.take(columns, labels) != predictions.label[rows]).any():
        raise InputError("the teacher's jets have other classes than these; predict the same dataset")
    targets = share * predictions.probabilities[rows][:, columns]
    targets[np.arange(len(labels)), labels] += 1.0 - share
    return targets.astype(np.float32)
