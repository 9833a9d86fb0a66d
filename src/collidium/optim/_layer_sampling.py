"""Slot 1: which layers a step moves, and what that saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collidium.optim._pipeline import MatrixStep, Options, Slot, require
from collidium.optim._seeds import seeded_generator

Distribution = str | tuple[float, ...]
NAMED_DISTRIBUTIONS = ("uniform", "all")


def start_layer(distribution: Distribution, num_layers: int, uniform: float) -> int:
    """First layer that moves; all after it move too.

    Parameters
    ----------
    distribution : {"uniform", "all"} or tuple of float
        Every layer alike; always the first; or the probability of each.
    num_layers : int
    uniform : float
        A uniform random number in [0, 1).

    Returns
    -------
    int
        From 0, the layer next to the input.

    Examples
    --------
    >>> start_layer("uniform", 4, 0.6), start_layer("all", 4, 0.6), start_layer((0.5, 0.5, 0.0), 3, 0.6)
    (2, 0, 1)
    """
    if isinstance(distribution, str):
        return 0 if distribution == "all" else int(uniform * num_layers)
    reached = 0.0
    for layer, probability in enumerate(distribution):
        reached += probability
        if uniform < reached:
            return layer
    return max(layer for layer, probability in enumerate(distribution) if probability > 0.0)


def expected_cost(probabilities: Sequence[float], costs: Sequence[float]) -> float:
    """Mean cost of the backward passes when layers ``s`` to the last are differentiated with probability ``p_s``.

    Parameters
    ----------
    probabilities : sequence of float
        ``p_s`` of each layer, sum one.
    costs : sequence of float
        Cost of the backward pass of each layer, for example in operations.

    Returns
    -------
    float
        ``sum_s p_s (costs[s] + ... + costs[-1])``, in the unit of the costs.

    Examples
    --------
    >>> expected_cost([0.5, 0.5], [3.0, 1.0])
    2.5
    """
    return sum(p * sum(costs[start:]) for start, p in enumerate(probabilities))


def next_active(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Parameters that the next step moves, as far as their gradients come.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        `DropMuon`, or what `for_model` made of it.

    Returns
    -------
    list of Tensor
        Set ``requires_grad`` to False on the others before the forward pass, and the backward pass stops where the
        step begins.

    Examples
    --------
    >>> from collidium.optim import DropMuon
    >>> weights = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(3)]
    >>> optimizer = DropMuon(weights, distribution=(0.0, 0.0, 1.0))
    >>> [any(one is weight for one in next_active(optimizer)) for weight in weights]
    [False, False, True]
    """
    return [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"][_start(group, _draws(optimizer, group)) if "distribution" in group else 0 :]
    ]


def _draws(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> int:
    """Draws made so far; layers that rest without a gradient lag behind the others."""
    states = [optimizer.state[parameter] for parameter in group["params"] if parameter in optimizer.state]
    return max((int(state["draws"]) for state in states if "draws" in state), default=0)


def _start(options: Mapping[str, Any], draws: int) -> int:
    generator = seeded_generator(int(options["seed"]), draws)
    uniform = float(torch.rand((), generator=generator, dtype=torch.float64))
    return start_layer(options["distribution"], len(options["params"]), uniform)


def _check(options: Options) -> None:
    distribution = options["distribution"]
    if isinstance(distribution, str):
        require(options, "distribution", distribution in NAMED_DISTRIBUTIONS, "'uniform', 'all' or probabilities")
        return
    is_distribution = min(distribution, default=-1.0) >= 0.0 and abs(sum(distribution) - 1.0) < 1e-6
    require(options, "distribution", is_distribution, "probabilities >= 0 with sum 1")
    num_layers = len(options["params"])
    require(
        options, "distribution", len(distribution) == num_layers, f"one probability for each of {num_layers} layers"
    )


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"draws": torch.zeros((), dtype=torch.int64)}


def _keep_active(matrices: list[MatrixStep], options: Options) -> None:
    draws = max((int(matrix.state["draws"]) for matrix in matrices), default=0)
    for matrix in matrices:
        matrix.state["draws"].fill_(draws + 1)
    active = {id(parameter) for parameter in options["params"][_start(options, draws) :]}
    matrices[:] = [matrix for matrix in matrices if id(matrix.weight) in active]


LAYER_SAMPLING = Slot(
    number=1,
    variant="all layers from a random one on; the others rest",
    defaults={"distribution": "uniform", "seed": 0},
    check=_check,
    initial_state=_initial_state,
    advance=_keep_active,
    scope="group",
)
