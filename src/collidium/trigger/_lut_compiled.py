"""A layer of tables with one input each as one step of the automatic differentiation, in machine code."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from collidium.artifact import InputError
from collidium.firmware import Rounding
from collidium.trigger._cells import NOT_FINITE
from collidium.trigger._edge_function import NORM_EPSILON, affine_norm
from collidium.trigger._fixed_point import LN2, exact_exp2
from collidium.trigger._lut_record import EntryModes, LutRecord
from collidium.trigger._machine_code import Floats, Integers
from collidium.trigger._saturation import Range


class CompiledLookUp(torch.autograd.Function):
    """``y = sum_g T_go(Q_go(x_g))`` and its gradients, for tensors on the processor and entries rounded half up.

    Arguments and results are those of :func:`look_up_trained` with ``x`` (N, 1, G).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        f_in: Tensor,
        f_out: Tensor,
        i_out: Tensor,
        gain: Tensor | None,
        offset: Tensor | None,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        rounding: Rounding,
        entry: EntryModes,
        record: LutRecord,
    ) -> Tensor:
        kernel, dtype = _kernel(), x.detach().numpy().dtype
        num, _, G = x.shape
        D, U = len(w2), f_out.shape[1]
        ctx.x, whole = x[:, 0].contiguous().numpy(), f_in[0].round()
        cells = _find(ctx.x, exact_exp2(whole.amax(-1) + (rounding is Rounding.RND), x.dtype).numpy())
        ctx.rows, ctx.starts, ctx.counts, R = cells.rows, cells.starts, cells.counts, len(cells.counts)
        record.low, record.high = (torch.from_numpy(edges)[None] for edges in (cells.low, cells.high))
        ctx.w1, ctx.w2 = w1[:, 0].contiguous().numpy(), w2.contiguous().numpy()
        ctx.v, hidden = np.empty(R * U, dtype), torch.empty(R * U * D, dtype=x.dtype)
        widths = exact_exp2(whole, x.dtype).numpy(), exact_exp2(-whole, x.dtype).numpy()
        seen = cells.lower, ctx.starts, *widths, rounding is Rounding.RND
        kernel.arguments(*seen, ctx.w1, b1.contiguous().numpy(), ctx.v, hidden.numpy())
        ctx.h = hidden.tanh_().numpy()
        ctx.p, record.mean, record.variance = np.empty(R * U, dtype), w1.new_empty(U), w1.new_empty(U)
        statistics = record.mean.numpy(), record.variance.numpy()
        kernel.outputs(ctx.h, ctx.starts, ctx.counts, ctx.w2, b2.contiguous().numpy(), num, ctx.p, *statistics)
        scale, shift = affine_norm(gain, offset, record.mean, record.variance, G)
        ctx.scale, shift = (torch.as_tensor(value, dtype=x.dtype).expand(U).contiguous() for value in (scale, shift))
        ctx.range = Range.of(f_out, i_out, entry.k, entry.overflow, x.dtype)
        limits, grid = (ctx.range.low, ctx.range.high), exact_exp2(ctx.range.whole, x.dtype)
        formats = (value.numpy() for value in (*limits, grid, ctx.range.step))
        tables, ctx.error, ctx.side = np.empty((R, U), dtype), np.empty(R * U, dtype), np.empty(R * U, dtype)
        kernel.entries(ctx.p, ctx.starts, ctx.scale.numpy(), shift.numpy(), *formats, tables, ctx.error, ctx.side)
        y = x.new_empty(num, U)
        _cell_kernel().look_up(tables, ctx.rows, y.numpy())
        ctx.record, ctx.has_norm = record, gain is not None
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        kernel, grad = _kernel(), grads[0].contiguous().numpy()
        (R, U), (D, G, _), dtype = (len(ctx.counts), grad.shape[1]), ctx.w1.shape, grad.dtype
        sums = np.empty((R, U), dtype), np.empty((R, U), dtype), np.empty(R, dtype)
        _cell_kernel().cell_sums(grad, ctx.x, ctx.rows, *sums)
        entry, total, projected = (torch.empty(*shape, dtype=ctx.scale.dtype) for shape in ((3, G, U), (U,), (U,)))
        seen = ctx.starts, ctx.p, ctx.record.mean.numpy(), ctx.error, ctx.side
        kernel.entry_sums(sums[0], *seen, entry.numpy(), total.numpy(), projected.numpy())
        grad_gain = grad_offset = None
        slope = level = torch.zeros_like(total)
        if ctx.has_norm:
            inverse = torch.rsqrt(ctx.record.variance + NORM_EPSILON)
            grad_gain, grad_offset = projected * inverse / math.sqrt(G), total / math.sqrt(G)
            slope = -projected * inverse.square() / ctx.rows.size
            level = -total / ctx.rows.size - slope * ctx.record.mean
        shapes = (D, G, U), (D, G, U), (D, G, U), (G, U), (1, G, U)
        w1, b1, w2, b2, f_in = [ctx.scale.new_empty(shape) for shape in shapes]
        through, own = np.empty((R, U), dtype), np.empty(R, dtype)
        kernel.backward(
            *sums,
            ctx.counts,
            ctx.starts,
            ctx.v,
            ctx.h,
            ctx.p,
            ctx.side,
            *(value.numpy() for value in (ctx.scale, slope, level)),
            ctx.w1,
            ctx.w2,
            *(value.numpy() for value in (w1, b1, w2, b2, f_in[0])),
            through,
            own,
        )
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = ctx.scale.new_empty(len(grad), 1, G)
            _cell_kernel().input_gradient(grad, ctx.rows, through, own, grad_x[:, 0].numpy())
        widths = ctx.range.width_gradients(*entry)
        return grad_x, f_in.mul_(LN2), *widths, grad_gain, grad_offset, w1[:, None], b1, w2, b2, None, None, None


class _Cells(NamedTuple):
    """The R cells of a batch, as the machine code finds them."""

    rows: Integers
    starts: Integers
    counts: Floats
    lower: Floats
    low: Floats
    high: Floats


def _find(x: Floats, scale: Floats) -> _Cells:
    """Cells of width ``1 / scale`` (G,) of a batch (N, G)."""
    num, G = x.shape
    rows, starts = np.empty((num, G), np.int64), np.empty(G + 1, np.int64)
    counts, lower, low, high = (np.empty(size, x.dtype) for size in (num * G, num * G, G, G))
    if not _cell_kernel().find_cells(x, scale, rows, starts, counts, lower, low, high):
        raise InputError(NOT_FINITE)
    return _Cells(rows, starts, counts[: starts[G]], lower[: starts[G]], low, high)


def _cell_kernel() -> ModuleType:
    """The machine code of cells, as :func:`_kernel`."""
    from collidium.trigger import _cell_kernel

    return _cell_kernel


def _kernel() -> ModuleType:
    """The machine code of the functions, whose compiler takes a while to load."""
    from collidium.trigger import _lut_kernel

    return _lut_kernel
