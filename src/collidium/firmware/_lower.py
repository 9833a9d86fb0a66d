"""From the integer model to the program: every node by scalar operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from collidium.firmware._arithmetic import (
    Add,
    Contract,
    LookupTable,
    Mask,
    Maximum,
    Multiply,
    Negate,
    Relu,
    Sum,
    Table,
)
from collidium.firmware._builder import Builder
from collidium.firmware._cmvm import MatrixSolver
from collidium.firmware._fixed import Codes, Formats
from collidium.firmware._interval import Interval
from collidium.firmware._linear import Linear
from collidium.firmware._lower_quantize import quantize_value
from collidium.firmware._model import IntegerModel
from collidium.firmware._node import Constant, Input, Node, Quantize, Select, Shift
from collidium.firmware._program import Opcode, Port, Program, Value
from collidium.firmware._prune import pruned

Values: TypeAlias = NDArray[np.object_]


def lower(model: IntegerModel, solver: MatrixSolver) -> Program:
    """Write a model as a program.

    Parameters
    ----------
    model : IntegerModel
        The truth.
    solver : MatrixSolver
        Finds the adders of constant products.

    Returns
    -------
    Program
        Without dead operations.
    """
    lowering = Lowering(model, solver)
    nodes = {name: lowering.node(node) for name, node in model.nodes.items()}
    builder = lowering.builder
    for name in model.outputs:
        builder.owner = name
        nodes[name] = _each(builder.positive, nodes[name])
    program = Program(
        ops=tuple(builder.ops),
        owners=tuple(builder.owners),
        tables=tuple(builder.tables),
        ports=tuple(lowering.ports),
        nodes={name: tuple(_flat(values)) for name, values in nodes.items()},
        outputs=model.outputs,
    )
    return pruned(program)


class Lowering:
    """A model on its way into a builder.

    Attributes
    ----------
    builder : Builder
        The program so far.
    ports : list of Port
        Inputs met so far; weights that can be loaded are ports as well.
    """

    def __init__(self, model: IntegerModel, solver: MatrixSolver) -> None:
        self.model = model
        self.solver = solver
        self.builder = Builder()
        self.ports: list[Port] = []
        self._values: dict[str, Values] = {}

    def node(self, node: Node) -> Values:
        """Values of a node's elements."""
        self.builder.owner = node.name
        values = _RULES[type(node)](self, node, [self._values[source] for source in node.sources])
        interval = self.model.intervals[node.name]
        if not isinstance(node, Input):
            ranges = zip(interval.minimum.flat, interval.maximum.flat, interval.f.flat, strict=True)
            tight = [
                self.builder.tightened(value, int(low), int(high), int(f))
                for value, (low, high, f) in zip(_flat(values), ranges, strict=True)
            ]
            values = _array(tight, values.shape)
        self._values[node.name] = values
        return values

    def interval(self, node: Node, number: int = 0) -> Interval:
        """Interval of a source of a node."""
        return self.model.intervals[node.sources[number]]

    def port(self, name: str, formats: Formats, *, is_weight: bool = False) -> Values:
        """A new port and the values of its elements."""
        self.ports.append(Port(name, formats, is_weight))
        flat = [
            Value(
                self.builder.emit(Opcode.INPUT, (), (len(self.ports) - 1, n), int(low), int(high)),
                -int(f) if high > low else 0,
                1,
            )
            if high > low
            else self.builder.constant(0)
            for n, (low, high, f) in enumerate(
                zip(formats.code_min.flat, formats.code_max.flat, formats.f.flat, strict=True)
            )
        ]
        return _array(flat, formats.shape)


def weight_ports(node: Linear) -> tuple[str, str]:
    """Names of the ports of a reloadable product: weight and bias."""
    return f"{node.name}_weight", f"{node.name}_bias"


def _array(values: Sequence[Value], shape: tuple[int, ...]) -> Values:
    array = np.empty(math.prod(shape), dtype=object)
    for n, value in enumerate(values):
        array[n] = value
    return array.reshape(shape)


def _flat(values: Values) -> list[Value]:
    return cast("list[Value]", values.reshape(-1).tolist())


def _each(function: Callable[..., Value], *arrays: Values) -> Values:
    spread = np.broadcast_arrays(*arrays)
    return _array([function(*items) for items in zip(*(a.reshape(-1) for a in spread), strict=True)], spread[0].shape)


def _input(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return lowering.port(node.name, node.formats)


def _constant(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return _array([lowering.builder.constant(int(code), -node.f) for code in node.codes.flat], node.codes.shape)


def _quantize(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    (x,) = sources
    parts = (np.broadcast_to(part, x.shape) for part in (node.formats.k, node.formats.i, node.formats.f))
    formats = Formats(*parts)
    return _array(
        [
            quantize_value(lowering.builder, value, formats[place], node.rounding, node.overflow)
            for place, value in zip(np.ndindex(*x.shape), _flat(x), strict=True)
        ],
        x.shape,
    )


def _select(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    pool = [value for source in sources for value in _flat(source)] + [lowering.builder.constant(0)]
    return _array([pool[int(n)] for n in node.index.flat], node.index.shape)


def _shift(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    by = np.broadcast_to(node.by, sources[0].shape)
    return _array(
        [Value(x.wire, x.exp + int(n), x.sign) for x, n in zip(_flat(sources[0]), by.flat, strict=True)],
        sources[0].shape,
    )


def _negate(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return _each(lambda x: Value(x.wire, x.exp, -x.sign), *sources)


def _relu(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return _each(lowering.builder.relu, *sources)


def _add(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return _each(lowering.builder.add, *sources)


def _multiply(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    return _each(lowering.builder.multiply, *sources)


def _mask(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    builder = lowering.builder

    def masked(x: Value, valid: Value) -> Value:
        constant = builder.as_constant(valid)
        if constant is not None:
            return x if constant else builder.constant(0)
        return builder.mux(builder.positive(valid), x, builder.constant(0))

    return _each(masked, *sources)


def _reduced(values: Values, axes: tuple[int, ...]) -> Values:
    """Kept axes first, reduced ones joined into the last."""
    kept = [a for a in range(values.ndim) if a not in axes]
    shape = tuple(values.shape[a] for a in kept)
    return values.transpose(*kept, *axes).reshape(*shape, -1)


def _sum(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    groups = _reduced(sources[0], node.axes(lowering.interval(node)))
    return _array(
        [lowering.builder.total(groups[place]) for place in np.ndindex(*groups.shape[:-1])], groups.shape[:-1]
    )


def _maximum(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    groups = _reduced(sources[0], node.axes(lowering.interval(node)))
    return _array(
        [_highest(lowering.builder, list(groups[place])) for place in np.ndindex(*groups.shape[:-1])],
        groups.shape[:-1],
    )


def _highest(builder: Builder, values: list[Value]) -> Value:
    while len(values) > 1:
        rest = values[len(values) // 2 * 2 :]
        values = [builder.maximum(x, y) for x, y in zip(values[0::2], values[1::2], strict=False)] + rest
    return values[0]


def _contract(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    inputs = (lowering.interval(node), lowering.interval(node, 1))
    a, b, out = node.letters(*inputs)
    every = out + "".join(letter for letter in dict.fromkeys(a + b) if letter not in out)
    x, y = (_spread(values, axes, every) for axes, values in zip((a, b), sources, strict=True))
    products = _each(lowering.builder.multiply, x, y)
    if len(every) == len(out):
        return products
    groups = products.reshape(*products.shape[: len(out)], -1)
    return _array([lowering.builder.total(groups[n]) for n in np.ndindex(*groups.shape[:-1])], groups.shape[:-1])


def _spread(values: Values, axes: str, every: str) -> Values:
    order = [axes.index(letter) for letter in every if letter in axes]
    return values.transpose(order).reshape(
        [values.shape[axes.index(letter)] if letter in axes else 1 for letter in every]
    )


def _table(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    (x,) = sources
    interval = lowering.interval(node)
    return _array(
        [
            _look_up(lowering.builder, cast("Value", x[place]), node.tables[node.which[place]], int(interval.f[place]))
            for place in np.ndindex(*x.shape)
        ],
        x.shape,
    )


def _look_up(builder: Builder, x: Value, table: LookupTable, f: int) -> Value:
    """Read a table by the wire behind a value, whose code may be of another scale and sign than the model's."""
    op = builder.op(x)
    codes = x.sign * (np.arange(op.low, op.high + 1) << (x.exp + f)) if op.high > op.low else None
    if codes is None:
        constant = (x.sign * op.low) << (x.exp + f) if op.low else 0
        return builder.constant(int(table.values[constant - table.low]), -table.f)
    return builder.table(x, [int(value) for value in table.values[codes - table.low]], -table.f)


def _linear(lowering: Lowering, node: Any, sources: Sequence[Values]) -> Values:
    (x,) = sources
    n_in, n_out = node.weight.shape
    rows = x.reshape(-1, n_in)
    bias = [lowering.builder.constant(int(c), -int(f)) for c, f in zip(node.bias, node.bias_f, strict=True)]
    if node.is_reloadable:
        names = weight_ports(node)
        weight = lowering.port(names[0], node.weight_formats, is_weight=True)
        bias = _flat(lowering.port(names[1], node.bias_formats, is_weight=True))
        sums = [[_dot(lowering.builder, _flat(row), _flat(weight[:, o])) for o in range(n_out)] for row in rows]
    else:
        exponent, matrix = _integer_matrix(node)
        sums = []
        for row in rows:
            scaled = [Value(value.wire, value.exp - exponent, value.sign) for value in row]
            sums.append(lowering.solver.multiply(lowering.builder, scaled, matrix))
    flat = [lowering.builder.add(total, bias[o]) for row in sums for o, total in enumerate(row)]
    return _array(flat, (*x.shape[:-1], n_out))


def _integer_matrix(node: Linear) -> tuple[int, Codes]:
    """The weights as integers times ``2**-exponent``."""
    used = node.weight != 0
    exponent = int(node.weight_f[used].max()) if used.any() else 0
    return exponent, np.left_shift(node.weight, np.where(used, exponent - node.weight_f, 0))


def _dot(builder: Builder, xs: Sequence[Value], weights: Sequence[Value]) -> Value:
    return builder.total(builder.multiply(x, w) for x, w in zip(xs, weights, strict=True))


_RULES: dict[type[Node], Callable[[Lowering, Any, Sequence[Values]], Values]] = {
    Input: _input,
    Constant: _constant,
    Quantize: _quantize,
    Select: _select,
    Shift: _shift,
    Negate: _negate,
    Relu: _relu,
    Add: _add,
    Multiply: _multiply,
    Mask: _mask,
    Sum: _sum,
    Maximum: _maximum,
    Contract: _contract,
    Table: _table,
    Linear: _linear,
}
