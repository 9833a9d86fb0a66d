"""Modifiers as flat arrays: rates of all bins and their derivatives by a fixed number of array operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.measure._custom import BinFactor, curvature
from collidium.measure._interpolation import NormFactors, ShapeCode, even_part
from collidium.measure._parameters import Matrix, Vector

Index = NDArray[np.intp]

# stands for a factor that is exactly zero, so that derivatives of products may be written with 1 / factor; a power of
# two, so that dividing by it again is exact
_TINY = 2.0**-100
MIN_RATE = 1e-20


@dataclass(frozen=True, kw_only=True)
class NormTable:
    """normsys of E (block, parameter) pairs sorted by block, at scale times the parameter; X (pair, cell) pairs."""

    factors: NormFactors
    parameter: Index
    scale: Vector
    block: Index
    starts: Index
    blocks: Index
    pair: Index
    cell: Index


@dataclass(frozen=True, kw_only=True)
class ShapeTable:
    """histosys: Y (cell, argument) pairs with half the difference and half the sum of the variations, in events.

    An argument is a parameter times a scale; ``parameter`` is that of each pair.
    """

    cell: Index
    parameter: Index
    argument: Index
    argument_parameter: Index
    argument_scale: Vector
    difference: Vector
    total: Vector
    code: ShapeCode


@dataclass(frozen=True, kw_only=True)
class CustomTable:
    """A modifier of one's own: M cells, P parameters."""

    cells: Index
    parameters: Index
    factor: BinFactor

    def at(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Factors (M,), none exactly zero, and the derivatives of their logarithms (M, P)."""
        value, slopes = self.factor.factors(theta[self.parameters])
        value = np.where(value == 0.0, _TINY, value)
        return value, slopes / value[:, None]


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
    shape_slope : ndarray, (Y,), events
        Derivatives of the contents by the parameters of the histosys.
    is_floored : ndarray of bool, (B,)
        Bins whose rate would be less than 1e-20.
    custom : tuple of ndarray, (M, P)
        Derivatives of the logarithms of the factors of one's own.
    """

    bins: Vector
    cells: Vector
    factor: Vector
    content: Vector
    linear: Matrix
    kappa: Vector
    kappa_slope: Vector
    shape_slope: Vector
    is_floored: NDArray[np.bool_]
    custom: tuple[Matrix, ...]


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
    norm: NormTable
    shape: ShapeTable
    custom: tuple[CustomTable, ...]
    keys: Index
    gradient_keys: Index
    is_linear: NDArray[np.bool_]

    def rates(self, theta: Vector) -> Rates:
        """Expected events at a point, (K,)."""
        extended = np.empty(len(theta) + 1)
        extended[:-1] = np.where(theta == 0.0, _TINY, theta)
        extended[-1] = 1.0
        linear = extended[self.linear]
        factor = np.multiply.reduce(linear, axis=0)
        norm, shape = self.norm, self.shape
        kappa, kappa_slope = norm.factors.values(norm.scale * theta[norm.parameter])
        if len(kappa):
            of_block = np.ones(self.cell_block[-1] + 1)
            of_block[norm.blocks] = np.multiply.reduceat(kappa, norm.starts)
            factor = factor * of_block[self.cell_block]
        log_slopes = []
        for own in self.custom:
            value, log_slope = own.at(theta)
            factor[own.cells] *= value
            log_slopes.append(log_slope)
        alpha = shape.argument_scale * theta[shape.argument_parameter]
        even, even_slope, _ = even_part(alpha, shape.code)
        content = self.nominal
        if len(shape.cell):
            variation = shape.difference * alpha[shape.argument] + shape.total * even[shape.argument]
            content = content + _sums(shape.cell, variation, len(content))
        shape_slope = shape.argument_scale[shape.argument] * (
            shape.difference + shape.total * even_slope[shape.argument]
        )
        cells = factor * content
        bins = _sums(self.cell_bin, cells, self.num_bins)
        is_floored = bins < MIN_RATE
        if is_floored.any():
            bins = np.maximum(bins, MIN_RATE)
        kappa_slope = norm.scale * kappa_slope
        return Rates(
            bins, cells, factor, content, linear, kappa, kappa_slope, shape_slope, is_floored, tuple(log_slopes)
        )

    def jacobian(self, theta: Vector, rates: Rates) -> Matrix:
        """Derivatives of the bins, (B, K); zero where a bin is at its floor."""
        norm, shape = self.norm, self.shape
        parts = np.concatenate(
            [
                (rates.cells / rates.linear).ravel(),
                rates.cells[norm.cell] * (rates.kappa_slope / rates.kappa)[norm.pair],
                rates.factor[shape.cell] * rates.shape_slope,
                *(
                    (rates.cells[own.cells][:, None] * slope).ravel()
                    for own, slope in zip(self.custom, rates.custom, strict=True)
                ),
            ]
        )
        width = self.num_parameters + 1
        jacobian = _sums(self.keys, parts, self.num_bins * width).reshape(self.num_bins, width)[:, :-1]
        if rates.is_floored.any():
            jacobian[rates.is_floored] = 0.0
        return jacobian

    def gradient(self, rates: Rates, weight: Vector) -> Vector:
        """Derivatives of the weighted sum of the bins, (K,): the weights times the Jacobian, for less than that."""
        norm, shape = self.norm, self.shape
        of_cell = np.where(rates.is_floored, 0.0, weight)[self.cell_bin]
        weighted = of_cell * rates.cells
        of_block = _sums(self.cell_block, weighted, self.cell_block[-1] + 1)
        parts = [
            (weighted / rates.linear).ravel(),
            of_block[norm.block] * (rates.kappa_slope / rates.kappa),
            (of_cell * rates.factor)[shape.cell] * rates.shape_slope,
            *(weighted[own.cells] @ slope for own, slope in zip(self.custom, rates.custom, strict=True)),
        ]
        return _sums(self.gradient_keys, np.concatenate(parts), self.num_parameters + 1)[:-1]

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
            np.concatenate(
                [
                    (row + self.linear).ravel(),
                    row[norm.cell] + norm.parameter[norm.pair],
                    *((row[own.cells][:, None] + own.parameters).ravel() for own in self.custom),
                ]
            ),
            np.concatenate(
                [
                    (1.0 / rates.linear).ravel(),
                    (rates.kappa_slope / rates.kappa)[norm.pair],
                    *(slope.ravel() for slope in rates.custom),
                ]
            ),
            C * width,
        ).reshape(C, width)[:, :-1]
        content_slope = _sums(row[shape.cell] + shape.parameter, rates.shape_slope, C * width).reshape(C, width)[:, :-1]
        right = rates.content[:, None] * log_slope + 2.0 * content_slope
        product = log_slope.T @ (right * (of_cell * rates.factor)[:, None])
        total = (product + product.T) / 2.0
        diagonal = total.diagonal() + self._own_curvature(theta, rates, of_cell)
        diagonal[self.is_linear] = 0.0
        np.fill_diagonal(total, diagonal)
        if self.custom:
            self._replace_custom(total, theta, rates, of_cell * rates.cells)
        return total

    def _replace_custom(self, total: Matrix, theta: Vector, rates: Rates, of_cell: Vector) -> None:
        """Second derivatives among parameters of one's own, without terms that cancel where factors vanish."""
        used = np.unique(np.concatenate([own.parameters for own in self.custom]))
        total[np.ix_(used, used)] = 0.0
        for own, slope in zip(self.custom, rates.custom, strict=True):
            value, _ = own.at(theta)
            bend = curvature(own.factor, theta[own.parameters]) / value[:, None, None]
            total[np.ix_(own.parameters, own.parameters)] += np.tensordot(of_cell[own.cells], bend, 1)
            for other, other_slope in zip(self.custom, rates.custom, strict=True):
                if other is not own and other.cells[0] == own.cells[0]:
                    cross = (slope * of_cell[own.cells][:, None]).T @ other_slope
                    total[np.ix_(own.parameters, other.parameters)] += cross

    def _own_curvature(self, theta: Vector, rates: Rates, of_cell: Vector) -> Vector:
        """What a parameter's own second derivatives add to the diagonal, (K,)."""
        norm, shape, K = self.norm, self.shape, self.num_parameters
        bend = norm.scale**2 * norm.factors.curvatures(norm.scale * theta[norm.parameter]) / rates.kappa
        bend -= (rates.kappa_slope / rates.kappa) ** 2
        from_norm = (of_cell * rates.cells)[norm.cell] * bend[norm.pair]
        _, _, even_bend = even_part(shape.argument_scale * theta[shape.argument_parameter], shape.code)
        of_pair = (shape.argument_scale**2 * even_bend)[shape.argument]
        from_shape = (of_cell * rates.factor)[shape.cell] * shape.total * of_pair
        return _sums(norm.parameter[norm.pair], from_norm, K) + _sums(shape.parameter, from_shape, K)


def _sums(index: Index, values: Vector, length: int) -> Vector:
    """Sums of the values that share an index."""
    return np.asarray(np.bincount(index, values, length), dtype=np.float64)
