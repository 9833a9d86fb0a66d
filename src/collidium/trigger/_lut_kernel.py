"""Machine code of a layer of tables with one input each, in training: everything once for each cell of the batch.

R cells of all G groups lie one after the other, those of group g from ``starts[g]`` on. Arrays over cells and outputs
are stored group by group, in each output by output, in each cell by cell; those over hidden units have these before
the cells. Arrays that samples index, ``(R, U)``, have the outputs last.

A loop either sums or writes. One that does both is compiled twice, for arrays apart and for arrays that may overlap,
and takes one or the other by how far apart they happen to lie: with sums in any order, results would depend on it.
"""

from __future__ import annotations

import numpy as np

from collidium.trigger._machine_code import SUMS, Floats, Integers, machine_code

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


@machine_code()
def arguments(
    lower: Floats,
    starts: Integers,
    scale: Floats,
    step: Floats,
    is_rounded: bool,
    w1: Floats,
    b1: Floats,
    v: Floats,
    h: Floats,
) -> None:
    """Write what each edge's function sees in each cell, and the arguments of its hidden units.

    Parameters
    ----------
    lower, starts
        As in ``_cell_kernel.find_cells``.
    scale, step : (G, U)
        Powers of two of the edges' widths.
    is_rounded : bool
        Whether inputs are rounded half up, or truncated.
    w1, b1 : (D, G, U)
        First weights.
    v, h : (R U,), (R U D,)
        Written.
    """
    num_units, num_groups, num_outputs = b1.shape
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            own, factor, width = v[place : place + size], scale[g, u], step[g, u]
            for c in range(size):
                scaled = lower[first + c] * factor
                own[c] = (np.floor(scaled + _HALF) if is_rounded else np.floor(scaled) + _HALF) * width
            for d in range(num_units):
                unit = h[place * num_units + d * size : place * num_units + (d + 1) * size]
                weight, bias = w1[d, g, u], b1[d, g, u]
                for c in range(size):
                    unit[c] = bias + own[c] * weight


@machine_code(SUMS)
def outputs(
    h: Floats,
    starts: Integers,
    counts: Floats,
    w2: Floats,
    b2: Floats,
    num: int,
    p: Floats,
    mean: Floats,
    variance: Floats,
) -> None:
    """Write the functions' outputs, and their mean and variance over N samples and all groups.

    Parameters
    ----------
    h : (R U D,)
        Hidden units.
    starts, counts
        As in ``_cell_kernel.find_cells``.
    w2, b2 : (D, G, U), (G, U)
        Second weights.
    num : int
        N.
    p, mean, variance : (R U,), (U,), (U,)
        Written.
    """
    num_units, num_groups, num_outputs = w2.shape
    mean[:] = _ZERO
    variance[:] = _ZERO
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        weights = counts[first : first + size]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            out = p[place : place + size]
            out[:] = b2[g, u]
            for d in range(num_units):
                unit = h[place * num_units + d * size : place * num_units + (d + 1) * size]
                weight = w2[d, g, u]
                for c in range(size):
                    out[c] += weight * unit[c]
            total = _ZERO
            for c in range(size):
                total += weights[c] * out[c]
            mean[u] += total / (num * num_groups)
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        weights = counts[first : first + size]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            out, middle = p[place : place + size], mean[u]
            total = _ZERO
            for c in range(size):
                total += weights[c] * (out[c] - middle) * (out[c] - middle)
            variance[u] += total / (num * num_groups)


@machine_code()
def entries(
    p: Floats,
    starts: Integers,
    factor: Floats,
    shift: Floats,
    low: Floats,
    high: Floats,
    scale: Floats,
    step: Floats,
    tables: Floats,
    error: Floats,
    side: Floats,
) -> None:
    """Normalise, saturate and round half up.

    Parameters
    ----------
    p, starts
        As in :func:`outputs`.
    factor, shift : (U,)
        Of the normalisation.
    low, high, scale, step : (G, U)
        Limits of the entries, and powers of two of their widths.
    tables : (R, U)
        Written: entries.
    error, side : (R U,)
        Written: what rounding took away inside the range; 1 above it, -1 below it, else 0.
    """
    num_groups, num_outputs = low.shape
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            least, most = low[g, u], high[g, u]
            for c in range(size):
                value = p[place + c] * factor[u] + shift[u]
                side[place + c] = _ONE if value > most else (-_ONE if value < least else _ZERO)
                kept = min(max(value, least), most)
                scaled = kept * scale[g, u]
                rounded = np.ceil(np.floor(scaled + scaled) * _HALF) * step[g, u]
                error[place + c] = kept - rounded
                tables[first + c, u] = rounded


@machine_code(SUMS)
def entry_sums(
    grads: Floats,
    starts: Integers,
    p: Floats,
    mean: Floats,
    error: Floats,
    side: Floats,
    sums: Floats,
    total: Floats,
    projected: Floats,
) -> None:
    """Sum the gradients of the entries.

    Parameters
    ----------
    grads : (R, U)
        Gradients of the entries.
    starts, p, mean, error, side
        As in :func:`outputs` and :func:`entries`.
    sums : (3, G, U)
        Written for each table: the sum of gradients times rounding errors, and that of gradients above and below the
        range.
    total, projected : (U,)
        Written: sums over all tables, inside the range, of gradients and of gradients times ``p - mean``.
    """
    num_groups, num_outputs = sums.shape[1:]
    total[:] = _ZERO
    projected[:] = _ZERO
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            inner, above, below, inside, moment = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
            for c in range(size):
                grad, where = grads[first + c, u], side[place + c]
                inner += grad * error[place + c]
                above += grad if where > _ZERO else _ZERO
                below += grad if where < _ZERO else _ZERO
                passed = grad if where == _ZERO else _ZERO
                inside += passed
                moment += passed * (p[place + c] - mean[u])
            sums[0, g, u], sums[1, g, u], sums[2, g, u] = inner, above, below
            total[u] += inside
            projected[u] += moment


@machine_code(SUMS)
def backward(
    grads: Floats,
    moments: Floats,
    inputs: Floats,
    counts: Floats,
    starts: Integers,
    v: Floats,
    h: Floats,
    p: Floats,
    side: Floats,
    factor: Floats,
    slope: Floats,
    level: Floats,
    w1: Floats,
    w2: Floats,
    grad_w1: Floats,
    grad_b1: Floats,
    grad_w2: Floats,
    grad_b2: Floats,
    grad_f: Floats,
    through: Floats,
    own: Floats,
) -> None:
    """Compute the gradients.

    Parameters
    ----------
    grads, moments, inputs
        As in ``_cell_kernel.cell_sums``.
    counts, starts, v, h, p, side, factor
        As in the functions above.
    slope, level : (U,)
        Gradient that reaches each sample's output through the statistics of the batch: ``slope p + level``.
    w1, w2 : (D, G, U)
        Weights.
    grad_w1, grad_b1, grad_w2, grad_b2, grad_f : (D, G, U) three times, (G, U) twice
        Written: gradients of the weights, and of the inputs' widths but for ln 2.
    through, own : (R, U), (R,)
        Written: derivatives of entries by inputs, and of the statistics' part.
    """
    num_units, num_groups, num_outputs = w1.shape
    own[:] = _ZERO
    longest = 0
    for g in range(num_groups):
        longest = max(longest, starts[g + 1] - starts[g])
    work = np.empty((3, longest), p.dtype)
    passed, moment, derivative = work[0], work[1], work[2]
    for g in range(num_groups):
        first, size = starts[g], starts[g + 1] - starts[g]
        for u in range(num_outputs):
            place = first * num_outputs + u * size
            total = _ZERO
            for c in range(size):
                is_inside = side[place + c] == _ZERO
                excess = slope[u] * p[place + c] + level[u]
                gradient = (grads[first + c, u] if is_inside else _ZERO) + counts[first + c] * excess
                kept = moments[first + c, u] if is_inside else _ZERO
                moment[c] = kept + inputs[first + c] * excess - gradient * v[place + c]
                passed[c] = gradient * factor[u]
                derivative[c] = _ZERO
            for c in range(size):
                total += passed[c]
            grad_b2[g, u] = total
            for d in range(num_units):
                unit = h[place * num_units + d * size : place * num_units + (d + 1) * size]
                first_weight, second_weight = w1[d, g, u], w2[d, g, u]
                by_first, by_bias, by_second = _ZERO, _ZERO, _ZERO
                for c in range(size):
                    derivative[c] += second_weight * (_ONE - unit[c] * unit[c]) * first_weight
                for c in range(size):
                    rise = second_weight * (_ONE - unit[c] * unit[c])
                    by_bias += rise * passed[c]
                    by_first += rise * passed[c] * v[place + c]
                    by_second += unit[c] * passed[c]
                grad_w1[d, g, u], grad_b1[d, g, u], grad_w2[d, g, u] = by_first, by_bias, by_second
            total = _ZERO
            for c in range(size):
                total += derivative[c] * moment[c]
            grad_f[g, u] = total * factor[u]
            for c in range(size):
                rise = derivative[c] * factor[u]
                through[first + c, u] = rise if side[place + c] == _ZERO else _ZERO
                own[first + c] += rise * (slope[u] * p[place + c] + level[u])
