from __future__ import annotations

import torch

from collidium.models._pairs import PairEmbedding, mirror, triangle_index, triangle_pair


def test_pair_numbers_run_through_the_lower_triangle() -> None:
    rows, columns = torch.tril_indices(300, 300)
    number = torch.arange(len(rows))
    i, j = triangle_pair(number)
    assert torch.equal(i, rows)
    assert torch.equal(j, columns)
    assert torch.equal(triangle_index(i, j), number)
    assert torch.equal(triangle_index(j, i), number)


def test_mirror_has_the_gradient_of_indexing() -> None:
    n, H = 4, 3
    i, j = torch.tril_indices(n, n)
    position = torch.arange(n)
    index = triangle_index(position[:, None], position).flatten()
    pairs = torch.randn(len(i), H, dtype=torch.float64, requires_grad=True)
    actual, expected = mirror(pairs, index, (i * n + j, j * n + i)), pairs[index].T
    assert torch.equal(actual, expected)
    weight = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad((out * weight).sum(), pairs)[0] for out in (actual, expected))
    torch.testing.assert_close(ours, theirs)


def test_last_layer_is_normed_and_not_activated() -> None:
    out = PairEmbedding((16,), 2)(torch.randn(500, 4))
    torch.testing.assert_close(out.mean(0), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(2), rtol=1e-3, atol=0)
