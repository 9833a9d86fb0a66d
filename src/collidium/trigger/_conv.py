"""Convolutions: patches, then a matrix or a layer of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from collidium.artifact import InputError
from collidium.trigger._dense import MatrixOptions, WeightedLayer
from collidium.trigger._layer import QuantLayer
from collidium.trigger._lut_dense import LutDense, TableOptions
from collidium.trigger._signal import Signal, take
from collidium.trigger._wire import Wire

Padding = Literal["same", "valid"]


def patch_index(
    shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Padding
) -> NDArray[np.int64]:
    """Places of the elements of every patch of an image with channels last.

    Parameters
    ----------
    shape : sequence of int
        Image, ``(L, C)`` or ``(H, W, C)``.
    kernel, stride : sequence of int
        For each axis but the channels.
    padding : {"same", "valid"}
        Zeros around the image so that the output has ceil(size / stride) places, the odd one at the end; or none.

    Returns
    -------
    ndarray of int64, (*places, kernel * C)
        Index into the flattened image, -1 for a zero.

    Examples
    --------
    >>> patch_index((4, 1), (3,), (2,), "same").tolist()
    [[0, 1, 2], [2, 3, -1]]
    """
    axes = []
    for size, width, step in zip(shape[:-1], kernel, stride, strict=True):
        places = -(-size // step) if padding == "same" else (size - width) // step + 1
        before = max((places - 1) * step + width - size, 0) // 2 if padding == "same" else 0
        if places < 1:
            raise InputError(f"kernel {tuple(kernel)} does not fit into an image of shape {tuple(shape)}")
        axes.append(np.arange(places)[:, None] * step + np.arange(width) - before)
    C, index, is_inside = shape[-1], np.zeros((), np.int64), np.ones((), np.bool_)
    for size, axis in zip(shape[:-1], axes, strict=True):
        index = index[..., None, None] * size + axis
        is_inside = is_inside[..., None, None] & (axis >= 0) & (axis < size)
    index = np.where(is_inside[..., None], index[..., None] * C + np.arange(C), -1)
    num = len(axes)
    order = [*range(0, 2 * num, 2), *range(1, 2 * num, 2), 2 * num]
    return index.transpose(order).reshape(*(len(axis) for axis in axes), -1)


class QuantConv(WeightedLayer):
    """A convolution with channels last, in one or two dimensions.

    Parameters
    ----------
    shape : sequence of int
        Image without the batch axis, ``(L, C)`` or ``(H, W, C)``.
    num_outputs : int
        Filters.
    kernel, stride : int
        Along every axis.
    padding : {"same", "valid"}
        As in :func:`patch_index`.
    **options
        As in :class:`WeightedLayer`.
    """

    is_arranged = False

    def __init__(
        self,
        shape: Sequence[int],
        num_outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        padding: Padding = "same",
        **options: Unpack[MatrixOptions],
    ) -> None:
        num = len(shape) - 1
        self.index = patch_index(shape, (kernel,) * num, (stride,) * num, padding)
        super().__init__(shape, self.index.shape[-1], num_outputs, **options)

    def arrange(self, x: Signal) -> Signal:
        """Cut patches."""
        return take(x, self.index)


class QuantConv1d(QuantConv):
    """A convolution over one axis, ``(L, C)``.

    Examples
    --------
    >>> import torch
    >>> QuantConv1d((50, 3), 1)(torch.zeros(2, 50, 3)).shape
    torch.Size([2, 50, 1])
    """


class QuantConv2d(QuantConv):
    """A convolution over two axes, ``(H, W, C)``.

    Examples
    --------
    >>> import torch
    >>> QuantConv2d((8, 8, 1), 8, stride=2)(torch.zeros(2, 8, 8, 1)).shape
    torch.Size([2, 4, 4, 8])
    """


class LutConv(QuantLayer):
    """A convolution whose patches go through a layer of tables.

    Parameters
    ----------
    shape : sequence of int
        Image without the batch axis, ``(L, C)`` or ``(H, W, C)``.
    num_outputs : int
        Filters.
    kernel, stride : int
        Along every axis.
    padding : {"same", "valid"}
        As in :func:`patch_index`.
    **options
        As in :class:`LutDense`.

    Examples
    --------
    >>> import torch
    >>> LutConv((6, 2), 4)(torch.rand(3, 6, 2)).shape
    torch.Size([3, 6, 4])
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        padding: Padding = "same",
        **options: Unpack[TableOptions],
    ) -> None:
        super().__init__()
        num = len(shape) - 1
        self.index = patch_index(shape, (kernel,) * num, (stride,) * num, padding)
        self.tables = LutDense(self.index.shape, num_outputs, **options)

    def compute(self, x: Tensor) -> Tensor:
        """Map (N, *shape) to (N, *places, num_outputs)."""
        out: Tensor = self.tables(take(x, self.index))
        return out

    def freeze(self, x: Wire) -> Wire:
        """Cut patches; make the tables."""
        out: Wire = self.tables(take(x, self.index))
        return out
