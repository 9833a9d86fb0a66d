"""A hexagonal module of an endcap calorimeter: its 48 trigger cells, their neighbours and their image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from collidium.detect._particles import Float, Int

CELL_SPACING = 24.168
NUM_CELLS = 48
MASKED = -1
_SIDE = 4
_STEP = CELL_SPACING * np.sqrt(3) / 2
_HALF = CELL_SPACING / 2
# corner of each rhombus, and the steps of a row and of a column, mm
_RHOMBI = (
    ((0.0, 0.0), (_STEP, -_HALF), (0.0, -CELL_SPACING)),
    ((-83.7204, -102.714), (0.0, CELL_SPACING), (_STEP, _HALF)),
    ((47.0927, -123.861), (-_STEP, -_HALF), (-_STEP, _HALF)),
)


@dataclass(frozen=True)
class CellGroups:
    """Groups of trigger cells whose sums are compared.

    Attributes
    ----------
    membership : ndarray, (G, 48), 1
        1 where a cell belongs to a group.
    weight : ndarray, (G,), 1
        Weight of each group.
    factor : float
        Weight of this size of groups among the others.
    """

    membership: Float
    weight: Float
    factor: float


def cell_index(rhombus: int, row: int, column: int) -> int:
    """Number of a trigger cell: ``16 rhombus + 4 row + column``."""
    return 16 * rhombus + _SIDE * row + column


def cell_positions() -> Float:
    """Centres of the trigger cells.

    Returns
    -------
    ndarray, (48, 2), mm
        x and y. Three rhombi of 4 x 4 cells on triangular lattices of 24.168 mm; the lattices do not continue each
        other, cells that face across a seam are 21.8 mm apart.

    References
    ----------
    Di Guglielmo et al., arXiv:2105.01683 (the module); the coordinates are those of its public training code.

    Examples
    --------
    >>> cell_positions()[[0, 16, 47]].round(1).tolist()
    [[0.0, 0.0], [-83.7, -102.7], [-78.5, -123.9]]
    """
    positions = np.zeros((NUM_CELLS, 2))
    for g, (corner, row_step, column_step) in enumerate(_RHOMBI):
        for r in range(_SIDE):
            for c in range(_SIDE):
                positions[cell_index(g, r, c)] = np.add(corner, r * np.array(row_step) + c * np.array(column_step))
    return positions


def cell_distances() -> Float:
    """Distances between the centres of trigger cells, the metric of the earth mover's distance.

    Returns
    -------
    ndarray, (48, 48), mm
        Euclidean distances. The public code divides by half the cell spacing, 12.084 mm, or quotes cm.

    Examples
    --------
    >>> round(float(cell_distances()[0, 1]), 3)
    24.168
    """
    positions = cell_positions()
    difference = positions[:, None] - positions
    return np.hypot(difference[..., 0], difference[..., 1])


def module_seams() -> Int:
    """Pairs of cells that face each other across the seams between rhombi.

    Returns
    -------
    ndarray of int64, (3, 4, 2)
        For the seams 0-1, 0-2 and 1-2 the four pairs in order along the seam.

    Examples
    --------
    >>> module_seams()[0].tolist()
    [[0, 31], [1, 27], [2, 23], [3, 19]]
    """
    distance = cell_distances()
    rhombus = np.arange(NUM_CELLS) // _SIDE**2
    return np.stack(
        [
            np.argwhere((distance < CELL_SPACING - 1) & (rhombus[:, None] == a) & (rhombus == b))
            for a, b in ((0, 1), (0, 2), (1, 2))
        ]
    )


def telescope_groups() -> tuple[CellGroups, ...]:
    """Groups of the telescope loss: cells, overlapping 2 x 2 groups and rhombi.

    Returns
    -------
    tuple of CellGroups
        48 cells with factor 4, 36 groups with factor 2, 3 rhombi with factor 1.

    Notes
    -----
    Nine 2 x 2 groups lie in each rhombus, and three across each seam, of two facing pairs that are neighbours. A group
    weighs a quarter of the sum over its cells of one over the number of groups of the cell, so that each cell counts
    once.

    Examples
    --------
    >>> [len(groups.weight) for groups in telescope_groups()]
    [48, 36, 3]
    """
    quads = [
        [cell_index(g, r + dr, c + dc) for dr in (0, 1) for dc in (0, 1)]
        for g in range(3)
        for r in range(_SIDE - 1)
        for c in range(_SIDE - 1)
    ]
    quads += [[*seam[i], *seam[i + 1]] for seam in module_seams().tolist() for i in range(_SIDE - 1)]
    pairs = np.zeros((len(quads), NUM_CELLS))
    for row, quad in zip(pairs, quads, strict=True):
        row[quad] = 1
    rhombi = np.repeat(np.eye(3), _SIDE**2, axis=1)
    return (
        CellGroups(np.eye(NUM_CELLS), np.ones(NUM_CELLS), 4.0),
        CellGroups(pairs, pairs @ (1 / pairs.sum(0)) / 4, 2.0),
        CellGroups(rhombi, np.ones(3), 1.0),
    )


def image_cells() -> Int:
    """Layout of the cells as an image in which neighbours across every seam are neighbours.

    Returns
    -------
    ndarray of int64, (8, 8)
        Cell shown by each pixel, ``MASKED`` for none. Rhombi 1 and 0 fill the upper half; rhombus 2 is laid out twice
        in the lower half, below rhombus 1 and, turned, below rhombus 0, and each of its cells is shown in the copy in
        which it is nearer to the seam.

    Examples
    --------
    >>> int((image_cells() == MASKED).sum())
    16
    """
    image = np.full((2 * _SIDE, 2 * _SIDE), MASKED, dtype=np.int64)
    last = _SIDE - 1
    for i in range(_SIDE):
        for j in range(_SIDE):
            image[i, j] = cell_index(1, last - i, j)
            image[i, _SIDE + j] = cell_index(0, j, i)
            if i + j <= last:
                image[_SIDE + i, j] = cell_index(2, last - j, last - i)
            if i < j:
                image[_SIDE + i, _SIDE + j] = cell_index(2, i, last - j)
    return image


def module_image(cells: Float | Int) -> Float | Int:
    """Lay values of cells out as images.

    Parameters
    ----------
    cells : ndarray, (N, 48)
        Values of any type.

    Returns
    -------
    ndarray, (N, 8, 8)
        The values, 0 in masked pixels.

    Examples
    --------
    >>> module_image(np.ones((1, 48))).sum().item()
    48.0
    """
    padded = np.concatenate([cells, np.zeros((len(cells), 1), dtype=cells.dtype)], axis=1)
    image: Float | Int = padded[:, image_cells()]
    return image


def nearest_cell(points: Float) -> Int:
    """Trigger cell that a point belongs to.

    Parameters
    ----------
    points : ndarray, (T, 2), mm
        Points in the plane of the module.

    Returns
    -------
    ndarray of int64, (T,)
        The cell with the nearest centre, looked up on a grid of 1 mm, or -1 for points more than a cell's corner
        (13.95 mm) away from every centre.

    Examples
    --------
    >>> nearest_cell(np.array([[1.0, -1.0], [500.0, 0.0]])).tolist()
    [0, -1]
    """
    grid, origin = _cell_grid()
    pixel = np.clip(np.floor(points - origin), 0, np.array(grid.shape) - 1).astype(np.int64)
    cell: Int = grid[pixel[:, 0], pixel[:, 1]]
    return cell


@lru_cache(maxsize=1)
def _cell_grid() -> tuple[Int, Float]:
    """Cell of each square of 1 mm, -1 for none, with an empty border, and the corner of the grid, mm."""
    positions = cell_positions()
    reach = CELL_SPACING / math.sqrt(3)
    origin = np.floor(positions.min(0) - reach) - 1
    shape = np.ceil(positions.max(0) + reach - origin).astype(np.int64) + 1
    middle = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij"), axis=-1) + origin
    distance = np.hypot(*np.moveaxis(middle[..., None, :] - positions, -1, 0))
    return np.where(distance.min(-1) <= reach, distance.argmin(-1), -1), origin
