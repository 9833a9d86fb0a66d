"""Operators of the pair features that ONNX lacks, or that onnxruntime lacks in float64, built from those it has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from collidium.artifact import missing_extra

_FLOAT = 1
_DOUBLE = 11
_TINY = 1e-30


def operator_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Translations for ``torch.onnx.export``, by torch operator.

    Returns
    -------
    dict
        ``hypot``, ``asinh``, ``sinh`` and ``atan2`` for float32 and float64.

    Raises
    ------
    InputError
        If onnx or onnxscript is not installed.

    Notes
    -----
    onnxruntime has Exp, Log, Sqrt and Sin in float64, but neither Asinh and Sinh nor Atan. The arctangent is taken in
    float32 and corrected once: with phi' that angle, ``sin(phi - phi') = (y cos phi' - x sin phi') / r`` is so small
    that it equals the missing difference to float64's last digits.
    """
    try:
        from onnx import helper
        from onnxscript import opset20
    except ImportError as error:
        raise missing_extra("onnxscript", "export") from error
    op: Any = opset20

    def number(value: float, like: Any) -> Any:
        return op.CastLike(op.Constant(value=helper.make_tensor("number", _DOUBLE, [], [value])), like)

    def hypot(x: Any, y: Any) -> Any:
        return op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))

    def asinh(x: Any) -> Any:
        size = op.Abs(x)
        return op.Mul(op.Sign(x), op.Log(op.Add(size, hypot(size, number(1.0, x)))))

    def sinh(x: Any) -> Any:
        return op.Mul(op.Sub(op.Exp(x), op.Exp(op.Neg(x))), number(0.5, x))

    def atan2(y: Any, x: Any) -> Any:
        coarse = op.CastLike(coarse_angle(op.Cast(y, to=_FLOAT), op.Cast(x, to=_FLOAT)), x)
        cosine = op.Sin(op.Add(coarse, number(math.pi / 2, x)))
        across = op.Sub(op.Mul(y, cosine), op.Mul(x, op.Sin(coarse)))
        return op.Add(coarse, op.Div(across, op.Max(hypot(x, y), number(_TINY, x))))

    def coarse_angle(y: Any, x: Any) -> Any:
        zero = number(0.0, x)
        right = op.Atan(op.Div(op.Abs(y), op.Max(op.Abs(x), number(_TINY, x))))
        upper = op.Where(op.Less(x, zero), op.Sub(number(math.pi, x), right), right)
        return op.Where(op.Less(y, zero), op.Neg(upper), upper)

    aten = torch.ops.aten
    return {
        aten.hypot.default: hypot,
        aten.asinh.default: asinh,
        aten.sinh.default: sinh,
        aten.atan2.default: atan2,
    }
