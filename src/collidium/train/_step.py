"""One step of training and one of validation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from collidium.cloud import Cloud
from collidium.objectives import cross_entropy


@dataclass(frozen=True, kw_only=True)
class StepFigures:
    """What a step tells, still on the device: reading a figure waits for the step, so that is left to the caller.

    Attributes
    ----------
    loss : Tensor, (), 1
        Loss of the batch before the step.
    gradient_norm : Tensor, (), 1
        Global norm of the gradient before clipping.
    """

    loss: Tensor
    gradient_norm: Tensor


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Cloud,
    *,
    class_weights: Tensor | None = None,
    clip: float | None = None,
    bfloat16: bool = False,
) -> StepFigures:
    """Move the weights by one step.

    Parameters
    ----------
    model : nn.Module
        Gives logits (N, K) for a cloud; in training mode.
    optimizer : torch.optim.Optimizer
        Holds the model's parameters, with the learning rates of this step.
    batch : Cloud
        N jets on the model's device.
    class_weights : Tensor, (K,), 1, optional
        Factors of the classes in the loss.
    clip : float, 1, optional
        Largest global norm of the gradient.
    bfloat16 : bool
        Run the model under bfloat16 autocast; weights, gradients and loss stay float32.

    Returns
    -------
    StepFigures
        Loss and gradient norm.
    """
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=bfloat16):
        logits = model(batch)
    loss = cross_entropy(logits, batch.y, batch.w, class_weights=class_weights)
    torch.autograd.backward(loss)
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    if clip is not None:
        nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    optimizer.step()
    return StepFigures(loss=loss.detach(), gradient_norm=norm.detach())


@torch.no_grad()
def validation_step(
    model: nn.Module, batch: Cloud, *, class_weights: Tensor | None = None, bfloat16: bool = False
) -> Tensor:
    """Look at a batch without learning from it.

    Parameters
    ----------
    model : nn.Module
        Gives logits (N, K) for a cloud; in evaluation mode.
    batch : Cloud
        N jets on the model's device.
    class_weights, bfloat16
        As in :func:`train_step`.

    Returns
    -------
    Tensor of float64, (4,), 1
        Sums over the labelled jets, to be added up over a split: weight times class factor times cross-entropy; the
        absolute value of weight times class factor; weight of the jets given their own class; weight.
    """
    with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=bfloat16):
        logits = model(batch)
    weights = batch.w.double() * (batch.y >= 0)
    factors = 1.0 if class_weights is None else class_weights.double()[batch.y.clamp(min=0)]
    total = (weights * factors).abs().sum()
    loss = cross_entropy(logits, batch.y, batch.w, class_weights=class_weights).double()
    return torch.stack([loss * total, total, (weights * (logits.argmax(1) == batch.y)).sum(), weights.sum()])
