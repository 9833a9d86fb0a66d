"""Modifiers as flat arrays: rates of all bins and their derivatives by a fixed number of array operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.measure._groups import ParameterGroup
from collidium.measure._interpolation import NormCode, NormFactors, ShapeCode, even_part, norm_factors
from collidium.measure._parameters import Matrix, Vector
from collidium.measure._workspace import Channel, Modifier, Workspace

Index = NDArray[np.intp]

# stands for a factor that is exactly zero, so that derivatives of products may be written with 1 / factor; a power of
# two, so that dividing by it again is exact
_TINY = 2.0**-100
MIN_RATE = 1e-20


@dataclass(frozen=True, kw_only=True)
class _Norm:
    """normsys of E (block, parameter) pairs sorted by block; X (pair, cell) pairs."""

    factors: NormFactors
    parameter: Index
    starts: Index
    blocks: Index
    pair: Index
    cell: Index


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """histosys: Y (cell, parameter) pairs with half the difference and half the sum of the variations, in events."""

    cell: Index
    parameter: Index
    difference: Vector
    total: Vector
    code: ShapeCode


@dataclass(frozen=True)
class Rates:
    """Rates of a model at a point, and what its derivatives are made of.

    Attributes
    ----------
    bins : ndarray, (B,)
        Expected events of each bin, not less than 1e-20.
    cells : ndarray, (C,)
        Expected events of each sample in each bin.
    factor, content : ndarray, (C,)
        ``cells`` is factor times content: all multiplicative modifiers, and template plus shape variations.
    linear : ndarray, (L, C)
        Factors that are parameters themselves.
    kappa, kappa_slope : ndarray, (E,)
        Factors of the normsys and their derivatives.
    even_slope : ndarray, (K,)
        Derivative of the even function of the histosys at each parameter.
    is_floored : ndarray of bool, (B,)
        Bins whose rate would be less than 1e-20.
    """

    bins: Vector
    cells: Vector
    factor: Vector
    content: Vector
    linear: Matrix
    kappa: Vector
    kappa_slope: Vector
    even_slope: Vector
    is_floored: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class CompiledModel:
    """Expected events of B bins as a function of K parameters, over C cells (sample, bin) in S blocks (samples).

    A cell has the rate F(theta) (n + sum_h [S_h a_h + H_h g(a_h)]), with F a product of parameters and of interpolated
    factors; a bin is the sum of its cells.
    """

    num_parameters: int
    num_bins: int
    nominal: Vector
    cell_bin: Index
    cell_block: Index
    linear: Index
    norm: _Norm
    shape: _Shape
    keys: Index
    is_linear: NDArray[np.bool_]

    def rates(self, theta: Vector) -> Rates:
        """Expected events at a point, (K,)."""
        extended = np.empty(len(theta) + 1)
        extended[:-1] = np.where(theta == 0.0, _TINY, theta)
        extended[-1] = 1.0
        linear = extended[self.linear]
        factor = np.multiply.reduce(linear, axis=0)
        norm, shape = self.norm, self.shape
        kappa, kappa_slope = norm.factors.values(theta[norm.parameter])
        if len(kappa):
            of_block = np.ones(self.cell_block[-1] + 1)
            of_block[norm.blocks] = np.multiply.reduceat(kappa, norm.starts)
            factor = factor * of_block[self.cell_block]
        even, even_slope, _ = even_part(theta, shape.code)
        content = self.nominal
        if len(shape.cell):
            variation = shape.difference * theta[shape.parameter] + shape.total * even[shape.parameter]
            content = content + _sums(shape.cell, variation, len(content))
        cells = factor * content
        bins = _sums(self.cell_bin, cells, self.num_bins)
        is_floored = bins < MIN_RATE
        if is_floored.any():
            bins = np.maximum(bins, MIN_RATE)
        return Rates(bins, cells, factor, content, linear, kappa, kappa_slope, even_slope, is_floored)

    def jacobian(self, theta: Vector, rates: Rates) -> Matrix:
        """Derivatives of the bins, (B, K); zero where a bin is at its floor."""
        norm, shape = self.norm, self.shape
        parts = np.concatenate(
            [
                (rates.cells / rates.linear).ravel(),
                rates.cells[norm.cell] * (rates.kappa_slope / rates.kappa)[norm.pair],
                rates.factor[shape.cell] * (shape.difference + shape.total * rates.even_slope[shape.parameter]),
            ]
        )
        width = self.num_parameters + 1
        jacobian = _sums(self.keys, parts, self.num_bins * width).reshape(self.num_bins, width)[:, :-1]
        if rates.is_floored.any():
            jacobian[rates.is_floored] = 0.0
        return jacobian

    def curvature(self, theta: Vector, rates: Rates, weight: Vector) -> Matrix:
        """Second derivatives of the weighted sum of the bins, (K, K).

        Parameters
        ----------
        theta : ndarray, (K,)
            The point.
        rates : Rates
            There.
        weight : ndarray, (B,)
            Weight of each bin.

        Returns
        -------
        ndarray, (K, K)
            sum_b w_b d^2 nu_b / d theta d theta.
        """
        norm, shape = self.norm, self.shape
        C, width = len(self.nominal), self.num_parameters + 1
        of_cell = np.where(rates.is_floored, 0.0, weight)[self.cell_bin]
        row = np.arange(C) * width
        # derivatives of the log of the factor, and of the content
        log_slope = _sums(
            np.concatenate([(row + self.linear).ravel(), row[norm.cell] + norm.parameter[norm.pair]]),
            np.concatenate([(1.0 / rates.linear).ravel(), (rates.kappa_slope / rates.kappa)[norm.pair]]),
            C * width,
        ).reshape(C, width)[:, :-1]
        content_slope = _sums(
            row[shape.cell] + shape.parameter,
            shape.difference + shape.total * rates.even_slope[shape.parameter],
            C * width,
        ).reshape(C, width)[:, :-1]
        right = rates.content[:, None] * log_slope + 2.0 * content_slope
        product = log_slope.T @ (right * (of_cell * rates.factor)[:, None])
        total = (product + product.T) / 2.0
        diagonal = total.diagonal() + self._own_curvature(theta, rates, of_cell)
        diagonal[self.is_linear] = 0.0
        np.fill_diagonal(total, diagonal)
        return total

    def _own_curvature(self, theta: Vector, rates: Rates, of_cell: Vector) -> Vector:
        """What a parameter's own second derivatives add to the diagonal, (K,)."""
        norm, shape, K = self.norm, self.shape, self.num_parameters
        bend = norm.factors.curvatures(theta[norm.parameter]) / rates.kappa - (rates.kappa_slope / rates.kappa) ** 2
        from_norm = (of_cell * rates.cells)[norm.cell] * bend[norm.pair]
        _, _, even_bend = even_part(theta, shape.code)
        from_shape = (of_cell * rates.factor)[shape.cell] * shape.total * even_bend[shape.parameter]
        return _sums(norm.parameter[norm.pair], from_norm, K) + _sums(shape.parameter, from_shape, K)


def _sums(index: Index, values: Vector, length: int) -> Vector:
    """Sums of the values that share an index."""
    return np.asarray(np.bincount(index, values, length), dtype=np.float64)


class _Collector:
    """Pairs of cells and parameters, gathered sample by sample."""

    def __init__(self, starts: Mapping[str, int], num_parameters: int) -> None:
        self.starts, self.num_parameters = starts, num_parameters
        self.nominal: list[float] = []
        self.cell_bin: list[int] = []
        self.cell_block: list[int] = []
        self.linear: list[list[int]] = []
        self.norm: list[tuple[int, int, float, float]] = []
        self.shape: list[tuple[int, int, float, float]] = []
        self.staterror_offset: dict[str, int] = {}

    def add(self, channel: Channel, first_bin: int) -> None:
        """Take a channel."""
        for sample in channel.samples:
            block = self.cell_block[-1] + 1 if self.cell_block else 0
            first_cell = len(self.nominal)
            self.nominal.extend(sample.data)
            self.cell_bin.extend(range(first_bin, first_bin + channel.num_bins))
            self.cell_block.extend([block] * channel.num_bins)
            self.linear.extend([] for _ in range(channel.num_bins))
            for modifier in sample.modifiers:
                self._modify(modifier, sample.data, block, first_cell)
        for name in {m.name for s in channel.samples for m in s.modifiers if m.type == "staterror"}:
            self.staterror_offset[name] = self.staterror_offset.get(name, 0) + channel.num_bins

    def _modify(self, modifier: Modifier, data: Sequence[float], block: int, first_cell: int) -> None:
        start = self.starts[modifier.name]
        if modifier.type == "normsys":
            if min(modifier.low[0], modifier.high[0]) <= 0.0:
                raise modifier.place.error(
                    f"has the factors {modifier.low[0]:g} and {modifier.high[0]:g}; positive ones are needed"
                )
            self.norm.append((block, start, modifier.low[0], modifier.high[0]))
            return
        if modifier.type == "histosys":
            for b, (low, nominal, high) in enumerate(zip(modifier.low, data, modifier.high, strict=True)):
                difference, total = (high - low) / 2.0, ((high - nominal) + (low - nominal)) / 2.0
                if difference != 0.0 or total != 0.0:
                    self.shape.append((first_cell + b, start, difference, total))
            return
        is_per_bin = modifier.type in ("shapefactor", "shapesys", "staterror")
        if modifier.type == "staterror":
            start += self.staterror_offset.get(modifier.name, 0)
        for b in range(len(data)):
            self.linear[first_cell + b].append(start + b if is_per_bin else start)


def compile_model(
    workspace: Workspace, groups: Mapping[str, ParameterGroup], *, norm_code: NormCode, shape_code: ShapeCode
) -> CompiledModel:
    """Flatten the modifiers of a workspace.

    Parameters
    ----------
    workspace : Workspace
        Channels of samples.
    groups : mapping of str to ParameterGroup
        Its parameters, in the order of the model.
    norm_code, shape_code : str
        Interpolation of normsys and histosys.

    Returns
    -------
    CompiledModel
        For bins in the order of the workspace's channels.

    Raises
    ------
    InputError
        For a normsys whose factors are not positive.
    """
    starts, K = {}, 0
    for name, group in groups.items():
        starts[name] = K
        K += len(group)
    collector, B = _Collector(starts, K), 0
    for channel in workspace.channels:
        collector.add(channel, B)
        B += channel.num_bins
    cell_bin = np.array(collector.cell_bin, dtype=np.intp)
    cell_block = np.array(collector.cell_block, dtype=np.intp)
    depth = max(1, max(map(len, collector.linear)))
    linear = np.array([row + [K] * (depth - len(row)) for row in collector.linear], dtype=np.intp).T.copy()
    norm, shape = _norm(collector, cell_block, norm_code), _shape(collector, shape_code)
    keys = np.concatenate(
        [
            (cell_bin * (K + 1) + linear).ravel(),
            cell_bin[norm.cell] * (K + 1) + norm.parameter[norm.pair],
            cell_bin[shape.cell] * (K + 1) + shape.parameter,
        ]
    )
    is_linear = np.zeros(K + 1, dtype=bool)
    is_linear[linear] = True
    return CompiledModel(
        num_parameters=K,
        num_bins=B,
        nominal=np.array(collector.nominal, dtype=np.float64),
        cell_bin=cell_bin,
        cell_block=cell_block,
        linear=linear,
        norm=norm,
        shape=shape,
        keys=keys,
        is_linear=is_linear[:-1],
    )


def _norm(collector: _Collector, cell_block: Index, code: NormCode) -> _Norm:
    pairs = np.array(collector.norm, dtype=np.float64).reshape(-1, 4)
    block = pairs[:, 0].astype(np.intp)
    blocks, starts, counts = np.unique(block, return_index=True, return_counts=True)
    of_block = dict(zip(blocks.tolist(), zip(starts.tolist(), counts.tolist(), strict=True), strict=True))
    pair: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    cell: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    for index, own in enumerate(cell_block.tolist()):
        start, count = of_block.get(own, (0, 0))
        pair.append(np.arange(start, start + count, dtype=np.intp))
        cell.append(np.full(count, index, dtype=np.intp))
    return _Norm(
        factors=norm_factors(pairs[:, 2], pairs[:, 3], code),
        parameter=pairs[:, 1].astype(np.intp),
        starts=starts,
        blocks=blocks,
        pair=np.concatenate(pair),
        cell=np.concatenate(cell),
    )


def _shape(collector: _Collector, code: ShapeCode) -> _Shape:
    pairs = np.array(collector.shape, dtype=np.float64).reshape(-1, 4)
    return _Shape(
        cell=pairs[:, 0].astype(np.intp),
        parameter=pairs[:, 1].astype(np.intp),
        difference=pairs[:, 2].copy(),
        total=pairs[:, 3].copy(),
        code=code,
    )
