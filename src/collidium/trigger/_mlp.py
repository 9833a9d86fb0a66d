"""Perceptrons on jet features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from collidium.artifact import InputError
from collidium.trigger._dense_chain import DenseChain, Packed
from collidium.trigger._layer import QuantInput, QuantLayer
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import LayerKind, NetworkConfig, Stack
from collidium.trigger._norm import Norm
from collidium.trigger._signal import Signal


@dataclass(frozen=True, kw_only=True)
class MLPConfig(NetworkConfig):
    """Perceptron on jet features, of dense layers, layers of tables, or both.

    Attributes
    ----------
    num_inputs, num_outputs : int
        Features and classes.
    widths : tuple of int
        Hidden widths.
    kinds : tuple of {"dense", "lut"}
        Kind of each layer, the last included; one kind stands for all.
    norm : {"none", "input", "output"}
        Batch normalisation of the dense layers, folded.

    Examples
    --------
    >>> import torch
    >>> network = MLPConfig(widths=(8,), kinds=("lut", "dense")).build(seed=0)
    >>> network(torch.zeros(3, 16)).shape
    torch.Size([3, 5])
    """

    num_inputs: int = 16
    num_outputs: int = 5
    widths: tuple[int, ...] = (64, 32, 32)
    kinds: tuple[LayerKind, ...] = ("dense",)
    norm: Norm = "none"

    def make(self) -> MLP:
        """Make the network."""
        return MLP(self)


class MLP(QuantNetwork):
    """Perceptron on a vector ``x`` (num_inputs)."""

    def __init__(self, config: MLPConfig) -> None:
        super().__init__({"x": (config.num_inputs,)})
        self.entry = QuantInput((config.num_inputs,), config.entry)
        sizes = [*pairwise((config.num_inputs, *config.widths, config.num_outputs))]
        kinds = config.kinds * len(sizes) if len(config.kinds) == 1 else config.kinds
        if len(kinds) != len(sizes):
            raise InputError(f"kinds has {len(kinds)} entries, 1 or one for each of {len(sizes)} layers is needed")
        layers: list[QuantLayer] = []
        for index, (kind, (num_inputs, num_outputs)) in enumerate(zip(kinds, sizes, strict=True)):
            passed = self.entry.quantizer if index == 0 else None
            layers.append(
                config.lut((num_inputs,), num_outputs)
                if kind == "lut"
                else config.dense((num_inputs,), num_outputs, norm=config.norm, passed=passed)
            )
        self.body = Stack(layers, has_last_relu=False)
        self.chain = DenseChain.of(self.entry, layers)

    def forward(self, x: Signal) -> Signal:
        """Map features (N, F) to logits (N, K)."""
        if isinstance(x, Tensor) and self.training and self.chain is not None and self.chain.takes(x):
            return self.chain(x)
        out: Signal = self.body(self.entry(x))
        return out

    def ebops(self) -> Tensor:
        """Effective bit operations of the whole network, with gradients for the widths."""
        cost = self.chain.cost() if self.training and self.chain is not None else None
        return super().ebops() if cost is None else cost

    def pack(self) -> Packed | None:
        """Lay all that is trained side by side in memory, where all layers are dense and trained on the processor."""
        return self.chain.pack() if self.chain is not None and self.chain.is_possible else None

    def set_gradients(
        self, x: Sequence[Tensor], loss: Callable[[Tensor], tuple[Tensor, Tensor]], beta: float
    ) -> tuple[Tensor, Tensor] | None:
        """Set the gradients of a loss plus ``beta`` times the cost where all layers are packed."""
        return self.chain.set_gradients(x[0], loss, beta) if self.chain is not None and self.training else None

    def clip_widths(self) -> None:
        """Bring trained widths back into their limits; to be called after a step."""
        if self.chain is not None and self.chain.is_possible:
            self.chain.clip()
        else:
            super().clip_widths()
