"""What is minimised, and what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from collidium.artifact import InputError
from collidium.detect import NUM_CELLS, cell_distances, telescope_groups
from collidium.objectives import TelescopeScale, TransportKernel, telescope_loss, transport_distance
from collidium.trigger._machine_code import has_compiler, is_plain


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A loss for the gradient and a figure of merit for the choice of networks.

    Attributes
    ----------
    name : str
        Its name in configurations.
    loss : callable
        Mean loss () of outputs (N, ...) and targets (N, ...).
    merit : callable
        Figure of merit of each sample, (N,), of outputs and targets; its mean is reported.
    is_higher_better : bool
        Whether merit grows as networks get better.
    compiled : callable or None
        Loss and its gradient in machine code, of the same; None where there is none for these tensors.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    merit: Callable[[Tensor, Tensor], Tensor]
    is_higher_better: bool
    compiled: Callable[[Tensor, Tensor], tuple[Tensor, Tensor] | None] = lambda output, target: None

    def with_gradient(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss () of outputs (N, ...) and targets (N, ...), and its gradient (N, ...) in the outputs."""
        found = self.compiled(output, target)
        if found is not None:
            return found
        output = output.detach().requires_grad_()
        value = self.loss(output, target)
        return value.detach(), torch.autograd.grad(value, output)[0]


def _compiled_cross_entropy(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
    """Of classes, on the processor; None where it is not a number, as Torch says why."""
    are_classes = target.dim() == 1 and output.dim() == 2 and len(output) == len(target)
    if not (has_compiler() and are_classes and is_plain(output) and target.dtype == torch.int64):
        return None
    from collidium.trigger import _loss_kernel as kernel

    gradient = torch.empty_like(output)
    value = kernel.cross_entropy(output.detach().numpy(), target.numpy(), gradient.numpy())
    return None if isnan(value) else (torch.tensor(value), gradient)


def _is_right(output: Tensor, target: Tensor) -> Tensor:
    return output.argmax(1) == (target if target.dim() == 1 else target.argmax(1))


def _square(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().flatten(1).mean(1) if target.dim() > 1 else (output - target).square()


def _telescope(output: Tensor, charge: Tensor) -> Tensor:
    return telescope_loss(output, _shares(output, charge), _scales(output.dtype))


def _mean_moved(output: Tensor, charge: Tensor) -> Tensor:
    return transport_distance(output, _shares(output, charge), _kernel(output.dtype)).mean()


def _moved(output: Tensor, charge: Tensor) -> Tensor:
    """Entropic earth mover's distance of each module's shape, mm."""
    return transport_distance(_shares(output, output), _shares(output, charge), _kernel(output.dtype))


def _shares(output: Tensor, charge: Tensor) -> Tensor:
    """Charges of trigger cells over their sum; none where there is no charge."""
    if output.shape[1:] != (NUM_CELLS,) or output.shape != charge.shape:
        raise InputError(
            f"objective of trigger cells: answers and charges (N, {NUM_CELLS}) are needed, got "
            f"{tuple(output.shape)} and {tuple(charge.shape)}"
        )
    cells = charge.to(output.dtype)
    return cells / cells.sum(1, keepdim=True).clamp_min(torch.finfo(output.dtype).tiny)


@cache
def _scales(dtype: torch.dtype) -> tuple[TelescopeScale, ...]:
    return tuple(
        TelescopeScale(
            torch.tensor(group.membership, dtype=dtype), torch.tensor(group.weight, dtype=dtype), group.factor
        )
        for group in telescope_groups()
    )


@cache
def _kernel(dtype: torch.dtype) -> TransportKernel:
    return TransportKernel.of(torch.tensor(cell_distances(), dtype=dtype))


OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        objective.name: objective
        for objective in (
            Objective(
                name="cross_entropy",
                loss=functional.cross_entropy,
                merit=_is_right,
                is_higher_better=True,
                compiled=_compiled_cross_entropy,
            ),
            Objective(name="mse", loss=functional.mse_loss, merit=_square, is_higher_better=False),
            Objective(name="telescope", loss=_telescope, merit=_moved, is_higher_better=False),
            Objective(name="transport", loss=_mean_moved, merit=_moved, is_higher_better=False),
        )
    }
)


def baseline_merit(objective: Objective, outputs: Tensor, targets: Tensor) -> float:
    """Merit of the best answer that does not look at the input: the most frequent class, or the mean.

    Parameters
    ----------
    objective : Objective
        What is measured.
    outputs : Tensor, (1, ...)
        Any output, for its shape.
    targets : Tensor, (N, ...)
        Targets.

    Returns
    -------
    float

    Examples
    --------
    >>> baseline_merit(OBJECTIVES["cross_entropy"], torch.zeros(1, 3), torch.tensor([2, 2, 0, 2]))
    0.75
    """
    if targets.dtype == torch.int64 and targets.dim() == 1:
        counts = torch.bincount(targets, minlength=outputs.shape[1]).to(outputs.dtype)
        answer = counts.expand(len(targets), -1)
    else:
        answer = targets.to(outputs.dtype).mean(0, keepdim=True).expand(len(targets), *outputs.shape[1:])
    return float(objective.merit(answer, targets).double().mean())
