"""Quantize input, weight and bias, and multiply, in one step of the automatic differentiation."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from collidium.firmware import Rounding
from collidium.trigger._fixed_point import Powers, round_in_training, width_gradient
from collidium.trigger._quantizer import Quantizer


class Operand(NamedTuple):
    """A tensor and how it is rounded.

    Attributes
    ----------
    value : Tensor
        In full precision.
    f : Tensor or None
        Fractional bits as real numbers; None: the value is taken as it is.
    powers : Powers or None
        Powers of two of the whole widths.
    rounding : Rounding
        The mode.
    """

    value: Tensor
    f: Tensor | None
    powers: Powers | None
    rounding: Rounding

    @classmethod
    def of(cls, value: Tensor, quantizer: Quantizer | None) -> Operand:
        """A tensor in front of a quantizer with tracked integer bits."""
        if quantizer is None:
            return cls(value, None, None, Rounding.TRN)
        return cls(value, quantizer.f, quantizer.powers(value.dtype), quantizer.config.rounding)

    def rounded(self) -> Tensor:
        """The value on its grid."""
        return self.value if self.powers is None else round_in_training(self.value, self.powers, self.rounding)


class _QuantLinear(torch.autograd.Function):
    """``Q(x) Q(W)^T + Q(b)`` with integer parts left free; the tensors come beside their operands for the gradients."""

    @staticmethod
    def forward(
        ctx: Any, operands: tuple[Operand, Operand, Operand | None], *tensors: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        x, weight, bias = operands
        rounded = x.rounded(), weight.rounded(), None if bias is None else bias.rounded()
        ctx.save_for_backward(x.value, weight.value, None if bias is None else bias.value, *rounded)
        ctx.shapes = [None if operand is None or operand.f is None else operand.f.shape for operand in operands]
        fresh = [
            value for value, operand in zip(rounded, operands, strict=True) if operand and value is not operand.value
        ]
        ctx.mark_non_differentiable(*(value for value in fresh if value is not None))
        return functional.linear(*rounded), *rounded

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, (x, weight, bias, *rounded) = grads[0], ctx.saved_tensors
        needed = ctx.needs_input_grad[1:]
        rows = grad.reshape(-1, grad.shape[-1])
        gradients = (
            grad @ rounded[1] if needed[0] or needed[3] else None,
            rows.T @ rounded[0].reshape(-1, x.shape[-1]),
            None if bias is None else rows.sum(0),
        )
        widths = [
            width_gradient(gradient, value - near, shape) if gradient is not None and is_needed else None
            for gradient, value, near, shape, is_needed in zip(
                gradients, (x, weight, bias), rounded, ctx.shapes, needed[3:], strict=True
            )
        ]
        return None, gradients[0] if needed[0] else None, *gradients[1:], *widths


def quant_linear(x: Operand, weight: Operand, bias: Operand | None) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """A dense layer in training, with tracked integer bits.

    Parameters
    ----------
    x : Operand, (..., num_inputs)
        Input.
    weight : Operand, (num_outputs, num_inputs)
        Weights.
    bias : Operand, (num_outputs,), or None
        Bias.

    Returns
    -------
    out : Tensor, (..., num_outputs)
        The product, with the gradients of three :func:`quantize_tracked` and a matrix product.
    x, weight, bias : Tensor
        The quantized operands, without gradients.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> powers = Powers.of(one, torch.float32)
    >>> x, weight = (Operand(value, one, powers, Rounding.RND) for value in (one * 0.7, one[:, None] * 1.3))
    >>> quant_linear(x, weight, None)[0]
    tensor([0.7500])
    """
    operands = (x, weight, bias)
    values = [None if operand is None else operand.value for operand in operands]
    widths = [None if operand is None else operand.f for operand in operands]
    result: tuple[Tensor, Tensor, Tensor, Tensor | None]
    result = _QuantLinear.apply(operands, *values, *widths)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return result
