"""The record of one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch.optim.optimizer import Optimizer

from collidium.optim._matrix_optimizer import Rule


@dataclass(frozen=True, kw_only=True)
class OptimizerInfo:
    """What there is to know about one optimizer.

    Parameters
    ----------
    name : str
        Key of ``OPTIMIZERS`` and of the parameter groups' ``rule``.
    build : callable
        The optimizer class.
    rule : Rule
        How a group of parameters moves.
    lr : float
        Published learning rate.
    recipe : Mapping
        Options that `for_model` uses instead of the published ones, so that one learning rate serves matrices and the
        rest.
    reference : str
        Publication.
    state_bytes : float
        Bytes of state per parameter of a float32 weight of 256 x 256.
    claim : str
        What the publication claims, in its own terms.
    """

    name: str
    build: Callable[..., Optimizer]
    rule: Rule
    lr: float
    recipe: Mapping[str, object]
    reference: str
    state_bytes: float
    claim: str

    @property
    def composition(self) -> tuple[str, ...]:
        """The filled slots, one line each."""
        return self.rule.describe()

    @property
    def defaults(self) -> Mapping[str, object]:
        """Published options."""
        return MappingProxyType({"lr": self.lr, **self.rule.defaults})
