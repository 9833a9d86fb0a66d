from __future__ import annotations

import pytest
import torch

from collidium.trigger._cells import CellSums, find_cells, look_up


@pytest.mark.parametrize("K", [1, 2])
def test_every_sample_lies_in_its_cell(K: int) -> None:
    x = torch.randn(300, K, 3)
    f = torch.tensor([[1.0, 2.0, 0.0]]).expand(K, 3)
    cells = find_cells(x, f)
    columns = cells.rows - torch.arange(3) * cells.num_cells
    for k in range(K):
        lower = cells.lower[k].gather(1, columns.T).T
        assert (lower <= x[:, k]).all()
        assert (x[:, k] < lower + 2 ** -f[k]).all()
    assert torch.equal(cells.low, (torch.floor(x.amin(0) * 2**f) / 2**f))
    assert torch.equal(cells.high, (torch.floor(x.amax(0) * 2**f) / 2**f))


def test_only_visited_cells_are_kept_when_there_are_many() -> None:
    x = torch.tensor([-1000.0, 0.0, 0.1, 1000.0])[:, None, None]
    cells = find_cells(x, torch.full((1, 1), 4.0))
    assert cells.lower.flatten().tolist() == [-1000.0, 0.0, 0.0625, 1000.0]
    assert cells.rows.flatten().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("K", [1, 2])
def test_marking_finds_the_cells_that_sorting_finds(K: int) -> None:
    x = torch.randint(-3, 4, (400, K, 5)).float() * torch.arange(1, 6)
    cells = find_cells(x, torch.zeros(K, 5))
    for g in range(5):
        wanted = torch.unique(x[:, :, g], dim=0)
        own = cells.lower[:, g].T
        assert torch.equal(own[: len(wanted)], wanted)
        assert torch.equal(own[cells.rows[:, g] - g * cells.num_cells], x[:, :, g])
    assert cells.num_cells == 7**K


def test_sums_over_cells_are_index_sums() -> None:
    rows = torch.randint(0, 7, (50, 3)) + torch.arange(3) * 7
    values, weights = torch.randn(50, 4), torch.randn(3, 50)
    sums = CellSums(rows, torch.bincount(rows.flatten(), minlength=21).reshape(3, 7))
    plain = torch.zeros(21, 4).index_add(0, rows.T.flatten(), values.repeat(3, 1))
    weighted = torch.zeros(21, 4).index_add(0, rows.T.flatten(), values.repeat(3, 1) * weights.flatten()[:, None])
    torch.testing.assert_close(sums.sum(values), plain.reshape(3, 7, 4))
    torch.testing.assert_close(sums.sum(values, weights), weighted.reshape(3, 7, 4))


def test_look_up_adds_the_rows() -> None:
    tables, rows = torch.randn(3, 7, 4), torch.randint(0, 7, (50, 3)) + torch.arange(3) * 7
    torch.testing.assert_close(look_up(tables, rows), tables.reshape(21, 4)[rows].sum(1))
