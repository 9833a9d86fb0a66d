"""Deep Sets, known as particle flow network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from collidium.models._base import Head, JetModel, linears, matrix_size, mlp
from collidium.models._layout import Layout


@dataclass(frozen=True, kw_only=True)
class DeepSetsConfig:
    """Configuration of :class:`DeepSets`; the defaults are the published size.

    Attributes
    ----------
    particle_widths : tuple of int
        Widths of the network on each particle.
    jet_widths : tuple of int
        Widths of the network on the sum.
    """

    particle_widths: tuple[int, ...] = (128, 128, 128)
    jet_widths: tuple[int, ...] = (128, 128, 128)

    def build(self, num_features: int, num_jet_features: int, num_classes: int, *, seed: int) -> DeepSets:
        """Make the model with weights drawn from ``seed``.

        Parameters
        ----------
        num_features, num_jet_features, num_classes : int
            Features of each particle and each jet, and classes, in the data.
        seed : int
            Determines the weights; the global generator is left alone.

        Returns
        -------
        DeepSets
            In training mode.

        Examples
        --------
        >>> sum(p.numel() for p in DeepSetsConfig().build(17, 0, 10, seed=0).parameters())
        86154
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return DeepSets(self, num_features, num_jet_features, num_classes)


class DeepSets(JetModel):
    """``F(sum_i Phi(x_i))`` with perceptrons Phi and F.

    References
    ----------
    Komiske, Metodiev, Thaler, "Energy flow networks: deep sets for particle jets", arXiv:1810.05165, eq. (1.1).

    Examples
    --------
    >>> DeepSetsConfig().build(17, 0, 10, seed=0).num_macs(128)
    4523264
    """

    def __init__(self, config: DeepSetsConfig, num_features: int, num_jet_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_jet_features, num_classes)
        latent = (num_features, *config.particle_widths)[-1]
        self.particle = mlp((num_features, *config.particle_widths))
        self.jet = mlp((latent, *config.jet_widths))
        self.head = Head((latent, *config.jet_widths)[-1], num_classes)

    def logits(self, x: Tensor, p4: Tensor, g: Tensor, layout: Layout) -> Tensor:
        """Compute logits (N, K) from the particle features."""
        latent = layout.sum(self.particle(x).to(self.head.weight.dtype))
        out: Tensor = self.head(self.jet(latent))
        return out

    def num_macs(self, num_particles: int) -> int:
        """Count multiply-adds for one jet."""
        return num_particles * matrix_size(self.particle) + matrix_size(self.jet) + self.head.weight.numel()

    def embeddings(self) -> tuple[nn.Linear, ...]:
        """The first layer of Phi."""
        return linears(self.particle)[:1]
