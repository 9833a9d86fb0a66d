from __future__ import annotations

import pytest
import torch

from collidium.models import Dense, Packed
from collidium.models._pairs import PairEmbedding

LENGTHS = [0, 1, 3, 3]
MASK = torch.arange(4) < torch.tensor(LENGTHS)[:, None]


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(4, 4, 5, generator=torch.Generator().manual_seed(0))


def test_layouts_agree_on_sums_and_tokens(rows: torch.Tensor) -> None:
    packed, dense = Packed(torch.tensor(LENGTHS)), Dense(MASK)
    torch.testing.assert_close(packed.sum(rows[MASK]), dense.sum(rows))
    token = torch.randn(4, 5)
    (after, ours), (wide, theirs) = packed.prepend(token, rows[MASK]), dense.prepend(token, rows)
    assert wide.mask is not None
    assert torch.equal(ours, theirs[wide.mask])
    assert torch.equal(after.first(ours), token)
    assert torch.equal(wide.first(theirs), token)


def test_pair_bias_is_symmetric_and_the_same_in_both_layouts() -> None:
    lengths = [1, 9, 10]
    mask = torch.arange(11) < torch.tensor(lengths)[:, None]
    p3 = torch.randn(3, 11, 3, dtype=torch.float64) + torch.tensor([5.0, 0.0, 0.0])
    p4 = torch.cat([p3.square().sum(-1, keepdim=True).add(0.1).sqrt(), p3], -1)
    embedding = PairEmbedding((8,), 2).double()
    packed = Packed(torch.tensor(lengths))
    flat = packed.pair_bias(p4[mask], embedding)
    square = Dense(mask).pair_bias(p4, embedding)
    for bucket in packed.buckets.buckets:
        block = flat[:, bucket.pairs].view(2, bucket.num_jets, bucket.length, bucket.length)
        for i, n in enumerate(lengths[bucket.jets]):
            ours = block[:, i, :n, :n]
            assert torch.equal(ours, ours.transpose(1, 2))
            torch.testing.assert_close(ours, square[bucket.jets.start + i, :, :n, :n])
    assert (square.permute(0, 2, 3, 1)[:, :, ~mask[0]][0] < -1e4).all()
