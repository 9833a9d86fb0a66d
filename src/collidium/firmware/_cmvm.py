"""Products of data with a constant matrix by additions: da4ml's solver where it is installed, else signed digits."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, missing_extra
from collidium.firmware._builder import Builder, signed_digits
from collidium.firmware._cost import LEVEL_NS
from collidium.firmware._fixed import Codes
from collidium.firmware._program import Value

Row: TypeAlias = NDArray[np.float64]
Solver: TypeAlias = Literal["auto", "da4ml", "digits"]

_EXACT_FLOAT32 = 1 << 24


@dataclass(frozen=True)
class Term:
    """``sign * 2**exp`` times a node of an adder graph; a node of -1 is the constant 0."""

    node: int
    exp: int
    sign: int


@dataclass(frozen=True)
class AdderGraph:
    """Sums of two terms, on top of ``num_inputs`` inputs.

    Attributes
    ----------
    num_inputs : int
        Nodes 0 to num_inputs - 1 are the inputs.
    sums : tuple of (Term, Term)
        Node num_inputs + n is the sum of both terms.
    outputs : tuple of Term
        The results.
    """

    num_inputs: int
    sums: tuple[tuple[Term, Term], ...]
    outputs: tuple[Term, ...]

    def matrix(self) -> Row:
        """What it computes, from its action on the unit vectors: (num_inputs, num_outputs)."""
        rows: list[Row] = list(np.eye(self.num_inputs))
        for terms in self.sums:
            rows.append(sum((_times(rows, term) for term in terms), np.zeros(self.num_inputs)))
        columns = [_times(rows, term) for term in self.outputs]
        return np.stack(columns, axis=1) if columns else np.zeros((self.num_inputs, 0))


def _times(rows: Sequence[Row], term: Term) -> Row:
    return np.zeros_like(rows[0]) if term.node < 0 else np.ldexp(rows[term.node], term.exp) * float(term.sign)


def solver_name(solver: Solver) -> str:
    """Which solver a choice means here."""
    if solver == "digits":
        return "digits"
    try:
        importlib.import_module("da4ml.cmvm")
    except ImportError:
        if solver == "da4ml":
            raise missing_extra("da4ml", "trigger") from None
        return "digits"
    return "da4ml"


class MatrixSolver:
    """Finds adder graphs and remembers them, so that equal matrices on equal inputs are solved once.

    Parameters
    ----------
    solver : {"auto", "da4ml", "digits"}
        ``auto`` takes da4ml if it is installed.
    extra_depth : int
        Adder levels allowed above the smallest possible depth; -1 for no limit.
    """

    def __init__(self, solver: Solver, extra_depth: int) -> None:
        self.name = solver_name(solver)
        self.extra_depth = extra_depth
        self._known: dict[tuple[bytes, tuple[tuple[int, int], ...], tuple[float, ...]], AdderGraph] = {}

    def multiply(self, builder: Builder, xs: Sequence[Value], matrix: Codes) -> list[Value]:
        """``matrix.T @ xs`` for integers (n_in, n_out)."""
        fixed = [n for n, x in enumerate(xs) if builder.as_constant(x) is not None]
        changing = self._changing(builder, [x for n, x in enumerate(xs) if n not in fixed], np.delete(matrix, fixed, 0))
        offsets = (
            (builder.scale(xs[n], int(w)) for n, w in zip(fixed, matrix[fixed, o], strict=True))
            for o in range(matrix.shape[1])
        )
        return [builder.add(total, builder.total(parts)) for total, parts in zip(changing, offsets, strict=True)]

    def _changing(self, builder: Builder, xs: Sequence[Value], matrix: Codes) -> list[Value]:
        """The part of the product that is not constant."""
        exps = [x.exp for x in xs]
        live = [n for n in range(len(xs)) if matrix[n].any()]
        if not live:
            return [builder.constant(0)] * matrix.shape[1]
        base = min(exps[n] for n in live)
        scaled = np.array([[int(w) << (exps[n] - base) for w in matrix[n]] for n in live], dtype=object)
        signed = scaled * np.array([[xs[n].sign] for n in live], dtype=object)
        if self.name == "digits" or np.abs(signed).max() >= _EXACT_FLOAT32:
            wires = [Value(xs[n].wire, base, 1) for n in live]
            return [_digit_sum(builder, wires, column) for column in signed.T]
        graph = self._graph(builder, [xs[n].wire for n in live], signed.astype(np.int64))
        return _build(builder, graph, [Value(xs[n].wire, base, 1) for n in live])

    def _graph(self, builder: Builder, wires: Sequence[int], matrix: Codes) -> AdderGraph:
        ranges = tuple((builder.ops[wire].low, builder.ops[wire].high) for wire in wires)
        ready = [builder.ready[wire] for wire in wires]
        levels = tuple(float(round((time - min(ready)) / LEVEL_NS)) for time in ready)
        key = (matrix.tobytes(), ranges, levels)
        if key not in self._known:
            graph = _solve(matrix, ranges, levels, self.extra_depth)
            if not np.array_equal(graph.matrix(), matrix):
                raise InputError("da4ml's adder graph does not give back its matrix: use solver 'digits' and report it")
            self._known[key] = graph
        return self._known[key]


def _solve(matrix: Codes, ranges: Sequence[tuple[int, int]], levels: Sequence[float], extra_depth: int) -> AdderGraph:
    """Call da4ml and read its two stages of operations as one graph."""
    pipeline = importlib.import_module("da4ml.cmvm").solve(
        np.ascontiguousarray(matrix, dtype=np.float32),
        hard_dc=extra_depth,
        qintervals=[(float(low), float(high), 1.0) for low, high in ranges],
        latencies=list(levels),
        adder_size=1,
        carry_size=-1,
    )
    sums: list[tuple[Term, Term]] = []
    current = [Term(n, 0, 1) for n in range(len(matrix))]
    for stage in pipeline.solutions:
        nodes: list[Term] = []
        for op in stage.ops:
            if op.opcode == -1:
                source = current[op.id0]
                nodes.append(Term(source.node, source.exp + int(stage.inp_shifts[op.id0]), source.sign))
            elif op.opcode in (0, 1):
                b = nodes[op.id1]
                sums.append((nodes[op.id0], Term(b.node, b.exp + op.data, -b.sign if op.opcode else b.sign)))
                nodes.append(Term(len(matrix) + len(sums) - 1, 0, 1))
            else:
                raise InputError(f"da4ml gave operation {op.opcode}, which a constant product does not need")
        current = [
            _output(nodes, index, shift, negative)
            for index, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        ]
    return AdderGraph(len(matrix), tuple(sums), tuple(current))


def _output(nodes: Sequence[Term], index: int, shift: int, is_negative: bool) -> Term:
    if index < 0 or nodes[index].node < 0:
        return Term(-1, 0, 1)
    term = nodes[index]
    return Term(term.node, term.exp + int(shift), -term.sign if is_negative else term.sign)


def _build(builder: Builder, graph: AdderGraph, xs: Sequence[Value]) -> list[Value]:
    values = list(xs)

    def read(term: Term) -> Value:
        if term.node < 0:
            return builder.constant(0)
        value = values[term.node]
        return Value(value.wire, value.exp + term.exp, value.sign * term.sign)

    for x, y in graph.sums:
        values.append(builder.add(read(x), read(y)))
    return [read(term) for term in graph.outputs]


def _digit_sum(builder: Builder, xs: Sequence[Value], column: Sequence[int]) -> Value:
    """One column by a tree over all signed digits."""
    return builder.total(
        Value(x.wire, x.exp + shift, x.sign * digit)
        for x, weight in zip(xs, column, strict=True)
        for shift, digit in signed_digits(int(weight))
    )
