"""The frozen integer model: a list of named nodes whose int64 run is the truth that everything else must reproduce."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError, unknown
from collidium.firmware._fixed import Codes
from collidium.firmware._interval import Interval
from collidium.firmware._linear import Linear
from collidium.firmware._model_store import content_hash, load_nodes, save_nodes
from collidium.firmware._names import check_identifier
from collidium.firmware._node import Input, Node


class IntegerModel:
    """An acyclic graph of operations on fixed-point codes.

    Parameters
    ----------
    nodes : iterable of Node
        In an order where every node comes after those that it reads.
    outputs : sequence of str
        Names of the nodes that leave the model.

    Attributes
    ----------
    nodes : dict of str to Node
        By name, in order.
    outputs : tuple of str
        Names of the outputs.
    intervals : dict of str to Interval
        What each element of each node can be, exactly; shape without the batch axis.

    Raises
    ------
    InputError
        If a name is given twice, unknown or no Verilog identifier, shapes do not fit, or a code could reach 2^53.

    Examples
    --------
    >>> from collidium.firmware import Formats, Linear, Relu
    >>> model = IntegerModel(
    ...     [Input("x", Formats([1, 1], [1, 1], [2, 2])), Linear("sum", "x", [[3], [-1]], 1), Relu("y", "sum")], ["y"]
    ... )
    >>> codes = model.run({"x": [[1, 2], [-8, 7]]})
    >>> codes["sum"].tolist(), codes["y"].tolist(), model.intervals["y"].f.tolist()
    ([[1], [-31]], [[1], [0]], [3])
    """

    def __init__(self, nodes: Iterable[Node], outputs: Sequence[str]) -> None:
        self.nodes: dict[str, Node] = {}
        self.intervals: dict[str, Interval] = {}
        for node in nodes:
            self._append(node)
        self.outputs = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        for name in self.outputs:
            if name not in self.nodes:
                raise unknown("output node", name, self.nodes)
        if not self.outputs:
            raise InputError("the model has no output")

    def _append(self, node: Node) -> None:
        check_identifier("node", node.name)
        if node.name in self.nodes:
            raise InputError(f"node {node.name!r}: two nodes have this name")
        for source in node.sources:
            if source not in self.nodes:
                raise unknown(f"source of node {node.name!r}:", source, self.nodes)
        try:
            interval = node.infer(*(self.intervals[source] for source in node.sources))
        except InputError as error:
            raise InputError(f"node {node.name!r}: {error}") from error
        self.nodes[node.name], self.intervals[node.name] = node, interval

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The nodes that take codes from outside."""
        return tuple(node for node in self.nodes.values() if isinstance(node, Input))

    @property
    def reloadable(self) -> tuple[Linear, ...]:
        """The nodes whose weights are registers."""
        return tuple(node for node in self.nodes.values() if isinstance(node, Linear) and node.is_reloadable)

    @cached_property
    def max_code(self) -> int:
        """Largest magnitude that any code can reach; below 2^53."""
        return max(interval.max_code for interval in self.intervals.values())

    @cached_property
    def hash(self) -> str:
        """SHA-256 over nodes, arrays and outputs."""
        return content_hash(self.nodes.values(), self.outputs)

    def run(self, inputs: Mapping[str, ArrayLike]) -> dict[str, Codes]:
        """Compute every node.

        Parameters
        ----------
        inputs : dict of str to array of int, (N, *shape)
            Codes of each input node.

        Returns
        -------
        dict of str to ndarray of int64, (N, *shape)
            Codes of each node, inputs included; the value is ``code * 2**-model.intervals[name].f``.

        Raises
        ------
        InputError
            If an input is missing or unknown, or its shape, type or range is wrong.
        """
        given = self._given(inputs)
        num = len(next(iter(given.values()))) if given else 1
        codes: dict[str, Codes] = {}
        for name, node in self.nodes.items():
            reads = [given[name]] if isinstance(node, Input) else [codes[source] for source in node.sources]
            result = node.run(reads, [self.intervals[source] for source in node.sources], self.intervals[name])
            codes[name] = np.broadcast_to(result, (num, *self.intervals[name].shape))
        return codes

    def values(self, name: str, codes: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Real values of a node's codes, exact in float64."""
        return np.ldexp(np.asarray(codes, dtype=np.float64), -self.intervals[name].f.astype(np.int32))

    def with_weights(self, images: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> IntegerModel:
        """The same model with other codes (weight, bias) in its reloadable nodes."""
        for name in images:
            if name not in {node.name for node in self.reloadable}:
                raise unknown("reloadable node", name, (node.name for node in self.reloadable))
        return IntegerModel(
            (
                _reloaded(node, *images[node.name]) if isinstance(node, Linear) and node.name in images else node
                for node in self.nodes.values()
            ),
            self.outputs,
        )

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.npz`` (no pickle) into an existing folder."""
        save_nodes(folder, self.nodes.values(), self.outputs)

    @classmethod
    def load(cls, folder: Path) -> IntegerModel:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If a file is absent or damaged.
        """
        return cls(*load_nodes(folder))

    def _given(self, inputs: Mapping[str, ArrayLike]) -> dict[str, Codes]:
        names = {node.name for node in self.inputs}
        for name in inputs:
            if name not in names:
                raise unknown("input", name, names)
        arrays = {}
        for node in self.inputs:
            if node.name not in inputs:
                raise InputError(f"input {node.name}: no codes are given")
            array = np.asarray(inputs[node.name])
            if not np.issubdtype(array.dtype, np.integer):
                raise InputError(f"input {node.name}: codes must be integers, got {array.dtype}")
            if array.shape[1:] != node.formats.shape or array.ndim == 0:
                raise InputError(f"input {node.name}: shape must be (N, *{node.formats.shape}), got {array.shape}")
            arrays[node.name] = array.astype(np.int64)
        if len({len(array) for array in arrays.values()}) > 1:
            raise InputError(f"inputs have different numbers of samples: { {k: len(v) for k, v in arrays.items()} }")
        return arrays


def _reloaded(node: Linear, weight: ArrayLike, bias: ArrayLike) -> Linear:
    fields = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
    assert node.weight_formats is not None
    assert node.bias_formats is not None
    fields.update(weight=weight, weight_f=node.weight_formats.f, bias=bias, bias_f=node.bias_formats.f)
    return Linear(**fields)
