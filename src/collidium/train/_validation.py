"""How good a model is on a split it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from collidium.cloud import Cloud
from collidium.train._step import validation_step


def validate(
    model: nn.Module,
    batches: Iterable[Cloud],
    *,
    class_weights: Tensor | None = None,
    bfloat16: bool = False,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, float] | None:
    """Compute loss and accuracy over all batches.

    Parameters
    ----------
    model : nn.Module
        Gives logits (N, K) for a cloud; put into evaluation mode and back.
    batches : iterable of Cloud
        On the model's device.
    class_weights : Tensor, (K,), 1, optional
        Factors of the classes in the loss.
    bfloat16 : bool
        Run under autocast.
    is_stopped : callable
        Asked after each batch whether to give up.

    Returns
    -------
    dict or None
        ``val_loss``, the weighted mean as :func:`collidium.objectives.cross_entropy` defines it, and ``val_accuracy``,
        the weighted share of labelled jets given their own class; None if stopped. How the jets are batched
        changes both by rounding only.
    """
    was_training = model.training
    model.eval()
    sums = []
    for batch in batches:
        sums.append(validation_step(model, batch, class_weights=class_weights, bfloat16=bfloat16))
        if is_stopped():
            break
    model.train(was_training)
    if is_stopped():
        return None
    loss, factor, correct, weight = torch.stack(sums).sum(0).tolist()
    return {"val_loss": _ratio(loss, factor), "val_accuracy": _ratio(correct, weight)}


def _ratio(numerator: float, denominator: float) -> float:
    """A weighted mean; NaN where there is no weight."""
    return numerator / denominator if denominator else float("nan")
