"""Certificate of a trained network: a bound of its Lipschitz constant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

SLOPES: Mapping[type[nn.Module], float] = MappingProxyType(
    {
        nn.Identity: 1.0,
        nn.Flatten: 1.0,
        nn.ReLU: 1.0,
        nn.Tanh: 1.0,
        nn.Softplus: 1.0,
        nn.Sigmoid: 0.25,
        nn.GELU: 1.13,
        nn.SiLU: 1.1,
    }
)
"""Steepest slopes, rounded up: 1.1290 for GELU and 1.0999 for SiLU. Softplus has slope one for every beta."""


@dataclass(frozen=True)
class LipschitzCertificate:
    """Bound of a network and what it is the product of; ``str()`` is the printed table.

    Parameters
    ----------
    factors : tuple of (str, float)
        Name and Lipschitz constant of every layer, in the Euclidean norm.
    """

    factors: tuple[tuple[str, float], ...]

    @property
    def bound(self) -> float:
        """``K`` with ``||f(x) - f(y)|| <= K ||x - y||``."""
        return math.prod(factor for _, factor in self.factors)

    def __str__(self) -> str:
        rows = [*self.factors, ("product", self.bound)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name.ljust(width)}  {factor:.6g}" for name, factor in rows)


def lipschitz_certificate(model: nn.Module) -> LipschitzCertificate:
    """Product bound of a plain network: linear layers and activations, one after the other.

    Parameters
    ----------
    model : nn.Module
        A linear layer, an activation, or a sequence of them, nested at will. Dropout counts as switched off.

    Returns
    -------
    LipschitzCertificate
        With the exact spectral norms of the weights, from singular values in float64.

    Raises
    ------
    ValueError
        If a layer's constant is not known, for example of a normalisation, which has none.

    References
    ----------
    L. Newhouse et al., Training Transformers with Enforced Lipschitz Constants, arXiv:2507.13338.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    >>> _ = model[0].weight.data.copy_(torch.tensor([[0.0, 3.0], [1.0, 0.0]]))
    >>> print(lipschitz_certificate(model))
    0        3
    1        1
    product  3
    """
    return LipschitzCertificate(tuple(_factors("", model)))


def _factors(name: str, module: nn.Module) -> Iterator[tuple[str, float]]:
    if isinstance(module, nn.Sequential):
        for child_name, child in module.named_children():
            yield from _factors(f"{name}.{child_name}" if name else child_name, child)
    elif isinstance(module, nn.Linear):
        yield name or "linear", float(torch.linalg.svdvals(module.weight.detach().double())[0])
    elif isinstance(module, nn.LeakyReLU):
        yield name, max(1.0, abs(module.negative_slope))
    elif isinstance(module, nn.Dropout):
        yield name, 1.0
    elif type(module) in SLOPES:
        yield name, SLOPES[type(module)]
    else:
        raise ValueError(f"layer {name or 'model'} is a {type(module).__name__}, whose Lipschitz constant is not known")
