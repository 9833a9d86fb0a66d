"""Splits by hash: shares, stability, independence."""

from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import event_ids, jet_ids, split_of

FROZEN = [2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2]


def test_shares_are_seventy_fifteen_fifteen() -> None:
    part = split_of(event_ids(3, 100_000))
    shares = np.bincount(part) / len(part)
    # three standard deviations of a share of 100,000
    assert np.abs(shares - [0.70, 0.15, 0.15]).max() < 3 * np.sqrt(0.7 * 0.3 / 1e5)


def test_a_number_keeps_its_part_forever() -> None:
    # Frozen: a jet that changes part between versions leaks test jets into training.
    assert split_of(np.arange(24, dtype=np.uint64) * np.uint64(64)).tolist() == FROZEN


def test_streams_are_distinct_and_continue() -> None:
    numbers = np.concatenate([event_ids(stream, 1000) for stream in range(50)])
    assert len(np.unique(numbers)) == 50_000
    assert np.array_equal(event_ids(9, 10)[4:], event_ids(9, 6, start=4))
    assert event_ids(2**64 + 5, 1)[0] == event_ids(5, 1)[0]


def test_jets_of_an_event_share_a_split() -> None:
    event, member = np.repeat(np.arange(2000), 5), np.tile(np.arange(5), 2000)
    ids = jet_ids(11, event, member)
    assert len(np.unique(ids)) == 10_000
    parts = split_of(ids).reshape(2000, 5)
    assert (parts == parts[:, :1]).all()
    assert np.array_equal(ids[member == 0], event_ids(11, 2000))
    with pytest.raises(InputError, match="an event has 65 jets; at most 64"):
        jet_ids(1, np.zeros(65, dtype=np.int64), np.arange(65))
