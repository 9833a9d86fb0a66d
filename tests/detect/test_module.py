from __future__ import annotations

import numpy as np
import pytest

from collidium.detect import (
    CELL_SPACING,
    MASKED,
    cell_distances,
    cell_index,
    cell_positions,
    image_cells,
    module_image,
    module_seams,
    nearest_cell,
    telescope_groups,
)

# x and y in cm of cells 0, 3, 12, 16, 31, 32, 35 and 47, from the published list
PUBLISHED = {
    0: (0.0, 0.0),
    3: (0.0, -7.2504),
    12: (6.27903, -3.6252),
    16: (-8.37204, -10.2714),
    31: (-2.0930138, 0.6042023),
    32: (4.7092705, -12.386101),
    35: (-1.5697594, -8.760895),
    47: (-7.848793, -12.386101),
}


@pytest.mark.parametrize(("cell", "position"), PUBLISHED.items())
def test_positions_are_the_published_ones(cell: int, position: tuple[float, float]) -> None:
    np.testing.assert_allclose(cell_positions()[cell] / 10, position, atol=2e-3)


def test_positions_follow_the_three_formulas() -> None:
    positions = cell_positions() / 10
    for r in range(4):
        for c in range(4):
            expected = [
                (2.09301 * r, -(1.2084 * r + 2.4168 * c)),
                (-8.37204 + 2.09301 * c, -10.2714 + 1.2084 * c + 2.4168 * r),
                (4.70927 - 2.09301 * (r + c), -12.3861 + 1.2084 * (c - r)),
            ]
            for g in range(3):
                np.testing.assert_allclose(positions[cell_index(g, r, c)], expected[g], atol=1e-4)


def test_the_module_looks_the_same_from_three_sides() -> None:
    """Turned by 120 degrees around the point where the rhombi meet, the set of cells is itself."""
    positions = cell_positions()
    middle = positions.mean(0)
    turn = np.array([[-0.5, -np.sqrt(0.75)], [np.sqrt(0.75), -0.5]])
    turned = (positions - middle) @ turn.T + middle
    distance = np.hypot(*np.moveaxis(turned[:, None] - positions, -1, 0))
    assert distance.min(1).max() < 0.1
    assert len(set(distance.argmin(1).tolist())) == 48


def test_distances_are_a_metric() -> None:
    d = cell_distances()
    assert (d == d.T).all()
    assert (np.diag(d) == 0).all()
    assert (d[:, :, None] + d[None] >= d[:, None] - 1e-9).all()
    assert np.sort(d[d > 0])[0] == pytest.approx(21.79, abs=0.01)
    assert d.max() == d[12, 47] == pytest.approx(10 * np.hypot(6.27903 + 7.848793, 12.386101 - 3.6252), abs=0.01)


def test_neighbours_across_seams() -> None:
    assert module_seams().tolist() == [
        [[0, 31], [1, 27], [2, 23], [3, 19]],
        [[3, 35], [7, 34], [11, 33], [15, 32]],
        [[16, 47], [17, 43], [18, 39], [19, 35]],
    ]


def test_pairs_are_thirty_six_and_each_cell_counts_once() -> None:
    cells, pairs, rhombi = telescope_groups()
    assert (cells.factor, pairs.factor, rhombi.factor) == (4, 2, 1)
    assert pairs.membership.shape == (36, 48)
    assert (pairs.membership.sum(1) == 4).all()
    assert len(np.unique(pairs.membership, axis=0)) == 36
    # each group hands its weight to its cells in the ratio of one over the number of the cell's groups
    number_of_groups = pairs.membership.sum(0)
    assert number_of_groups.min() == 1
    np.testing.assert_allclose((pairs.membership / number_of_groups).sum(0), 1)
    np.testing.assert_allclose(pairs.weight, (pairs.membership / number_of_groups).sum(1) / 4)
    assert pairs.weight.sum() == pytest.approx(12)
    assert rhombi.membership.sum() == 48
    assert (rhombi.membership @ np.arange(48) == [120, 376, 632]).all()


def test_every_pair_is_compact() -> None:
    positions = cell_positions()
    for row in telescope_groups()[1].membership:
        inside = positions[row > 0]
        reach = np.hypot(*(inside - inside.mean(0)).T).max()
        assert reach < CELL_SPACING


def test_the_image_shows_each_cell_once() -> None:
    image = image_cells()
    assert sorted(image[image != MASKED].tolist()) == list(range(48))


def test_neighbours_are_within_reach_of_one_kernel() -> None:
    image = image_cells()
    place = {int(cell): (i, j) for (i, j), cell in np.ndenumerate(image)}
    facing = [tuple(pair) for seam in module_seams().tolist() for pair in seam]
    for a, b in facing:
        assert max(abs(place[a][0] - place[b][0]), abs(place[a][1] - place[b][1])) == 1


def test_images_keep_values_and_types() -> None:
    cells = np.arange(1, 97).reshape(2, 48)
    images = module_image(cells)
    assert images.shape == (2, 8, 8)
    assert images.dtype == cells.dtype
    assert (images.sum((1, 2)) == cells.sum(1)).all()
    assert (images[:, image_cells() == MASKED] == 0).all()
    assert images[1, 0, 4] == cells[1, 0]


def test_every_point_belongs_to_the_nearest_cell() -> None:
    points = np.random.default_rng(1).uniform([-110, -190], [90, 40], (5000, 2))
    distance = np.hypot(*np.moveaxis(points[:, None] - cell_positions(), -1, 0))
    cell = nearest_cell(points)
    reach = 24.168 / np.sqrt(3)
    inside = distance.min(1) < reach - 1
    assert (cell[distance.min(1) > reach + 1] == -1).all()
    assert (cell[inside] >= 0).all()
    # a pixel of 1 mm may be off by its half diagonal
    found = np.take_along_axis(distance[inside], cell[inside, None], 1)[:, 0]
    assert (found - distance[inside].min(1)).max() < np.sqrt(2)
