"""Multilayer perceptron on the features of the jet as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.models._base import Head, JetModel, linears, matrix_size, mlp
from collidium.models._layout import Layout


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """Configuration of :class:`MLP`.

    Attributes
    ----------
    widths : tuple of int
        Hidden widths.
    """

    widths: tuple[int, ...] = (64, 32, 32)

    def build(self, num_features: int, num_jet_features: int, num_classes: int, *, seed: int) -> MLP:
        """Make the model with weights drawn from ``seed``.

        Parameters
        ----------
        num_features, num_jet_features, num_classes : int
            Features of each particle and each jet, and classes, in the data.
        seed : int
            Determines the weights; the global generator is left alone.

        Returns
        -------
        MLP
            In training mode.

        Raises
        ------
        InputError
            If the data has no jet features.

        Examples
        --------
        >>> sum(p.numel() for p in MLPConfig().build(0, 16, 5, seed=0).parameters())
        4389
        """
        if num_jet_features == 0:
            raise InputError("the mlp reads jet features and the data has 0: choose a feature set with jet features")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return MLP(self, num_features, num_jet_features, num_classes)


class MLP(JetModel):
    """Linear-ReLU layers on jet features; the baseline of trigger studies.

    Examples
    --------
    >>> MLPConfig().build(0, 16, 5, seed=0).num_macs(100)
    4256
    """

    def __init__(self, config: MLPConfig, num_features: int, num_jet_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_jet_features, num_classes)
        self.body = mlp((num_jet_features, *config.widths))
        self.head = Head((num_jet_features, *config.widths)[-1], num_classes)

    def logits(self, x: Tensor, p4: Tensor, g: Tensor, layout: Layout) -> Tensor:
        """Compute logits (N, K) from ``g`` alone."""
        out: Tensor = self.head(self.body(g))
        return out

    def num_macs(self, num_particles: int) -> int:
        """Count multiply-adds for one jet, whatever its number of particles."""
        return matrix_size(self)

    def embeddings(self) -> tuple[nn.Linear, ...]:
        """The first layer."""
        return linears(self.body)[:1]
