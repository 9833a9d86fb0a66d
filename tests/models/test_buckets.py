from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.models._buckets import MAX_PAIRS, MAX_WASTE, make_buckets

CPU = torch.device("cpu")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 70), min_size=0, max_size=60))
def test_every_row_has_one_slot_and_waste_is_bounded(lengths: list[int]) -> None:
    lengths = sorted(lengths)
    grouped = make_buckets(lengths, device=CPU)
    T = sum(lengths)
    rows = torch.arange(T, dtype=torch.float64)[:, None]
    slots = grouped.spread(rows)
    assert torch.equal(grouped.collect(slots), rows)
    assert [b.jets.start for b in grouped.buckets[1:]] == [b.jets.stop for b in grouped.buckets[:-1]]
    assert sum(b.num_jets for b in grouped.buckets) == sum(n > 0 for n in lengths)
    for bucket in grouped.buckets:
        sizes = lengths[bucket.jets]
        assert bucket.slots.stop - bucket.slots.start == bucket.num_jets * bucket.length
        assert sum(sizes) >= (1 - MAX_WASTE) * bucket.num_jets * bucket.length
        assert bucket.num_jets == 1 or bucket.num_jets * bucket.length**2 <= MAX_PAIRS
        real = torch.ones(bucket.num_jets, bucket.length, dtype=torch.bool) if bucket.pad is None else ~bucket.pad
        assert real.sum(1).tolist() == sizes
        start = sum(lengths[: bucket.jets.start])
        shown = slots[bucket.slots, 0].view_as(real)[real]
        assert shown.tolist() == list(range(start, start + sum(sizes)))


def test_equal_lengths_need_no_copy() -> None:
    grouped = make_buckets([0, 4, 4, 9, 9], device=CPU)
    rows = torch.randn(26, 3)
    assert grouped.spread(rows) is rows
    assert grouped.collect(rows) is rows


def test_padding_slots_pass_no_gradient() -> None:
    grouped = make_buckets([9, 10], device=CPU)
    rows = torch.randn(19, 2, requires_grad=True)
    grouped.spread(rows).sum().backward()
    assert rows.grad is not None
    assert torch.equal(rows.grad, torch.ones(19, 2))


@pytest.mark.parametrize("spread", [12.0, 20.0])
def test_a_batch_of_jets_makes_few_buckets(spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = (50 + spread * torch.randn(256, generator=generator)).clamp(5, 128).long().sort().values.tolist()
    grouped = make_buckets(lengths, device=CPU)
    slots = grouped.buckets[-1].slots.stop
    assert len(grouped.buckets) < 30
    assert slots < 1.1 * sum(lengths)
