"""Layers of tables, forward and backward: everything is computed once for each code instead of once for each sample."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from collidium.firmware import Rounding
from collidium.trigger._cells import CellSums, find_cells, look_up
from collidium.trigger._edge_function import (
    NORM_EPSILON,
    EdgeWeights,
    affine_norm,
    edge_outputs,
    edge_slopes,
    hidden_units,
    unit_slopes,
    weight_gradients,
)
from collidium.trigger._fixed_point import LN2, exact_exp2
from collidium.trigger._lut_compiled import CompiledLookUp
from collidium.trigger._lut_record import EntryModes, LutRecord
from collidium.trigger._machine_code import has_compiler
from collidium.trigger._saturation import Saturated, saturate

_ROWS_AT_ONCE = 1024


def quantize_entries(t: Tensor, f: Tensor, i: Tensor, modes: EntryModes) -> Saturated:
    """Entries (G, C, U) of functions with values t, for widths (G, 1, U)."""
    return saturate(t, f, i, modes.k[:, None], modes.rounding, modes.overflow)


def cell_bits(f: Tensor, rounding: Rounding) -> Tensor:
    """Fractional bits of cells in which every edge's quantizer is constant: (K, G) from widths (K, G, U).

    Truncation of truncated numbers is truncation; to round half up, one more bit must be kept.
    """
    finest = f.detach().round().amax(-1)
    return finest + 1 if rounding is Rounding.RND else finest


def cell_codes(lower: Tensor, f: Tensor, rounding: Rounding) -> Tensor:
    """Code of each edge's quantizer in each cell, (K, G, C, U), from lower edges (K, G, C) and whole f (K, G, U)."""
    scaled = lower[..., None] * exact_exp2(f, lower.dtype)[:, :, None]
    return scaled.add_(0.5).floor_() if rounding is Rounding.RND else scaled.floor_()


def code_values(codes: Tensor, f: Tensor, rounding: Rounding) -> Tensor:
    """Centre of the interval of numbers that have a code: what the edge's function sees, (K, G, C, U)."""
    centre = codes if rounding is Rounding.RND else codes + 0.5
    return centre * exact_exp2(-f, codes.dtype)[:, :, None]


class _LookUp(torch.autograd.Function):
    """``y = sum_g T_go(Q_go(x_g))`` with the gradients of tables made of quantized functions."""

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
        weights = EdgeWeights(w1, b1, w2, b2)
        whole = f_in.round()
        cells = find_cells(x, cell_bits(f_in, rounding))
        record.low, record.high = cells.low, cells.high
        v = code_values(cell_codes(cells.lower, whole, rounding), whole, rounding)
        h = hidden_units(v, weights)
        p = edge_outputs(h, weights)
        ctx.counts = torch.bincount(cells.rows.flatten(), minlength=p[..., 0].numel()).view(p.shape[:2])
        share = (ctx.counts.to(p.dtype) / cells.rows.numel())[..., None]
        record.mean = (share * p).sum((0, 1))
        record.variance = (share * (p - record.mean).square_()).sum((0, 1))
        scale, shift = affine_norm(gain, offset, record.mean, record.variance, len(p))
        found = ctx.entries = quantize_entries(p * scale + shift, f_out[:, None], i_out[:, None], entry)
        ctx.save_for_backward(x, cells.rows, v, h, p, gain, *weights)
        ctx.record, ctx.scale = record, scale
        return look_up(found.values, cells.rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        (grad,) = grads
        x, rows, v, h, p, gain, *rest = ctx.saved_tensors
        weights, record = EdgeWeights(*rest), ctx.record
        sums = CellSums(rows, ctx.counts)
        extended = functional.pad(grad, (0, 1), value=1.0)
        S0, N0 = _split(sums.sum(extended))
        passes = ctx.entries.passes
        grad_f_out, grad_i_out = ctx.entries.width_gradients(S0, p[:, :1].shape)
        S0 = S0 * passes
        grad_gain = grad_offset = None
        excess: Tensor | float = 0.0
        if gain is not None:
            normal = (p - record.mean) / torch.sqrt(record.variance + NORM_EPSILON)
            total, projected = S0.sum((0, 1)), (S0 * normal).sum((0, 1))
            grad_gain, grad_offset = projected / math.sqrt(len(p)), total / math.sqrt(len(p))
            excess = (normal * projected).add_(total).div_(-rows.numel())
        grad_p = (S0 + N0 * excess).mul_(ctx.scale)
        units = unit_slopes(h, weights)
        slopes = edge_slopes(units, weights).mul_(ctx.scale)
        grad_x = _input_gradient(rows, grad, slopes, passes, excess) if ctx.needs_input_grad[0] else None
        grad_f_in = None
        if ctx.needs_input_grad[1]:
            parts = []
            for k in range(len(v)):
                S1, N1 = _split(sums.sum(extended, x[:, k].T.contiguous()))
                moment = (S1.mul_(passes) + N1 * excess).sub_((S0 + N0 * excess).mul_(v[k]))
                parts.append((slopes[k] * moment).sum(1))
            grad_f_in = torch.stack(parts).mul_(LN2)
        return (
            grad_x,
            grad_f_in,
            grad_f_out[:, 0],
            grad_i_out[:, 0],
            grad_gain,
            grad_offset,
            *weight_gradients(v, h, units, grad_p),
            None,
            None,
            None,
        )


def _split(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the gradients, (G, C, U), and of the column of ones, (G, C, 1)."""
    return sums[..., :-1], sums[..., -1:]


def _input_gradient(rows: Tensor, grad: Tensor, slopes: Tensor, passes: Tensor, excess: Tensor | float) -> Tensor:
    """Gradient (M, K, G) of the inputs: through the sample's own entries and through the batch statistics."""
    K, U = len(slopes), slopes.shape[-1]
    own = (slopes * excess).sum(-1, keepdim=True)
    tables = torch.cat([slopes * passes, own], dim=-1).reshape(K, -1, U + 1)
    vector = functional.pad(grad, (0, 1), value=1.0)[..., None]
    out = torch.empty(len(rows), K, rows.shape[1], dtype=grad.dtype, device=grad.device)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        for k in range(K):
            out[part, k] = torch.bmm(functional.embedding(rows[part], tables[k]), vector[part])[..., 0]
    return out


def look_up_trained(
    x: Tensor,
    f_in: Tensor,
    f_out: Tensor,
    i_out: Tensor,
    norm: tuple[Tensor, Tensor] | None,
    weights: EdgeWeights,
    rounding: Rounding,
    entry: EntryModes,
) -> tuple[Tensor, LutRecord]:
    """A layer of tables in training.

    Parameters
    ----------
    x : Tensor, (M, K, G)
        The K inputs of each of G groups.
    f_in : Tensor, (K, G, U)
        Fractional bits of the input of each edge (g, o), real numbers of which the nearest whole ones are used.
    f_out, i_out : Tensor, (G, U)
        Fractional and integer bits of each table's entries.
    norm : (gain, offset), each a Tensor (U,), or None
        Batch normalisation of the functions' outputs, with the statistics of the batch over samples and groups.
    weights : EdgeWeights
        The functions.
    rounding : Rounding
        Of the inputs, ``TRN`` or ``RND``.
    entry : EntryModes
        Of the entries.

    Returns
    -------
    y : Tensor, (M, U)
        ``sum_g Q_out(norm(g_go(Q_in(x_g))) / sqrt(G))``.
    record : LutRecord
        What was seen.

    Notes
    -----
    An edge sees its input quantized, so its function has few different arguments: they are evaluated once for each
    code, and a sample costs one table look-up. The gradients are those of the evaluation sample by sample, regrouped:
    with the cell sums ``S0 = sum dL/dy`` and ``S1 = sum x dL/dy``, every derivative is a sum over cells, and the widths
    get ``ln 2 sum dL/dx_q (x - x_q)`` and, inside the entries' range, ``ln 2 sum_cells S0 (t - T)``; outside of it they
    get the derivatives of its limits, and nothing else does. The batch statistics share in all of them.

    References
    ----------
    The layer: HGQ-LUT, "y_o = sum_i T_io(Q_io(x_i))". The regrouping is ours.

    Examples
    --------
    >>> from collidium.firmware import Overflow
    >>> weights = EdgeWeights(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.zeros(1, 1))
    >>> x = torch.tensor([[[0.9]], [[-0.1]]])
    >>> f_in, f_out, i_out = torch.ones(1, 1, 1), torch.full((1, 1), 3.0), torch.full((1, 1), -1.0)
    >>> entry = EntryModes(torch.ones(1, 1), Rounding.RND, Overflow.SAT_SYM)
    >>> y, _ = look_up_trained(x, f_in, f_out, i_out, None, weights, Rounding.RND, entry)
    >>> y.flatten().tolist()
    [0.375, 0.0]
    """
    gain, offset = (None, None) if norm is None else norm
    record = LutRecord()
    function = CompiledLookUp if _is_compiled(x, entry) else _LookUp
    y: Tensor = function.apply(x, f_in, f_out, i_out, gain, offset, *weights, rounding, entry, record)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y, record


def _is_compiled(x: Tensor, entry: EntryModes) -> bool:
    """Whether there is machine code for these tables: of one input each, on the processor."""
    is_real = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    return has_compiler() and is_real and x.shape[1] == 1 and entry.rounding is Rounding.RND
