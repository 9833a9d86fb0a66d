"""Attention over the particles of each jet: packed in buckets, or dense with a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from collidium.models._buckets import Bucket, Buckets
from collidium.models._dropout import keep_scale, random_levels


def packed_attention(
    q: Tensor,
    kv: Tensor,
    buckets: Buckets,
    *,
    num_heads: int,
    bias: Tensor | None = None,
    threshold: int = 0,
) -> Tensor:
    """Attend within each jet of a packed batch.

    Parameters
    ----------
    q : Tensor, (slots, H D)
        Queries.
    kv : Tensor, (slots, 2 H D)
        Keys, then values.
    buckets : Buckets
        The groups of jets; ``buckets.spread`` brings rows into slots.
    num_heads : int
        H.
    bias : Tensor, (H, S), optional
        Added to the scores of a bucket at ``bias[:, bucket.pairs]``, read as (H, jets, n, n). It must be minus infinity
        on the keys of padding slots.
    threshold : int
        Dropout of the attention weights, in 256ths.

    Returns
    -------
    Tensor, like ``q``
        softmax(q k^T / sqrt(D) + bias) v. Scores and softmax are at least float32 whatever the type of the inputs.

    Examples
    --------
    >>> from collidium.models._buckets import make_buckets
    >>> v = torch.randn(6, 4)
    >>> grouped = make_buckets([3, 3], device=v.device)
    >>> out = packed_attention(torch.zeros(6, 4), torch.cat([v, v], 1), grouped, num_heads=2)
    >>> torch.allclose(out[3], v[3:].mean(0), atol=1e-6)
    True
    """
    attend: Callable[..., Tensor] = _PackedAttention.apply
    with torch.autocast(q.device.type, enabled=False):
        if bias is None and not threshold and not torch.is_grad_enabled():
            return _fused(q, kv, buckets, num_heads)
        return attend(q, kv, bias, buckets, num_heads, threshold)


def packed_pooling(q: Tensor, x: Tensor, buckets: Buckets) -> Tensor:
    """Average the rows of each jet of a packed batch with several sets of weights.

    Parameters
    ----------
    q : Tensor, (N, H, d)
        Queries, H for each jet. Every jet must have a row.
    x : Tensor, (slots, d)
        Rows; ``buckets.spread`` brings them into slots.
    buckets : Buckets
        The groups of jets.

    Returns
    -------
    Tensor, (N, H, d)
        softmax(q x^T) x, at least in float32.

    Examples
    --------
    >>> from collidium.models._buckets import make_buckets
    >>> x = torch.randn(6, 4)
    >>> pooled = packed_pooling(torch.zeros(2, 1, 4), x, make_buckets([3, 3], device=x.device))
    >>> torch.allclose(pooled[1, 0], x[3:].mean(0), atol=1e-6)
    True
    """
    with torch.autocast(q.device.type, enabled=False):
        work = torch.promote_types(q.dtype, torch.float32)
        queries = torch.split(q.to(work), [bucket.num_jets for bucket in buckets.buckets])
        slots = torch.split(x.to(work), [bucket.num_jets * bucket.length for bucket in buckets.buckets])
        pooled = []
        for bucket, query, rows in zip(buckets.buckets, queries, slots, strict=True):
            each = rows.view(bucket.num_jets, bucket.length, -1)
            scores = query @ each.transpose(1, 2)
            if bucket.pad is not None:
                scores = scores.masked_fill(bucket.pad[:, None], -torch.inf)
            pooled.append(scores.softmax(-1) @ each)
        return torch.cat(pooled)


def dense_attention(q: Tensor, kv: Tensor, *, num_heads: int, bias: Tensor, dropout: float = 0.0) -> Tensor:
    """Attend within each jet of a padded batch.

    Parameters
    ----------
    q : Tensor, (N, Q, H D)
        Queries.
    kv : Tensor, (N, P, 2 H D)
        Keys, then values.
    num_heads : int
        H.
    bias : Tensor, broadcastable to (N, H, Q, P)
        Added to the scores; very negative on padded keys.
    dropout : float
        Probability of dropping an attention weight.

    Returns
    -------
    Tensor, (N, Q, H D)
        softmax(q k^T / sqrt(D) + bias) v.

    Examples
    --------
    >>> x = torch.ones(1, 3, 4)
    >>> dense_attention(x, torch.cat([x, x], -1), num_heads=2, bias=torch.zeros(1, 1, 1, 3)).shape
    torch.Size([1, 3, 4])
    """
    qh, kh, vh = (torch.unflatten(rows, -1, (num_heads, -1)).transpose(1, 2) for rows in (q, *kv.chunk(2, -1)))
    attended = functional.scaled_dot_product_attention(qh, kh, vh, attn_mask=bias.to(qh.dtype), dropout_p=dropout)
    # Kernels differ in the strides of their result, and an exported graph must not depend on the one that traced it.
    return attended.transpose(1, 2).clone(memory_format=torch.contiguous_format).flatten(2)


def _fused(q: Tensor, kv: Tensor, buckets: Buckets, num_heads: int) -> Tensor:
    """The same by Torch's fused kernel, which keeps no weights; with a bias it is the slower one."""
    out, work = torch.empty_like(q, memory_format=torch.contiguous_format), torch.promote_types(q.dtype, torch.float32)
    for bucket in buckets.buckets:
        size = (bucket.num_jets, bucket.length, num_heads, -1)
        parts = (q[bucket.slots], *kv[bucket.slots].chunk(2, 1))
        qh, kh, vh = (part.to(work).reshape(size).transpose(1, 2) for part in parts)
        mask = None if bucket.pad is None else ~bucket.pad[:, None, None]
        attended = functional.scaled_dot_product_attention(qh, kh, vh, attn_mask=mask)
        out[bucket.slots] = attended.transpose(1, 2).reshape(-1, q.shape[1])
    return out


class _PackedAttention(torch.autograd.Function):
    """Forward keeps the attention weights; the sign of a weight tells that dropout took it."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        kv: Tensor,
        bias: Tensor | None,
        buckets: Buckets,
        num_heads: int,
        threshold: int,
    ) -> Tensor:
        scale = (q.shape[1] // num_heads) ** -0.5
        out = torch.empty_like(q, memory_format=torch.contiguous_format)
        weights = []
        for bucket in buckets.buckets:
            (qh,), (kh, vh) = (_heads(r[bucket.slots], bucket, num_heads, parts) for r, parts in ((q, 1), (kv, 2)))
            work = torch.promote_types(q.dtype, torch.float32)
            scores = (qh.to(work) * scale) @ kh.to(work).transpose(-1, -2)
            if bias is not None:
                scores += bias[:, bucket.pairs].view_as(scores)
            elif bucket.pad is not None:
                scores.masked_fill_(bucket.pad[:, None, :], -torch.inf)
            weight = scores.softmax(-1)
            if threshold:
                levels = random_levels(weight.shape, dtype=work, device=weight.device)
                weight = torch.copysign(weight, levels.sub_(threshold - 0.5))
            weight = weight.to(q.dtype)
            weights.append(weight)
            out[bucket.slots] = _rows(_survivors(weight, threshold) @ vh)
        ctx.save_for_backward(q, kv, bias, out, *weights)
        ctx.buckets, ctx.num_heads, ctx.threshold, ctx.scale = buckets, num_heads, threshold, scale
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, kv, bias, out, *weights = ctx.saved_tensors
        H, work = ctx.num_heads, torch.promote_types(q.dtype, torch.float32)
        dq, dkv = (torch.empty_like(r, memory_format=torch.contiguous_format) for r in (q, kv))
        dbias = torch.empty_like(bias) if ctx.needs_input_grad[2] else None
        for bucket, weight in zip(ctx.buckets.buckets, weights, strict=True):
            (qh,), (gh,), (oh,) = (_heads(r[bucket.slots], bucket, H, 1) for r in (q, grad, out))
            kh, vh = _heads(kv[bucket.slots], bucket, H, 2)
            dvalue = _survivors(weight, ctx.threshold).transpose(-1, -2) @ gh
            dscores = (gh @ vh.transpose(-1, -2)).to(work)
            if ctx.threshold:
                dscores = torch.ops.aten.threshold_backward(dscores.mul_(keep_scale(ctx.threshold)), weight, 0)
            dscores -= (gh.to(work) * oh).sum(-1, keepdim=True)
            dscores *= weight.abs() if ctx.threshold else weight
            if dbias is not None:
                dbias[:, bucket.pairs].view_as(dscores).copy_(dscores)
            dscores = dscores.mul_(ctx.scale).to(q.dtype)
            dq[bucket.slots] = _rows(dscores @ kh)
            dkv[bucket.slots] = torch.cat([_rows(dscores.transpose(-1, -2) @ qh), _rows(dvalue)], 1)
        return dq, dkv, dbias, None, None, None


def _heads(rows: Tensor, bucket: Bucket, num_heads: int, parts: int) -> Tensor:
    """View rows (jets n, parts H D) as (parts, H, jets, n, D) in one copy."""
    return (
        rows.reshape(bucket.num_jets, -1, parts, num_heads, rows.shape[1] // (parts * num_heads))
        .permute(2, 3, 0, 1, 4)
        .contiguous()
    )


def _rows(heads: Tensor) -> Tensor:
    """Turn (H, jets, n, D) into rows (jets n, H D)."""
    return heads.permute(1, 2, 0, 3).reshape(heads.shape[1] * heads.shape[2], -1)


def _survivors(weight: Tensor, threshold: int) -> Tensor:
    """Attention weights after dropout: the negative ones were dropped."""
    return weight.clamp(min=0).mul_(keep_scale(threshold)) if threshold else weight
