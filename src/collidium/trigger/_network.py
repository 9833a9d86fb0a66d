"""Networks that can be frozen into integer models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.firmware import IntegerModel
from collidium.trigger._dense import WeightedLayer
from collidium.trigger._dense_chain import Packed
from collidium.trigger._layer import QuantLayer
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_sets import clip_all, shared_bits
from collidium.trigger._wire import External, Graph, Wire


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """What one layer costs.

    Attributes
    ----------
    name, kind : str
        Its name in the network and its class.
    ebops : float
        Effective bit operations.
    data_bits, weight_bits : float or None
        Mean bits of its input's elements and of its weights, signs not counted where overflow wraps.
    pruned : float or None
        Fraction of the weights that have no bit left.
    """

    name: str
    kind: str
    ebops: float
    data_bits: float | None
    weight_bits: float | None
    pruned: float | None


class QuantNetwork(nn.Module):
    """Base of the networks.

    Parameters
    ----------
    inputs : mapping of str to tuple of int
        Names and shapes (without the batch axis) of the inputs, in the order of the arguments of :meth:`forward`.

    Notes
    -----
    A network writes :meth:`forward` once, with layers and the operations of this room. Called with tensors it
    computes; :meth:`freeze` calls it with wires and obtains the integer model.
    """

    def __init__(self, inputs: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.inputs = dict(inputs)

    @abstractmethod
    def forward(self, *signals: Any) -> Any:
        """Map the inputs (N, *shape), in order, to the output (N, ...)."""

    def layers(self) -> Iterator[tuple[str, QuantLayer]]:
        """Layers with their names."""
        for name, module in self.named_modules():
            if isinstance(module, QuantLayer):
                yield name, module

    def quantizers(self) -> Iterator[Quantizer]:
        """All quantizers, each once."""
        return (module for module in self.modules() if isinstance(module, Quantizer))

    def ebops(self) -> Tensor:
        """Effective bit operations of the whole network, with gradients for the widths.

        Returns
        -------
        Tensor, (), 1
        """
        with shared_bits(list(self.quantizers())):
            return torch.stack([layer.ebops() for _, layer in self.layers()]).sum()

    @torch.no_grad()
    def layer_costs(self) -> list[LayerCost]:
        """Effective bit operations layer by layer.

        Returns
        -------
        list of LayerCost
            In the order of the network; layers that cost nothing are left out.
        """
        costs = []
        for name, layer in self.layers():
            if ebops := float(layer.ebops()):
                weight = layer.weight_quantizer.bits() if isinstance(layer, WeightedLayer) else None
                costs.append(
                    LayerCost(
                        name=name,
                        kind=type(layer).__name__,
                        ebops=ebops,
                        data_bits=float(layer.data.bits().mean()) if isinstance(layer, WeightedLayer) else None,
                        weight_bits=None if weight is None else float(weight.mean()),
                        pruned=None if weight is None else float((weight == 0).float().mean()),
                    )
                )
        return costs

    def width_parameters(self) -> list[nn.Parameter]:
        """Trained bit-widths, which need a learning rate of their own."""
        found = {
            id(value): value
            for quantizer in self.quantizers()
            for value in (quantizer.f, quantizer.i)
            if isinstance(value, nn.Parameter)
        }
        return list(found.values())

    def parameter_roles(self) -> dict[str, str]:
        """Say what each parameter is, for the routing of optimizers.

        Returns
        -------
        dict of str to str
            ``matrix`` for hidden weights, ``embedding`` and ``head`` for the first and the last, ``norm``, ``bias``;
            all else, such as widths and tables, is ``scalar`` and goes to AdamW.
        """
        weights = [name for name, layer in self.layers() if isinstance(layer, WeightedLayer)]
        roles = {}
        for name, _ in self.named_parameters():
            owner, _, last = name.rpartition(".")
            roles[name] = {"bias": "bias", "gain": "norm", "offset": "norm"}.get(last, "scalar")
            if last == "weight" and owner in weights:
                roles[name] = {0: "embedding", len(weights) - 1: "head"}.get(weights.index(owner), "matrix")
        return roles

    def pack(self) -> Packed | None:
        """Lay all that is trained side by side in memory, to be trained as long tensors.

        Returns
        -------
        Packed or None
            Long tensors, which have the gradients from now on; None where layers are treated one by one.
        """
        return None

    def set_gradients(
        self, x: Sequence[Tensor], loss: Callable[[Tensor], tuple[Tensor, Tensor]], beta: float
    ) -> tuple[Tensor, Tensor] | None:
        """Set the gradients of a loss plus ``beta`` times the cost, in training, without a graph of the layers.

        Parameters
        ----------
        x : sequence of Tensor, (N, *shape) each
            The inputs, in order.
        loss : callable
            Its value and gradient, of the output.
        beta : float
            Factor on the effective bit operations.

        Returns
        -------
        loss, cost : Tensor, ()
            None where the layers need one.
        """
        return None

    def clip_widths(self) -> None:
        """Bring trained widths back into their limits; to be called after a step."""
        clip_all(list(self.quantizers()))

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Sequence[Tensor]]) -> None:
        """Set every tracked range to what the data need, and leave the network in evaluation mode.

        Parameters
        ----------
        batches : iterable of sequence of Tensor, (N, *shape) each
            The inputs, in order; usually the training split.
        """
        self.eval()
        quantizers = list(self.quantizers())
        for quantizer in quantizers:
            quantizer.start_trace()
        for _, layer in self.layers():
            layer.start_trace()
        try:
            for batch in batches:
                self(*batch)
        finally:
            for quantizer in quantizers:
                quantizer.is_tracing = False
        for _, layer in self.layers():
            layer.settle()

    def freeze(self) -> IntegerModel:
        """Make the integer model of the network as it is deployed.

        Returns
        -------
        IntegerModel
            Weights and tables are integers; its codes are those of the network in evaluation mode.

        Raises
        ------
        InputError
            If the network is in training mode, an input is not quantized, a weight is not finite, or a width is beyond
            what is exact.
        """
        if self.training:
            raise InputError("the network is in training mode; calibrate it before it is frozen")
        graph = Graph({module: name.replace(".", "_") for name, module in self.named_modules()})
        wires = [External(graph, name, shape) for name, shape in self.inputs.items()]
        output: Wire = self(*wires)
        return IntegerModel(graph.nodes, [output.name])
