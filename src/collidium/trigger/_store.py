"""States of optimizers as tensors, and configurations on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from collidium.artifact import InputError


def optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """State of optimizers as tensors named ``optimizer/parameter/entry``; the groups carry ``param_names``."""
    return {
        f"{label}/{name}/{entry}": value
        for label, optimizer in optimizers.items()
        for name, key in _keys(optimizer).items()
        for entry, value in optimizer.state_dict()["state"].get(key, {}).items()
    }


def load_optimizers(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Give optimizers the state of :func:`optimizer_tensors`; their options stay as they are."""
    for label, optimizer in optimizers.items():
        keys = _keys(optimizer)
        state: dict[int, dict[str, Tensor]] = {}
        for full, value in tensors.items():
            owner, _, rest = full.partition("/")
            name, _, entry = rest.rpartition("/")
            if owner == label:
                state.setdefault(keys[name], {})[entry] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _keys(optimizer: torch.optim.Optimizer) -> dict[str, int]:
    groups = optimizer.state_dict()["param_groups"]
    return {name: key for group in groups for name, key in zip(group["param_names"], group["params"], strict=True)}


def revive(value: object, types: Mapping[str, type]) -> Any:
    """Make configurations again from what ``to_plain`` made of them.

    Parameters
    ----------
    value : object
        Content of a JSON document.
    types : mapping of str to type
        Dataclasses by name.

    Returns
    -------
    object
        Mappings with a ``type`` as that dataclass, lists as tuples.

    Raises
    ------
    InputError
        If a type is unknown or its fields differ.

    Examples
    --------
    >>> from collidium.trigger import BetaSchedule
    >>> revive({"type": "BetaSchedule", "points": [[0.0, 1e-6]]}, {"BetaSchedule": BetaSchedule})
    BetaSchedule(points=((0.0, 1e-06),))
    """
    if isinstance(value, list):
        return tuple(revive(item, types) for item in value)
    if not isinstance(value, dict):
        return value
    fields = {name: revive(item, types) for name, item in value.items() if name != "type"}
    try:
        return types[value["type"]](**fields)
    except (KeyError, TypeError) as error:
        raise InputError(f"no configuration of this version ({error})") from error


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises
    ------
    InputError
        If it is absent or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
