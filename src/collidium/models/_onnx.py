"""ONNX forms of the functions of pair features that onnxruntime lacks in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from collidium.artifact import missing_extra

FLOAT = 1
"""Number of the type float32 in ONNX."""


def onnx_translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Translations for the ``custom_translation_table`` of ``torch.onnx.export``.

    Returns
    -------
    dict
        Torch operator to a function that writes it with operators that onnxruntime has in float64.

    Raises
    ------
    InputError
        If onnxscript is not installed.

    Notes
    -----
    asinh and hypot are their definitions with sqrt and log, sinh its definition with exp. atan2 starts from phi, the
    arctangent in float32, and takes one step sin(true - phi), which leaves a sixth of the cube of an error of 1e-7.

    Examples
    --------
    >>> len(onnx_translations())
    4
    """
    try:
        import onnxscript
    except ModuleNotFoundError as error:
        raise missing_extra("onnxscript", "export") from error
    op: Any = onnxscript.opset18

    def asinh(x: Any) -> Any:
        size = op.Abs(x)
        return op.Mul(op.Sign(x), op.Log(op.Add(size, op.Sqrt(op.Add(op.Mul(x, x), op.CastLike(1.0, x))))))

    def sinh(x: Any) -> Any:
        return op.Mul(op.Sub(op.Exp(x), op.Exp(op.Neg(x))), op.CastLike(0.5, x))

    def hypot(x: Any, y: Any) -> Any:
        return op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))

    def atan2(y: Any, x: Any) -> Any:
        zero = op.CastLike(0.0, x)
        steep = op.Atan(op.Cast(op.Div(op.Abs(y), op.Max(op.Abs(x), op.CastLike(1e-30, x))), to=FLOAT))
        acute = op.CastLike(steep, x)
        upper = op.Where(op.Less(x, zero), op.Sub(op.CastLike(math.pi, x), acute), acute)
        start = op.Where(op.Less(y, zero), op.Neg(upper), upper)
        across = op.Sub(op.Mul(y, op.Cos(start)), op.Mul(x, op.Sin(start)))
        return op.Add(start, op.Div(across, op.Max(hypot(x, y), op.CastLike(1e-30, x))))

    return {
        torch.ops.aten.asinh.default: asinh,
        torch.ops.aten.sinh.default: sinh,
        torch.ops.aten.hypot.default: hypot,
        torch.ops.aten.atan2.default: atan2,
    }
