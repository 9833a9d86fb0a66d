"""How a parameter is seen as matrices: itself, a stack, a flattened convolution, blocks of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from collidium.optim._names import unknown_name

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "matrix": "(m, n): one matrix, rows are outputs",
        "stack": "(..., m, n): one matrix per leading index (experts, heads)",
        "flatten": "(out, in, ...): one matrix out x (in ...) (convolutions)",
    }
)


@dataclass(frozen=True, kw_only=True)
class MatrixView:
    """The matrices inside one parameter.

    Parameters
    ----------
    kind : {"matrix", "stack", "flatten"}
        A key of ``VIEWS``. Never guessed: a 4-dimensional tensor may be a convolution or a stack of stacks.
    split_sizes : tuple of int
        Numbers of rows of the blocks of a fused weight, for example ``(d, d, d)`` for query, key and value; empty
        if the weight is not fused. Blocks of equal size are one stack, which takes fewer operations.

    Examples
    --------
    >>> import torch
    >>> fused = MatrixView(kind="matrix", split_sizes=(4, 2, 2))
    >>> [tuple(block.shape) for block in fused.blocks(torch.zeros(8, 3))]
    [(4, 3), (2, 3), (2, 3)]
    >>> [tuple(block.shape) for block in MatrixView(split_sizes=(4, 4)).blocks(torch.zeros(8, 3))]
    [(2, 4, 3)]
    """

    kind: str = "matrix"
    split_sizes: tuple[int, ...] = ()

    def pieces(self, tensor: Tensor) -> Sequence[Tensor]:
        """Blocks of rows, not flattened, as views of ``tensor``."""
        if self.kind == "flatten" and self.split_sizes:
            return tensor.split_with_sizes(self.split_sizes, 0)
        return self.row_pieces(tensor)

    def blocks(self, tensor: Tensor) -> list[Tensor]:
        """Blocks as matrices or stacks of matrices ``(..., m, n)``."""
        if self.kind == "flatten":
            return [piece.flatten(1) for piece in self.pieces(tensor)]
        return list(self.pieces(tensor))

    def row_pieces(self, tensor: Tensor) -> Sequence[Tensor]:
        """Blocks of a tensor ``(..., rows, x)`` that has one entry per row of the matrices, as views of it."""
        if self._is_even:
            return (torch.unflatten(tensor, -2, (len(self.split_sizes), self.split_sizes[0])),)
        return tensor.split_with_sizes(self.split_sizes, -2) if self.split_sizes else (tensor,)

    def per_block(self, tensor: Tensor) -> Sequence[Tensor]:
        """Blocks ``(..., 1, x)`` of a tensor ``(..., blocks, x)`` that has one entry per block, as views of it."""
        if self._is_even:
            return (tensor.unsqueeze(-2),)
        return tensor.split_with_sizes([1] * len(self.split_sizes), -2) if self.split_sizes else (tensor,)

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """``(..., rows or blocks, x)`` of the parameter from its blocks ``(..., rows or 1, x)``."""
        if self._is_even:
            return parts[0].flatten(-3, -2)
        return torch.cat(list(parts), dim=-2) if self.split_sizes else parts[0]

    def on_piece(self, scale: Tensor, piece: Tensor) -> Tensor:
        """A scale ``(..., m or 1, n or 1)`` of a block, broadcastable to the piece of the parameter."""
        if self.kind != "flatten":
            return scale
        rows, columns = scale.shape
        return scale.reshape(rows, *(piece.shape[1:] if columns > 1 else [1] * (piece.dim() - 1)))

    def matrix_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """``(..., m, n)`` of the parameter before it is split."""
        return (shape[0], math.prod(shape[1:])) if self.kind == "flatten" else tuple(shape)

    def block_shapes(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """``(..., m, n)`` of every block."""
        *lead, rows, columns = self.matrix_shape(shape)
        if self._is_even:
            return [(*lead, len(self.split_sizes), self.split_sizes[0], columns)]
        return [(*lead, size, columns) for size in self.split_sizes or (rows,)]

    def scalars_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """``(..., blocks, 1)``, for one number per block."""
        return (*self.matrix_shape(shape)[:-2], len(self.split_sizes) or 1, 1)

    def is_one_matrix(self, shape: Sequence[int]) -> bool:
        """Whether a parameter of this shape is neither split nor a stack."""
        return not self.split_sizes and len(self.matrix_shape(shape)) == 2

    def check(self, shape: Sequence[int], name: str) -> None:
        """Raise ValueError if a parameter of this shape cannot be seen this way."""
        if self.kind not in VIEWS:
            raise unknown_name("view", self.kind, VIEWS)
        if len(shape) < 2 or (self.kind == "matrix" and len(shape) != 2):
            raise ValueError(
                f"parameter {name} has shape {tuple(shape)}; the view {self.kind!r} needs "
                + ("2 dimensions" if self.kind == "matrix" else "at least 2 dimensions")
                + (", for more set the group's view to 'stack' or 'flatten'" if len(shape) > 2 else "")
            )
        rows = self.matrix_shape(shape)[-2]
        if self.split_sizes and (min(self.split_sizes) < 1 or sum(self.split_sizes) != rows):
            raise ValueError(
                f"split_sizes {self.split_sizes} of parameter {name}: positive sizes with sum {rows} (its rows) "
                "are needed"
            )

    @property
    def _is_even(self) -> bool:
        return self.kind != "flatten" and len(self.split_sizes) > 1 and len(set(self.split_sizes)) == 1
