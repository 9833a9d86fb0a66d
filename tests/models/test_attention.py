from __future__ import annotations

import pytest
import torch
from torch import Tensor

from collidium.models._attention import dense_attention, packed_attention, packed_pooling
from collidium.models._buckets import Buckets, make_buckets

H, D = 2, 3
LENGTHS = [1, 4, 4, 9, 10]


def attend_one_by_one(q: Tensor, k: Tensor, v: Tensor, biases: list[Tensor], lengths: list[int]) -> Tensor:
    """The definition, jet by jet and head by head; ``q`` has one row for each row of ``k``."""
    out, start = [], 0
    for n, bias in zip(lengths, biases, strict=True):
        rows = slice(start, start + n)
        heads = []
        for h in range(H):
            c = slice(h * D, (h + 1) * D)
            scores = q[rows, c] @ k[rows, c].T / D**0.5 + bias[h]
            heads.append(torch.exp(scores) / torch.exp(scores).sum(1, keepdim=True) @ v[rows, c])
        out.append(torch.cat(heads, 1))
        start += n
    return torch.cat(out)


def make_bias(grouped: Buckets, *, dtype: torch.dtype) -> Tensor:
    """Random bias (H, S), minus infinity on padding keys."""
    bias = torch.randn(H, grouped.buckets[-1].pairs.stop, dtype=dtype)
    for bucket in grouped.buckets:
        if bucket.pad is not None:
            block = bias[:, bucket.pairs].view(H, bucket.num_jets, bucket.length, bucket.length)
            block.masked_fill_(bucket.pad[:, None], -torch.inf)
    return bias


def test_packed_attention_and_its_gradients_equal_the_definition() -> None:
    torch.manual_seed(0)
    grouped = make_buckets(LENGTHS, device=torch.device("cpu"))
    assert any(bucket.pad is not None for bucket in grouped.buckets)
    assert any(bucket.pad is None for bucket in grouped.buckets)
    qkv = torch.randn(sum(LENGTHS), 3 * H * D, dtype=torch.float64, requires_grad=True)
    bias = make_bias(grouped, dtype=torch.float64).requires_grad_()
    per_jet = []
    for bucket in grouped.buckets:
        block = bias[:, bucket.pairs].view(H, bucket.num_jets, bucket.length, bucket.length)
        per_jet += [block[:, i, :n, :n] for i, n in enumerate(LENGTHS[bucket.jets])]
    expected = attend_one_by_one(*qkv.chunk(3, 1), per_jet, LENGTHS)
    slots = grouped.spread(qkv)
    attended = packed_attention(slots[:, : H * D], slots[:, H * D :], grouped, num_heads=H, bias=bias)
    actual = grouped.collect(attended)
    torch.testing.assert_close(actual, expected)
    weight = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad((actual * weight).sum(), (qkv, bias)),
        torch.autograd.grad((expected * weight).sum(), (qkv, bias)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_inference_without_bias_equals_the_definition() -> None:
    torch.manual_seed(2)
    grouped = make_buckets(LENGTHS, device=torch.device("cpu"))
    qkv = torch.randn(sum(LENGTHS), 3 * H * D, dtype=torch.float64)
    slots = grouped.spread(qkv)
    with torch.no_grad():
        attended = packed_attention(slots[:, : H * D], slots[:, H * D :], grouped, num_heads=H)
    no_bias = [torch.zeros(H, n, n, dtype=torch.float64) for n in LENGTHS]
    expected = attend_one_by_one(*qkv.chunk(3, 1), no_bias, LENGTHS)
    torch.testing.assert_close(grouped.collect(attended), expected)


def test_pooling_and_its_gradients_equal_the_definition() -> None:
    torch.manual_seed(1)
    grouped = make_buckets(LENGTHS, device=torch.device("cpu"))
    q = torch.randn(len(LENGTHS), H, D, dtype=torch.float64, requires_grad=True)
    x = torch.randn(sum(LENGTHS), D, dtype=torch.float64, requires_grad=True)
    pooled = []
    for query, rows in zip(q, x.split(LENGTHS), strict=True):
        weight = torch.exp(query @ rows.T)
        pooled.append(weight / weight.sum(1, keepdim=True) @ rows)
    expected, actual = torch.stack(pooled), packed_pooling(q, grouped.spread(x), grouped)
    torch.testing.assert_close(actual, expected)
    for ours, theirs in zip(
        torch.autograd.grad(actual.sin().sum(), (q, x)),
        torch.autograd.grad(expected.sin().sum(), (q, x)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_pooling_keeps_float32_under_autocast() -> None:
    grouped = make_buckets([2], device=torch.device("cpu"))
    x = torch.tensor([[1.0], [1.0 + 2**-9]])
    with torch.autocast("cpu", torch.bfloat16):
        out = packed_pooling(torch.zeros(1, 1, 1, dtype=torch.bfloat16), x, grouped)
    assert float(out) == 1 + 2**-10


def test_dropout_has_the_right_mean_and_its_own_gradient() -> None:
    grouped = make_buckets([6] * 400, device=torch.device("cpu"))
    q, kv = torch.randn(2400, H * D), torch.randn(2400, 2 * H * D)
    q[:], kv[:] = q[:6].repeat(400, 1), kv[:6].repeat(400, 1)
    exact = packed_attention(q, kv, grouped, num_heads=H)[:6]
    dropped = packed_attention(q, kv, grouped, num_heads=H, threshold=64).view(400, 6, -1)
    error = dropped.std(0) / 20
    assert ((dropped.mean(0) - exact).abs() < 5 * error).all()

    small = make_buckets([3, 3], device=torch.device("cpu"))
    inputs = [torch.randn(6, n * H * D, dtype=torch.float64, requires_grad=True) for n in (1, 2)]
    bias = torch.randn(H, 18, dtype=torch.float64, requires_grad=True)

    def with_fixed_draw(q: Tensor, kv: Tensor, bias: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return packed_attention(q, kv, small, num_heads=H, bias=bias, threshold=100)

    assert torch.autograd.gradcheck(with_fixed_draw, (*inputs, bias))


@pytest.mark.parametrize("training", [True, False])
def test_scores_keep_float32_under_autocast(training: bool) -> None:
    # Queries that differ in the ninth bit would give the same scores in bfloat16.
    grouped = make_buckets([2], device=torch.device("cpu"))
    q = torch.full((2, D * H), 300.0)
    kv = torch.cat(
        [torch.tensor([[1.0], [1.0 + 2**-9]]).expand(2, H * D), torch.tensor([[0.0], [1.0]]).expand(2, H * D)], 1
    )
    kv.requires_grad_(training)
    with torch.autocast("cpu", torch.bfloat16):
        out = packed_attention(q, kv, grouped, num_heads=H)
    expected = torch.sigmoid(torch.tensor(300 * 2**-9 * D**0.5))
    torch.testing.assert_close(out, torch.full_like(out, float(expected)), rtol=1e-5, atol=0)


def test_dense_attention_ignores_masked_keys() -> None:
    x = torch.randn(1, 4, H * D)
    bias = torch.tensor([0.0, 0.0, -3e4, -3e4])[None, None, None]
    kv = torch.cat([x, x], -1)
    wide = dense_attention(x[:, :2], kv, num_heads=H, bias=bias)
    narrow = dense_attention(x[:, :2], kv[:, :2], num_heads=H, bias=torch.zeros(1, 1, 1, 2))
    torch.testing.assert_close(wide, narrow)
