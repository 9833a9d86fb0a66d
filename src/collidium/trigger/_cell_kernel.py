"""Machine code that sorts samples into cells, and carries sums between samples and cells.

R cells of all G groups lie one after the other, those of group g from ``starts[g]`` on.
"""

from __future__ import annotations

import numpy as np

from collidium.trigger._machine_code import SUMS, Floats, Integers, machine_code

_WIDEST_MARKED = 1 << 16
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@machine_code()
def find_cells(
    x: Floats, scale: Floats, rows: Integers, starts: Integers, counts: Floats, lower: Floats, low: Floats, high: Floats
) -> bool:
    """Sort a batch (N, G) into cells of width ``1 / scale``, of which those with samples in them are kept.

    Parameters
    ----------
    x : (N, G)
        Inputs.
    scale : (G,)
        Powers of two.
    rows : (N, G)
        Written: cell of each sample.
    starts : (G + 1,)
        Written: first cell of each group.
    counts, lower : (N G,)
        Written as far as there are cells: samples in each, and its lower edge.
    low, high : (G,)
        Written: lower edges of the lowest and the highest cell.

    Returns
    -------
    bool
        Whether all inputs are finite.
    """
    num, num_groups = x.shape
    whole = np.empty(num, x.dtype)
    filled = 0
    for g in range(num_groups):
        starts[g] = filled
        least, most = np.inf, -np.inf
        for n in range(num):
            whole[n] = np.floor(x[n, g] * scale[g])
            if not np.isfinite(whole[n]):
                return False
            least, most = min(least, whole[n]), max(most, whole[n])
        if most - least < _WIDEST_MARKED:
            places = np.zeros(int(most - least) + 1, np.int64)
            for n in range(num):
                places[int(whole[n] - least)] = 1
            for c in range(len(places)):
                if places[c]:
                    places[c], lower[filled], counts[filled] = filled, (least + c) / scale[g], _ZERO
                    filled += 1
            for n in range(num):
                rows[n, g] = places[int(whole[n] - least)]
        else:
            content = np.unique(whole)
            rows[:, g] = starts[g] + np.searchsorted(content, whole)
            for value in content:
                lower[filled], counts[filled] = value / scale[g], _ZERO
                filled += 1
        for n in range(num):
            counts[rows[n, g]] += _ONE
        low[g], high[g] = least / scale[g], most / scale[g]
    starts[num_groups] = filled
    return True


@machine_code()
def look_up(tables: Floats, rows: Integers, y: Floats) -> None:
    """Write the sum (N, U) over groups of each sample's entries."""
    y[:] = _ZERO
    for n in range(len(rows)):
        own = y[n]
        for g in range(rows.shape[1]):
            entry = tables[rows[n, g]]
            for u in range(len(own)):
                own[u] += entry[u]


@machine_code()
def cell_sums(grad: Floats, x: Floats, rows: Integers, grads: Floats, moments: Floats, inputs: Floats) -> None:
    """Write sums over the samples in each cell: of ``grad`` and ``x grad``, (R, U), and of ``x``, (R,)."""
    grads[:] = _ZERO
    moments[:] = _ZERO
    inputs[:] = _ZERO
    for n in range(len(rows)):
        own = grad[n]
        for g in range(rows.shape[1]):
            row, value = rows[n, g], x[n, g]
            inputs[row] += value
            total, moment = grads[row], moments[row]
            for u in range(len(own)):
                total[u] += own[u]
                moment[u] += value * own[u]


@machine_code(SUMS)
def input_gradient(grad: Floats, rows: Integers, through: Floats, own: Floats, out: Floats) -> None:
    """Write the gradient (N, G) of the inputs, from that of the sums (N, U)."""
    for n in range(len(rows)):
        for g in range(rows.shape[1]):
            row = rows[n, g]
            entry, total = through[row], own[row]
            for u in range(len(entry)):
                total += grad[n, u] * entry[u]
            out[n, g] = total
