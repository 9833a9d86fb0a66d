"""What the optimizers refuse as a gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import torch
from torch import Tensor

from collidium.optim._norms import euclidean_norm


class NonFiniteGradientError(ValueError):
    """A gradient has a NaN, an infinity or an overflowing norm; weights and optimizer state were not touched."""


def refuse_unsupported(name: str, gradient: Tensor) -> None:
    """Raise ValueError on sparse and complex gradients."""
    if gradient.layout != torch.strided:
        raise ValueError(f"gradient of {name} is sparse ({gradient.layout}); a dense gradient is needed")
    if gradient.is_complex():
        raise ValueError(f"gradient of {name} is complex ({gradient.dtype}); a real gradient is needed")


def refuse_non_finite(gradients: Sequence[tuple[str, Tensor]]) -> list[Tensor]:
    """Frobenius norms of gradients; raise if any is not finite.

    Parameters
    ----------
    gradients : sequence of (name, Tensor)
        Only read. One synchronisation per device, however many there are.

    Returns
    -------
    list of Tensor, each ()
        The norms, at least in float32.

    Raises
    ------
    NonFiniteGradientError
        Naming the parameters.

    Examples
    --------
    >>> refuse_non_finite([("w", torch.tensor([1.0, float("nan")]))])
    Traceback (most recent call last):
    ...
    collidium.optim._gradients.NonFiniteGradientError: non-finite gradient in w; nothing was changed
    """
    norms = [euclidean_norm(gradient, _wide_dtype(gradient)) for _, gradient in gradients]
    if all(isfinite(torch.stack(part).sum()) for part in _by_device(norms)):
        return norms
    names = [name for (name, _), norm in zip(gradients, norms, strict=True) if not isfinite(norm)]
    if names:
        raise NonFiniteGradientError(f"non-finite gradient in {', '.join(names)}; nothing was changed")
    return norms


def _wide_dtype(gradient: Tensor) -> torch.dtype:
    return torch.promote_types(gradient.dtype, torch.float32)


def _by_device(tensors: Sequence[Tensor]) -> Iterable[list[Tensor]]:
    groups: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.device, []).append(tensor)
    return groups.values()
