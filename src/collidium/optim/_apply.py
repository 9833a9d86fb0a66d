"""Slot 9: the step itself."""

from __future__ import annotations

from torch import Tensor

from collidium.optim._pipeline import MatrixStep, Options, Slot


def _apply(matrices: list[MatrixStep], options: Options) -> None:
    """``W <- W - rate factor scale O``, block by block."""
    for matrix in matrices:
        for index, (piece, block) in enumerate(zip(matrix.weight_pieces(), matrix.blocks, strict=True)):
            rate = matrix.rate * matrix.factors[index]
            if matrix.scales:
                scale = matrix.view.on_piece(matrix.scales[index], piece)
                piece.addcmul_(_operand(matrix, block, piece), scale, value=-rate)
            else:
                piece.add_(_operand(matrix, block, piece), alpha=-rate)


def capped(scale: Tensor, rate: float) -> Tensor:
    """``min(scale, 1 / rate)``: times the rate, no step is longer than the direction, no decay goes through zero.

    Examples
    --------
    >>> import torch
    >>> capped(torch.tensor([0.5, 3.0]), 0.4)
    tensor([0.5000, 2.5000])
    """
    return scale.clamp(max=1.0 / rate) if rate > 0.0 else scale


def _apply_capped(matrices: list[MatrixStep], options: Options) -> None:
    """``W <- W - min(1, rate factor scale) O``, block by block."""
    for matrix in matrices:
        rows = zip(matrix.weight_pieces(), matrix.blocks, matrix.scales, matrix.factors, strict=True)
        for piece, block, scale, factor in rows:
            rate = matrix.rate * factor
            step = matrix.view.on_piece(capped(scale, rate), piece)
            piece.addcmul_(_operand(matrix, block, piece), step, value=-rate)


def _operand(matrix: MatrixStep, block: Tensor, piece: Tensor) -> Tensor:
    """The block in the shape of the piece, widened to its precision: a CPU would take new memory for that."""
    shaped = block if block.shape == piece.shape else block.reshape(piece.shape)
    if piece.device.type != "cpu" or block.dtype.itemsize >= piece.dtype.itemsize:
        return shaped
    return matrix.scratch.brief(piece).copy_(shaped)


APPLY = Slot(number=9, variant="W - step", advance=_apply)
CAPPED_APPLY = Slot(number=9, variant="W - step of at most the direction", advance=_apply_capped)
