from __future__ import annotations

import pytest
import torch

from collidium.optim._matrix_view import MatrixView

VIEWS = [
    (MatrixView(), (6, 4), [(6, 4)]),
    (MatrixView(split_sizes=(3, 1, 2)), (6, 4), [(3, 4), (1, 4), (2, 4)]),
    (MatrixView(split_sizes=(3, 3)), (6, 4), [(2, 3, 4)]),
    (MatrixView(split_sizes=(6,)), (6, 4), [(6, 4)]),
    (MatrixView(kind="stack", split_sizes=(2, 2, 2)), (5, 6, 4), [(5, 3, 2, 4)]),
    (MatrixView(kind="flatten", split_sizes=(3, 3)), (6, 4, 3), [(3, 12), (3, 12)]),
    (MatrixView(kind="stack"), (2, 3, 6, 4), [(2, 3, 6, 4)]),
    (MatrixView(kind="stack", split_sizes=(2, 4)), (5, 6, 4), [(5, 2, 4), (5, 4, 4)]),
    (MatrixView(kind="flatten"), (6, 4, 3, 3), [(6, 36)]),
    (MatrixView(kind="flatten", split_sizes=(4, 2)), (6, 4, 3), [(4, 12), (2, 12)]),
]


@pytest.mark.parametrize(("view", "shape", "blocks"), VIEWS)
def test_blocks_cover_every_element_once(
    view: MatrixView, shape: tuple[int, ...], blocks: list[tuple[int, ...]]
) -> None:
    view.check(shape, "w")
    tensor = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    assert [tuple(block.shape) for block in view.blocks(tensor)] == blocks
    assert sorted(torch.cat([block.flatten() for block in view.blocks(tensor)]).tolist()) == tensor.flatten().tolist()
    for piece, block in zip(view.pieces(tensor), view.blocks(tensor), strict=True):
        assert torch.equal(block.reshape(piece.shape), piece)
        piece.zero_()
    assert torch.equal(tensor, torch.zeros(shape))


@pytest.mark.parametrize(("view", "shape", "blocks"), VIEWS)
def test_what_belongs_to_rows_and_blocks_is_split_and_joined_alike(
    view: MatrixView, shape: tuple[int, ...], blocks: list[tuple[int, ...]]
) -> None:
    assert view.block_shapes(shape) == blocks
    rows = torch.rand(*view.matrix_shape(shape)[:-1], 1)
    assert [part.shape[:-1] for part in view.row_pieces(rows)] == [block[:-1] for block in blocks]
    assert torch.equal(view.joined(view.row_pieces(rows)), rows)
    numbers = torch.rand(view.scalars_shape(shape))
    assert [tuple(part.shape) for part in view.per_block(numbers)] == [(*block[:-2], 1, 1) for block in blocks]
    assert torch.equal(view.joined(view.per_block(numbers)), numbers)


@pytest.mark.parametrize(
    ("view", "shape", "message"),
    [
        (MatrixView(), (3,), "shape \\(3,\\); the view 'matrix' needs 2 dimensions"),
        (MatrixView(), (2, 3, 4), "set the group's view to 'stack' or 'flatten'"),
        (MatrixView(kind="stack"), (3,), "at least 2 dimensions"),
        (MatrixView(kind="stak"), (3, 3), "unknown view 'stak'; did you mean stack"),
        (MatrixView(split_sizes=(2, 2)), (6, 4), "split_sizes \\(2, 2\\) of parameter w.*sum 6"),
        (MatrixView(split_sizes=(7, -1)), (6, 4), "positive sizes"),
    ],
)
def test_refuses(view: MatrixView, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view.check(shape, "w")
