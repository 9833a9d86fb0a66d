"""A planted fault: the model with one weight or one table entry off by one unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from collidium.artifact import InputError
from collidium.firmware._arithmetic import LookupTable, Table
from collidium.firmware._fixed import Codes
from collidium.firmware._linear import Linear
from collidium.firmware._model import IntegerModel
from collidium.firmware._node import Constant, Node


def faulty_model(model: IntegerModel, samples: Mapping[str, Codes], *, seed: int) -> tuple[IntegerModel, str]:
    """Change one constant by one unit so that an output changes on some sample.

    Parameters
    ----------
    model : IntegerModel
        The truth.
    samples : dict of str to ndarray of int64
        Where the difference must show.
    seed : int
        Chooses among the constants.

    Returns
    -------
    IntegerModel, str
        The faulty model and where its fault is.

    Raises
    ------
    InputError
        If the model has no constant that matters for any output on these samples.
    """
    truth = model.run(samples)
    generator = np.random.default_rng(seed)
    places = list(_places(model))
    for number in generator.permutation(len(places)):
        name, flat = places[int(number)]
        nodes = [_disturbed(node, flat) if node.name == name else node for node in model.nodes.values()]
        try:
            other = IntegerModel(nodes, model.outputs)
            codes = other.run(samples)
        except InputError:  # the change leaves the exact range or a table's domain: not a fault that could be built
            continue
        same_scale = all(np.array_equal(other.intervals[n].f, model.intervals[n].f) for n in model.outputs)
        if same_scale and any(not np.array_equal(codes[n], truth[n]) for n in model.outputs):
            return other, f"{name}[{flat}] + 1"
    raise InputError("no weight or table entry changes an output on these samples: nothing depends on the input")


def _places(model: IntegerModel) -> Iterator[tuple[str, int]]:
    """Constants by node and flat index."""
    for node in model.nodes.values():
        match node:
            case Linear():
                yield from ((node.name, int(n)) for n in np.flatnonzero(node.weight))
            case Table():
                yield from ((node.name, n) for n in range(sum(len(table.values) for table in node.tables)))
            case Constant():
                yield from ((node.name, n) for n in range(node.codes.size))


def _disturbed(node: Node, flat: int) -> Node:
    match node:
        case Linear():
            weight = node.weight.copy()
            weight.flat[flat] += -1 if _is_at_end(node, flat) else 1
            fields = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
            return Linear(**{**fields, "weight": weight})
        case Table():
            tables = list(node.tables)
            for number, table in enumerate(tables):
                if flat < len(table.values):
                    values = table.values.copy()
                    values[flat] += 1
                    tables[number] = LookupTable(table.low, values, table.f)
                    break
                flat -= len(table.values)
            return Table(node.name, node.x, node.which, tables)
        case Constant():
            codes = node.codes.copy()
            codes.flat[flat] += 1
            return Constant(node.name, codes, node.f)
        case _:
            raise AssertionError(node)


def _is_at_end(node: Linear, flat: int) -> bool:
    """Whether a reloadable weight is at the largest code of its register."""
    return node.weight_formats is not None and bool(node.weight.flat[flat] == node.weight_formats.code_max.flat[flat])
