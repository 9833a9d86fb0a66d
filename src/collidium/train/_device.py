"""Where and in which precision a model computes, and its randomness."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from collidium.artifact import InputError


def find_device(name: str) -> torch.device:
    """Resolve the name of a device.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"} or any torch device
        ``auto`` is a GPU where there is one and the CPU elsewhere.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    InputError
        If it is no device, or a GPU that is not there.

    Examples
    --------
    >>> find_device("cpu").type
    'cpu'
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device {name!r} is not known to torch; auto, cpu or cuda is needed") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name!r}: torch finds no CUDA GPU here; use cpu or auto")
    return device


def is_bfloat16(precision: str, device: torch.device) -> bool:
    """Tell whether matrix products are rounded to bfloat16.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``auto`` is bfloat16 on a GPU, whose matrix units want it, and float32 on a CPU, as only some have such units.
    device : torch.device
        Where the model computes.

    Returns
    -------
    bool
        For ``torch.autocast``.

    Examples
    --------
    >>> is_bfloat16("auto", torch.device("cpu")), is_bfloat16("bfloat16", torch.device("cpu"))
    (False, True)
    """
    return precision == "bfloat16" or (precision == "auto" and device.type == "cuda")


@contextmanager
def step_randomness(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Make torch's default generators a function of (seed, step) inside the block, and as they were after it.

    Parameters
    ----------
    seed, step : int
        They decide what dropout draws, alone; so a resumed run draws the same.
    device : torch.device
        Its generator and that of the CPU are set.

    Examples
    --------
    >>> def draw(step):
    ...     with step_randomness(0, step, torch.device("cpu")):
    ...         return torch.rand(1)
    >>> bool(draw(3) == draw(3)), bool(draw(3) == draw(4))
    (True, False)
    """
    mixed = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(mixed)
        yield
