"""What every backbone is: a map from particle clouds to logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.cloud import Cloud
from collidium.models._layout import Dense, Layout, Packed
from collidium.models._norm import CloudBatchNorm


class Head(nn.Linear):
    """The last layer; its logits keep the precision of its weights under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, d) to logits (N, K)."""
        with torch.autocast(x.device.type, enabled=False):
            return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


class FusedProjection(nn.Linear):
    """Query, key and value matrices (d, d) stacked into one (3 d, d)."""

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__(width, 3 * width, bias=bias)

    def reset_parameters(self) -> None:
        """Draw each matrix by itself, as if the three were not stacked (Glorot uniform)."""
        for matrix in self.weight.chunk(3):
            nn.init.xavier_uniform_(matrix)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class JetModel(nn.Module, ABC):
    """Base of the backbones.

    Parameters
    ----------
    num_features : int
        F, features of each particle.
    num_jet_features : int
        G, features of each jet.
    num_classes : int
        K.

    Notes
    -----
    A backbone implements :meth:`logits` once, against a layout. It then has a packed path (:meth:`forward`) and a
    padded one (:meth:`forward_padded`), which agree to rounding.
    """

    def __init__(self, num_features: int, num_jet_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.num_jet_features = num_jet_features
        self.num_classes = num_classes

    @abstractmethod
    def logits(self, x: Tensor, p4: Tensor, g: Tensor, layout: Layout) -> Tensor:
        """Compute logits (N, K) from rows in the given layout."""

    @abstractmethod
    def num_macs(self, num_particles: int) -> int:
        """Count multiply-adds of matrix products, attention included, for one jet.

        Parameters
        ----------
        num_particles : int
            Particles of the jet.

        Returns
        -------
        int
            Multiply-adds of one forward pass.
        """

    @abstractmethod
    def embeddings(self) -> tuple[nn.Linear, ...]:
        """The layers that read features."""

    def forward(self, cloud: Cloud) -> Tensor:
        """Classify jets.

        Parameters
        ----------
        cloud : Cloud
            N jets. Jets in ascending order of length, as the loader makes them, are not copied.

        Returns
        -------
        Tensor, (N, K)
            Logits, in the order of the jets.

        Raises
        ------
        InputError
            If the cloud has other numbers of features than the model.
        """
        self._check(cloud.x.shape[-1], cloud.g.shape[-1])
        lengths = cloud.lengths
        if bool((lengths.diff() >= 0).all()):
            return self.logits(cloud.x, cloud.p4, cloud.g, Packed(lengths))
        order = lengths.argsort(stable=True)
        cloud = cloud.take(order)
        return self.logits(cloud.x, cloud.p4, cloud.g, Packed(cloud.lengths))[order.argsort()]

    def forward_padded(self, x: Tensor, p4: Tensor, mask: Tensor, g: Tensor) -> Tensor:
        """Classify padded jets; the path for exported graphs.

        Parameters
        ----------
        x : Tensor, (N, P, F), 1
            Transformed particle features. Padded rows may hold anything.
        p4 : Tensor, (N, P, 4), GeV
            E, px, py, pz. Padded rows may hold anything.
        mask : Tensor of bool, (N, P)
            True for a particle.
        g : Tensor, (N, G), 1
            Transformed jet features.

        Returns
        -------
        Tensor, (N, K)
            Logits.

        Raises
        ------
        InputError
            If the arrays have other numbers of features than the model.
        """
        self._check(x.shape[-1], g.shape[-1])
        hidden = ~mask[..., None]
        return self.logits(x.masked_fill(hidden, 0), p4.masked_fill(hidden, 0), g, Dense(mask))

    def parameter_roles(self) -> dict[str, str]:
        """Say what each parameter is, for the routing of optimizers.

        Returns
        -------
        dict
            Name to "embedding" (reads features), "head" (writes logits), "matrix" (hidden), "bias", "norm", "token" or
            "scalar" (multiplies channels or heads).
        """
        embeddings = {id(layer.weight) for layer in self.embeddings()}
        roles = {}
        for prefix, module in self.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                full = f"{prefix}.{name}" if prefix else name
                roles[full] = "embedding" if id(parameter) in embeddings else _role(module, name)
        return roles

    def split_sizes(self) -> dict[str, tuple[int, ...]]:
        """Row counts of the matrices that are stacked in one parameter.

        Returns
        -------
        dict
            Parameter name to the number of rows of each matrix in it.
        """
        return {
            f"{prefix}.weight": (module.in_features,) * 3
            for prefix, module in self.named_modules()
            if isinstance(module, FusedProjection)
        }

    def _check(self, num_features: int, num_jet_features: int) -> None:
        """Refuse data with other numbers of features."""
        if num_features != self.num_features:
            raise InputError(f"model takes {self.num_features} features per particle, data has {num_features}")
        if num_jet_features != self.num_jet_features:
            raise InputError(f"model takes {self.num_jet_features} features per jet, data has {num_jet_features}")


def _role(module: nn.Module, name: str) -> str:
    if isinstance(module, nn.LayerNorm | CloudBatchNorm):
        return "norm"
    if isinstance(module, nn.Linear):
        return "bias" if name == "bias" else "head" if isinstance(module, Head) else "matrix"
    return "token" if name == "class_token" else "scalar"


def mlp(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with a ReLU after each.

    Parameters
    ----------
    widths : tuple of int
        Width of the input and of every layer.

    Returns
    -------
    torch.nn.Sequential
        The network; the identity for a single width.

    Examples
    --------
    >>> mlp((3, 8, 2))(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """
    layers: list[nn.Module] = []
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following), nn.ReLU()]
    return nn.Sequential(*layers)


def linears(module: nn.Module) -> tuple[nn.Linear, ...]:
    """Linear layers of a module, in order of registration.

    Examples
    --------
    >>> len(linears(mlp((3, 8, 2))))
    2
    """
    return tuple(layer for layer in module.modules() if isinstance(layer, nn.Linear))


def matrix_size(module: nn.Module) -> int:
    """Multiply-adds of the linear layers of a module for one row.

    Examples
    --------
    >>> matrix_size(mlp((3, 8, 2)))
    40
    """
    return sum(layer.weight.numel() for layer in linears(module))
