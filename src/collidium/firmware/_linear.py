"""Products of data with constants: the matrix node of the integer model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError
from collidium.firmware._fixed import EXACT_BITS, Codes, Formats
from collidium.firmware._interval import Interval
from collidium.firmware._node import Node

_NONE = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """``x @ weight + bias`` over the last axis, in full precision.

    Attributes
    ----------
    x : str
        Node of shape (..., n_in).
    weight : ndarray of int64, (n_in, n_out)
        Codes.
    weight_f : ndarray of int64, broadcast to (n_in, n_out)
        Fractional bits.
    bias : ndarray of int64, (n_out,)
        Codes.
    bias_f : ndarray of int64, broadcast to (n_out,)
        Fractional bits.
    weight_formats, bias_formats : Formats or None
        Given together for weights that can be loaded at run time: registers of these formats, of which ``weight`` and
        ``bias`` are the content after power-up. Then ``weight_f`` and ``bias_f`` must be those of the formats.
    """

    x: str
    weight: Codes
    weight_f: Codes
    bias: Codes
    bias_f: Codes
    weight_formats: Formats | None = None
    bias_formats: Formats | None = None

    def __init__(
        self,
        name: str,
        x: str,
        weight: ArrayLike,
        weight_f: ArrayLike,
        bias: ArrayLike | None = None,
        bias_f: ArrayLike = 0,
        weight_formats: Formats | None = None,
        bias_formats: Formats | None = None,
    ) -> None:
        matrix = np.asarray(weight, dtype=np.int64)
        if matrix.ndim != 2:
            raise InputError(f"{name}: weight must have two axes, got shape {matrix.shape}")
        offset = np.zeros(matrix.shape[1], np.int64) if bias is None else np.asarray(bias, dtype=np.int64)
        if offset.shape != matrix.shape[1:]:
            raise InputError(f"{name}: bias must have shape {matrix.shape[1:]}, got {offset.shape}")
        fields = {"name": name, "x": x, "weight": matrix, "bias": offset}
        fields["weight_f"] = np.broadcast_to(np.asarray(weight_f, dtype=np.int64), matrix.shape)
        fields["bias_f"] = np.broadcast_to(np.asarray(bias_f, dtype=np.int64), offset.shape)
        for key, value in {**fields, "weight_formats": weight_formats, "bias_formats": bias_formats}.items():
            object.__setattr__(self, key, value)
        self._check_formats()

    def _check_formats(self) -> None:
        if (self.weight_formats is None) != (self.bias_formats is None):
            raise InputError(f"{self.name}: weight_formats and bias_formats are given together or not at all")
        for kind, formats, codes, f in (
            ("weight", self.weight_formats, self.weight, self.weight_f),
            ("bias", self.bias_formats, self.bias, self.bias_f),
        ):
            if formats is None:
                continue
            in_range = formats.shape == codes.shape and bool(
                ((codes >= formats.code_min) & (codes <= formats.code_max) & ((codes == 0) | (f == formats.f))).all()
            )
            if not in_range:
                raise InputError(f"{self.name}: {kind} codes do not fit {kind}_formats")

    @property
    def is_reloadable(self) -> bool:
        """Whether the weights are registers."""
        return self.weight_formats is not None

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.x,)

    def output_f(self, x: Interval) -> Codes:
        """Fractional bits of the output, (..., n_out): the coarsest step that all terms share."""
        if self.weight_formats is not None and self.bias_formats is not None:
            weight, bias = self.weight_formats, self.bias_formats
            product, has_weight = weight.f, weight.width > 0
            constant = np.where(bias.width > 0, bias.f, _NONE)
        else:
            product, has_weight = self.weight_f - _trailing_zeros(self.weight), self.weight != 0
            constant = np.where(self.bias != 0, self.bias_f - _trailing_zeros(self.bias), _NONE)
        used = has_weight & ~x.is_zero[..., None]
        f = np.where(used, product + x.f[..., None], _NONE).max(axis=-2, initial=_NONE)
        f = np.maximum(f, constant)
        return np.where(f == _NONE, 0, f)

    def aligned(self, x: Interval) -> tuple[Codes, Codes]:
        """Integer matrix (..., n_in, n_out) and offset (..., n_out) that act on codes, at the step of the output."""
        f = self.output_f(x)
        used = (self.weight != 0) & ~x.is_zero[..., None]
        shift = np.where(used, f[..., None, :] - x.f[..., None] - self.weight_f, 0)
        matrix = np.where(used, _scaled(self.weight, shift), 0)
        return matrix, _scaled(self.bias, np.where(self.bias != 0, f - self.bias_f, 0))

    def infer(self, *inputs: Interval) -> Interval:
        """Each term's ends add, for fixed weights; corner products over all images for reloadable ones."""
        (x,) = inputs
        if not x.shape or x.shape[-1] != self.weight.shape[0]:
            raise InputError(f"the last axis of {x.shape} must be {self.weight.shape[0]}, the rows of the weight")
        if self.weight_formats is not None and self.bias_formats is not None:
            column = Interval(x.minimum[..., None], x.maximum[..., None], x.f[..., None])
            weight = Interval.of_formats(self.weight_formats)
            shape = (*x.shape, self.weight.shape[1])
            product = column.broadcast_to(shape) * weight.broadcast_to(shape)
            total = product.sum((len(shape) - 2,))
            return total + Interval.of_formats(self.bias_formats).broadcast_to(total.shape)
        matrix, offset = self.aligned(x)
        ends = np.stack([matrix * x.minimum[..., None], matrix * x.maximum[..., None]])
        reach = np.abs(ends.astype(np.float64)).max(axis=0).sum(axis=-2) + np.abs(offset)
        if reach.size and reach.max() >= 1 << EXACT_BITS:
            raise InputError(f"exactness: a sum can reach 2^{EXACT_BITS}; quantize before this point")
        return Interval(
            ends.min(axis=0).sum(axis=-2) + offset, ends.max(axis=0).sum(axis=-2) + offset, self.output_f(x)
        )

    def run(self, codes: Sequence[Codes], inputs: Sequence[Interval], output: Interval) -> Codes:
        """Exact in float64, because every partial sum is below 2^53."""
        (x,) = inputs
        matrix, offset = self.aligned(x)
        n_in, n_out = self.weight.shape
        each = matrix.reshape(-1, n_in, n_out).astype(np.float64)
        if (each == each[0]).all():
            total = codes[0].reshape(-1, n_in).astype(np.float64) @ each[0]
        else:
            rows = codes[0].reshape(len(codes[0]), -1, n_in).transpose(1, 0, 2).astype(np.float64)
            total = (rows @ each).transpose(1, 0, 2)
        return np.asarray(total.reshape(-1, *output.shape).astype(np.int64) + offset, dtype=np.int64)


def _trailing_zeros(codes: Codes) -> Codes:
    """Power of two in each non-zero integer."""
    lowest = codes & -codes
    return np.frexp(np.where(codes == 0, 1, lowest).astype(np.float64))[1].astype(np.int64) - 1


def _scaled(codes: Codes, shift: Codes) -> Codes:
    """``codes * 2**shift`` where it is an integer."""
    if codes.size and shift.size and np.max(np.abs(codes) * np.exp2(shift.astype(np.float64))) >= 1 << EXACT_BITS:
        raise InputError(f"exactness: weights and inputs span more than {EXACT_BITS} bits")
    return np.right_shift(np.left_shift(codes, np.maximum(shift, 0)), np.maximum(-shift, 0))
