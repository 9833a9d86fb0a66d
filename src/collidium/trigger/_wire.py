"""Symbolic signals: what flows through a network while it is frozen into an integer model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import EllipsisType

import numpy as np
from numpy.typing import NDArray
from torch import nn

from collidium.artifact import InputError
from collidium.firmware import Add, Interval, Node, Quantize, Select
from collidium.trigger._quantizer import Quantizer


class Graph:
    """The nodes of an integer model in the making.

    Parameters
    ----------
    names : mapping of module to str
        What the layers are called.
    """

    def __init__(self, names: Mapping[nn.Module, str]) -> None:
        self.nodes: list[Node] = []
        self.intervals: dict[str, Interval] = {}
        self._names = names
        self._scope = "net"

    @contextmanager
    def scope(self, layer: nn.Module) -> Iterator[None]:
        """Name the nodes of the block after a layer."""
        outer, self._scope = self._scope, self._names[layer]
        try:
            yield
        finally:
            self._scope = outer

    def name(self, label: str) -> str:
        """A fresh name for a node of the current layer."""
        wanted = f"{self._scope}_{label}"
        taken = self.intervals.keys()
        return (
            wanted
            if wanted not in taken
            else next(name for number in range(2, len(taken) + 3) if (name := f"{wanted}_{number}") not in taken)
        )

    def add(self, node: Node) -> Wire:
        """Append a node."""
        try:
            self.intervals[node.name] = node.infer(*(self.intervals[source] for source in node.sources))
        except InputError as error:
            raise InputError(f"{node.name}: {error}") from error
        self.nodes.append(node)
        return Wire(self, node.name)


class Wire:
    """The output of a node; elementwise sums and slices are written as on tensors.

    Parameters
    ----------
    graph : Graph
        Where the node is.
    name : str
        Which node.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self._name = name

    @property
    def name(self) -> str:
        """Name of the node."""
        return self._name

    @property
    def interval(self) -> Interval:
        """What its elements can be."""
        return self.graph.intervals[self.name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        return self.interval.shape

    def __add__(self, other: Wire) -> Wire:
        return self.graph.add(Add(self.graph.name("add"), self.name, other.name))

    def __getitem__(self, key: int | slice | tuple[int | slice | EllipsisType, ...]) -> Wire:
        return self.select(np.arange(int(np.prod(self.shape))).reshape(self.shape)[key])

    def select(self, index: NDArray[np.int64]) -> Wire:
        """Elements by their place in the flattened tensor; -1 is 0."""
        return self.graph.add(Select(self.graph.name("select"), self.name, index))

    def quantize(self, quantizer: Quantizer, label: str = "quantized") -> Wire:
        """Quantize as a quantizer does when deployed."""
        config = quantizer.config
        formats = quantizer.formats(self.shape)
        return self.graph.add(Quantize(self.graph.name(label), self.name, formats, config.rounding, config.overflow))


class External(Wire):
    """A number from outside that has no format yet.

    Parameters
    ----------
    graph : Graph
        Where its input node will be.
    label : str
        Name of the network's input.
    shape : sequence of int
        Shape without the batch axis.
    """

    def __init__(self, graph: Graph, label: str, shape: Sequence[int]) -> None:
        super().__init__(graph, label)
        self.label = label
        self._shape = tuple(shape)

    @property
    def name(self) -> str:
        """Refuse: nothing but an input layer may read it."""
        raise InputError(f"input {self.label!r} is not quantized: it must pass a QuantInput layer first")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        return self._shape
