"""The members of the family, one frozen record each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch.optim.optimizer import Optimizer

from collidium.optim._adamw import ADAMW, AdamW
from collidium.optim._matrix_optimizer import Rule
from collidium.optim._muon import MUON, Muon


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
    composition : tuple of str
        The filled slots, one line each.
    defaults : Mapping
        Published options.
    recipe : Mapping
        Options that `for_model` uses instead, so that one learning rate serves matrices and the rest.
    reference : str
        Publication.
    state_bytes : float
        Bytes of state per float32 parameter.
    claim : str
        What the publication claims, in its own terms.
    """

    name: str
    build: Callable[..., Optimizer]
    rule: Rule
    composition: tuple[str, ...]
    defaults: Mapping[str, object]
    recipe: Mapping[str, object]
    reference: str
    state_bytes: float
    claim: str


OPTIMIZERS: Mapping[str, OptimizerInfo] = MappingProxyType(
    {
        "adamw": OptimizerInfo(
            name="adamw",
            build=AdamW,
            rule=ADAMW,
            composition=ADAMW.describe(),
            defaults=MappingProxyType({"lr": 1e-3, **ADAMW.defaults}),
            recipe=MappingProxyType({"betas": (0.9, 0.95), "weight_decay": 0.1}),
            reference="I. Loshchilov and F. Hutter, arXiv:1711.05101",
            state_bytes=8.0,
            claim="decay decoupled from the gradient generalises better than L2 regularisation under Adam",
        ),
        "muon": OptimizerInfo(
            name="muon",
            build=Muon,
            rule=MUON,
            composition=MUON.describe(),
            defaults=MappingProxyType({"lr": 0.02, **MUON.defaults}),
            recipe=MappingProxyType({"shape_factor": "match_rms", "weight_decay": 0.1}),
            reference="K. Jordan et al. (2024); J. Liu et al., arXiv:2502.16982",
            state_bytes=4.0,
            claim="about twice the compute efficiency of AdamW with decay and matched update RMS",
        ),
    }
)
