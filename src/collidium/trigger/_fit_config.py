"""How a trigger network is trained."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.optim import Optimizer

from collidium.artifact import InputError, unknown
from collidium.optim import OPTIMIZERS, AdamW, for_model
from collidium.train import SCHEDULES
from collidium.trigger._beta import RAMP, BetaSchedule, CostTarget
from collidium.trigger._losses import OBJECTIVES
from collidium.trigger._network import QuantNetwork
from collidium.trigger._packed_adamw import PackedAdamW


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Settings of a training.

    Attributes
    ----------
    epochs : int
        Passes over the training split.
    batch_size : int
        Samples in a step.
    objective : str
        Key of ``OBJECTIVES``; the name of the objective where :func:`fit` is given one.
    optimizer : str
        Key of ``collidium.optim.OPTIMIZERS``, for the weights; widths and tables go to AdamW.
    lr, width_lr : float, 1
        Learning rates of weights and of widths; a width moves by at most about its rate in a step.
    betas : (float, float), 1
        Decay of the first and of the second moment where AdamW moves weights. Tables want a long second moment (0.999):
        the gradients of edges that are dying get small, and a short one blows them up again.
    width_betas : (float, float), 1
        The same for widths.
    weight_decay : float, 1
        Decoupled decay of the weights; widths are not decayed.
    schedule : str
        Key of ``collidium.train.SCHEDULES``.
    warmup, decay : float, 1
        Fractions of a cycle in which the learning rate rises and, in schedules with a flat part, falls.
    cycles : int
        Times that the schedule is run through, each from the full rate.
    pressure : BetaSchedule or CostTarget
        The factor on the cost in the loss.
    patience : int or None
        Stop after so many validations without a new member of the front.
    collapse : float, 1
        Stop when the merit above that of a constant answer falls below this fraction of the best one's.
    validate_every : int
        Epochs between two validations.
    checkpoint_every : int
        Epochs between two checkpoints.
    calibration_samples : int or None
        Training samples that set the ranges of a network before it is measured; None: all.
    seed : int
        Decides weights and order of the data.

    Raises
    ------
    InputError
        If a value is out of range or a name unknown.
    """

    epochs: int = 100
    batch_size: int = 1024
    objective: str = "cross_entropy"
    optimizer: str = "adamw"
    lr: float = 3e-3
    width_lr: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.95)
    width_betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.0
    decay: float = 0.3
    cycles: int = 1
    pressure: BetaSchedule | CostTarget = RAMP
    patience: int | None = None
    collapse: float = 0.5
    validate_every: int = 1
    checkpoint_every: int = 1
    calibration_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        for name in ("epochs", "batch_size", "cycles", "patience", "validate_every", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, at least 1 is needed")
        for name, is_possible in (
            ("lr", self.lr > 0),
            ("width_lr", self.width_lr >= 0),
            ("weight_decay", self.weight_decay >= 0),
            ("betas", _are_decays(self.betas)),
            ("width_betas", _are_decays(self.width_betas)),
            ("warmup", 0 <= self.warmup < 1),
            ("decay", 0 < self.decay <= 1),
            ("collapse", 0 <= self.collapse < 1),
            ("calibration_samples", self.calibration_samples is None or self.calibration_samples > 0),
        ):
            if not is_possible:
                raise InputError(f"{name} is {getattr(self, name)}, which is out of range")

    def optimizers(self, network: QuantNetwork, decoder: nn.Module | None = None) -> dict[str, Optimizer]:
        """One optimizer for the weights, one for the widths, and one for a decoder; packed networks have one for all.

        Parameters
        ----------
        network : QuantNetwork
            What is trained.
        decoder : Module, optional
            Trained with it, at the rate of the weights by AdamW.

        Returns
        -------
        dict of str to Optimizer
            ``weights``, ``widths`` where any is trained, and ``decoder`` where there is one; ``packed`` stands for the
            first two. Every group has its full learning rate as ``initial_lr``.
        """
        found = self._packed(network) or self._by_layer(network)
        if decoder is not None:
            found["decoder"] = AdamW(list(decoder.named_parameters()), lr=self.lr, weight_decay=self.weight_decay)
        for optimizer in found.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        return found

    def _packed(self, network: QuantNetwork) -> dict[str, Optimizer]:
        """Optimizers of long tensors; none where the network or the rule knows matrices only one by one."""
        packed = network.pack() if self.optimizer == "adamw" and self.weight_decay == 0 else None
        if packed is None:
            return {}
        groups = [
            {"params": [("weights", packed.values)], "lr": self.lr, "betas": self.betas},
            {"params": [("widths", packed.widths)], "lr": self.width_lr, "betas": self.width_betas},
        ]
        return {"packed": PackedAdamW(groups, weight_decay=0.0)}

    def _by_layer(self, network: QuantNetwork) -> dict[str, Optimizer]:
        """Optimizers of all parameters as the layers have them."""
        widths = {id(parameter) for parameter in network.width_parameters()}
        named = [(name, parameter) for name, parameter in network.named_parameters() if id(parameter) in widths]
        for _, parameter in named:
            parameter.requires_grad_(False)
        try:
            weights = for_model(
                network, self.optimizer, lr=self.lr, weight_decay=self.weight_decay, adamw={"betas": self.betas}
            )
        finally:
            for _, parameter in named:
                parameter.requires_grad_(True)
        found: dict[str, Optimizer] = {"weights": weights}
        if named:
            found["widths"] = AdamW(named, lr=self.width_lr, weight_decay=0.0, betas=self.width_betas)
        return found


def _are_decays(betas: tuple[float, float]) -> bool:
    return len(betas) == 2 and all(0 <= beta < 1 for beta in betas)


def check_objective(name: str) -> None:
    """Refuse the name of an objective that is not built in."""
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES)


def set_rates(optimizers: dict[str, Optimizer], factor: float) -> None:
    """Give every group its learning rate for a step."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = factor * group["initial_lr"]
