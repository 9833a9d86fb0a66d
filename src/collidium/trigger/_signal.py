"""Operations without parameters, on tensors while training and on wires while freezing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from collidium.artifact import InputError
from collidium.firmware import Contract, Mask, Maximum, Multiply, Negate, Relu, Select, Shift, Sum
from collidium.trigger._wire import Wire

Signal = TypeVar("Signal", Tensor, Wire)
"""A batch of values (N, *shape) or the wires (*shape) of a network that is being frozen."""


def relu(x: Signal) -> Signal:
    """The larger of the value and 0.

    Examples
    --------
    >>> relu(torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """
    if isinstance(x, Wire):
        return x.graph.add(Relu(x.graph.name("relu"), x.name))
    return functional.relu(x)


def concatenate(xs: Sequence[Signal], axis: int = -1) -> Signal:
    """Join along an axis, counted from the end.

    Examples
    --------
    >>> concatenate([torch.zeros(1, 2), torch.ones(1, 1)])
    tensor([[0., 0., 1.]])
    """
    _check_axis(axis)
    first = xs[0]
    if isinstance(first, Wire):
        starts = np.cumsum([0, *(int(np.prod(x.shape)) for x in xs)])
        places = [
            start + np.arange(int(np.prod(x.shape))).reshape(x.shape) for start, x in zip(starts, xs, strict=False)
        ]
        names = [x.name for x in xs if isinstance(x, Wire)]
        return first.graph.add(Select(first.graph.name("concat"), names, np.concatenate(places, axis=axis)))
    return torch.cat([x for x in xs if isinstance(x, Tensor)], dim=axis)


def take(x: Signal, index: ArrayLike) -> Signal:
    """Elements by their place in the flattened tensor, in the shape of the index; -1 is the constant 0.

    Examples
    --------
    >>> take(torch.tensor([[5.0, 6.0]]), [[1, 0], [-1, 1]])
    tensor([[[6., 5.],
             [0., 6.]]])
    """
    places: NDArray[np.int64] = np.asarray(index, dtype=np.int64)
    if isinstance(x, Wire):
        return x.select(places)
    flat = x.flatten(1)
    if places.size and places.min() < 0:
        flat = functional.pad(flat, (0, 1))
    return flat[:, torch.from_numpy(places).to(x.device)]


def reshape(x: Signal, shape: Sequence[int]) -> Signal:
    """Give the axes after the batch axis another shape.

    Examples
    --------
    >>> reshape(torch.zeros(3, 4), (2, 2)).shape
    torch.Size([3, 2, 2])
    """
    if isinstance(x, Wire):
        return x.select(np.arange(int(np.prod(x.shape))).reshape(tuple(shape)))
    return x.reshape(len(x), *shape)


def transpose(x: Signal, axes: Sequence[int]) -> Signal:
    """Permute the axes after the batch axis, which are counted from 0.

    Examples
    --------
    >>> transpose(torch.zeros(5, 2, 3), (1, 0)).shape
    torch.Size([5, 3, 2])
    """
    if isinstance(x, Wire):
        return x.select(np.arange(int(np.prod(x.shape))).reshape(x.shape).transpose(tuple(axes)))
    return x.permute(0, *(axis + 1 for axis in axes))


def total(x: Signal, axis: int) -> Signal:
    """Sum over an axis, counted from the end.

    Examples
    --------
    >>> total(torch.ones(1, 3, 2), -2)
    tensor([[3., 3.]])
    """
    _check_axis(axis)
    if isinstance(x, Wire):
        return x.graph.add(Sum(x.graph.name("sum"), x.name, axis))
    return x.sum(axis)


def highest(x: Signal, axis: int) -> Signal:
    """Largest value over an axis, counted from the end.

    Examples
    --------
    >>> highest(torch.tensor([[3.0, 2.0]]), -1)
    tensor([3.])
    """
    _check_axis(axis)
    if isinstance(x, Wire):
        return x.graph.add(Maximum(x.graph.name("max"), x.name, axis))
    return x.amax(axis)


def masked(x: Signal, valid: Signal) -> Signal:
    """The value where ``valid`` (one bit, broadcast) is 1, else 0.

    Examples
    --------
    >>> masked(torch.tensor([[3.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([[3., 0.]])
    """
    if isinstance(x, Wire):
        return x.graph.add(Mask(x.graph.name("masked"), x.name, valid.name))
    return x * valid


def negate(x: Signal) -> Signal:
    """Minus the value.

    Examples
    --------
    >>> negate(torch.ones(1))
    tensor([-1.])
    """
    if isinstance(x, Wire):
        return x.graph.add(Negate(x.graph.name("minus"), x.name))
    return -x


def shift(x: Signal, by: int) -> Signal:
    """Multiply by ``2**by``, which costs nothing.

    Examples
    --------
    >>> shift(torch.ones(1), -2)
    tensor([0.2500])
    """
    if isinstance(x, Wire):
        return x.graph.add(Shift(x.graph.name("shift"), x.name, by))
    return x * 2.0**by


def multiply(x: Signal, y: Signal) -> Signal:
    """Elementwise product of two signals, in full precision.

    Examples
    --------
    >>> multiply(torch.full((1,), 3.0), torch.full((1,), 2.0))
    tensor([6.])
    """
    if isinstance(x, Wire):
        return x.graph.add(Multiply(x.graph.name("times"), x.name, y.name))
    return x * y


def contract(x: Signal, y: Signal, subscripts: str) -> Signal:
    """Einstein sum of two signals; the batch axis is not written.

    Examples
    --------
    >>> contract(torch.ones(1, 2, 3), torch.ones(1, 4, 3), "ik,jk->ij").shape
    torch.Size([1, 2, 4])
    """
    if isinstance(x, Wire):
        return x.graph.add(Contract(x.graph.name("contract"), x.name, y.name, subscripts))
    left, _, out = subscripts.partition("->")
    a, _, b = left.partition(",")
    return torch.einsum(f"Z{a},Z{b}->Z{out}", x, y)


def _check_axis(axis: int) -> None:
    if axis >= 0:
        raise InputError(f"axis {axis}: axes are counted from the end here, a negative number is needed")
