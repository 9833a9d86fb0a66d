"""Slot 9: the step itself."""

from __future__ import annotations

from collidium.optim._pipeline import MatrixStep, Options, Slot


def _apply(matrices: list[MatrixStep], options: Options) -> None:
    """``W <- W - rate factor O``, block by block."""
    for matrix in matrices:
        for piece, block, factor in zip(matrix.weight_pieces(), matrix.blocks, matrix.factors, strict=True):
            piece.add_(block.reshape(piece.shape), alpha=-matrix.rate * factor)


APPLY = Slot(number=9, variant="W - step", advance=_apply)
