"""State dicts: matching by parameter name, and restoring state in the precision that the rules keep it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Group = Mapping[str, Any]
STRUCTURE = ("params", "param_names", "view", "split_sizes")
"""Entries of a group that belong to the model, not to the checkpoint: state is kept for whole parameters."""
HOOKS = ("attention", "inputs")
"""Entries of a group that hold objects which the model reports to: they are neither saved nor loaded."""


def in_order_of_names(state_dict: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Saved state with groups and parameters in the order of the optimizer that takes it.

    Parameters
    ----------
    state_dict : Mapping
        Saved ``state`` and ``param_groups``.
    groups : sequence of Mapping
        Parameter groups of the optimizer.

    Returns
    -------
    dict
        ``state_dict`` itself in content, re-ordered if both sides have parameter names.

    Raises
    ------
    ValueError
        If names are missing or in excess, or a group's rule differs from the saved one.
    """
    saved: Sequence[Group] = state_dict["param_groups"]
    if all("param_names" in group for group in (*saved, *groups)):
        saved = _regrouped(saved, groups)
    for mine, theirs in zip(groups, saved, strict=False):
        if mine["rule"] != theirs.get("rule"):
            raise ValueError(f"saved group has rule {theirs.get('rule')!r}; this optimizer has {mine['rule']!r}")
    merged = [dict(group) for group in saved]
    for target, mine in zip(merged, groups, strict=False):
        target.update({key: mine[key] for key in ("view", "split_sizes") if key in mine})
    return {**state_dict, "param_groups": merged}


def restore_state(
    optimizer: torch.optim.Optimizer,
    state_dict: Mapping[str, Any],
    initial_state: Callable[[Tensor, dict[str, Any]], dict[str, Tensor]],
) -> None:
    """Copy saved tensors into new state of the right precision and device.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its ``state`` is replaced.
    state_dict : Mapping
        Saved state, in the optimizer's order.
    initial_state : callable
        ``(weight, group) -> dict`` of new state tensors.

    Raises
    ------
    ValueError
        If the saved entries of a parameter are not those that its rule keeps, or have another shape.
    """
    for group, saved in zip(optimizer.param_groups, state_dict["param_groups"], strict=True):
        for weight, key in zip(group["params"], saved["params"], strict=True):
            entries: Mapping[str, Tensor] = state_dict["state"].get(key, {})
            if not entries:
                continue
            state = initial_state(weight, group)
            if state.keys() != entries.keys():
                raise ValueError(f"saved state of parameter {key} has {sorted(entries)}; {sorted(state)} is needed")
            for name, tensor in state.items():
                if tensor.shape != entries[name].shape:
                    raise ValueError(
                        f"saved {name} of parameter {key} has shape {tuple(entries[name].shape)}; "
                        f"{tuple(tensor.shape)} is needed"
                    )
                tensor.copy_(entries[name])
            optimizer.state[weight] = state


def _regrouped(saved: Sequence[Group], groups: Sequence[Group]) -> list[Group]:
    """Saved groups, cut and ordered like ``groups`` by parameter name."""
    place = {
        name: (group, key) for group in saved for name, key in zip(group["param_names"], group["params"], strict=True)
    }
    wanted = [name for group in groups for name in group["param_names"]]
    if differing := sorted(set(wanted) ^ set(place)):
        raise ValueError(f"saved and present parameters differ: {', '.join(differing)}")
    regrouped: list[Group] = []
    for group in groups:
        sources = [place[name] for name in group["param_names"]]
        if any(_options(source) != _options(sources[0][0]) for source, _ in sources):
            raise ValueError(f"parameters {', '.join(group['param_names'])} had different options when saved")
        keys = [key for _, key in sources]
        options = _options(sources[0][0]) if sources else dict(group)
        regrouped.append({**options, "params": keys, "param_names": list(group["param_names"])})
    return regrouped


def _options(group: Group) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in STRUCTURE}
