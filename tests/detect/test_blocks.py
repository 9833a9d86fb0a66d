from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.detect._blocks import BLOCK_SIZE, block_generator, block_stream, make_blocks


def test_blocks_cover_the_sample_in_order() -> None:
    assert make_blocks(lambda block: block, 3 * BLOCK_SIZE, workers=2) == [0, 1, 2]
    assert make_blocks(lambda block: block, 1, workers=1) == [0]


@pytest.mark.parametrize(("total", "workers"), [(0, 1), (1, 0), (-5, 2)])
def test_senseless_numbers_are_refused(total: int, workers: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        make_blocks(lambda block: block, total, workers=workers)


def test_streams_differ_by_purpose_seed_and_block() -> None:
    draws = {
        block_generator(block_stream(purpose, seed), block).integers(2**63)
        for purpose in ("muons", "modules")
        for seed in (0, 1)
        for block in (0, 1)
    }
    assert len(draws) == 8


def test_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="seed is -1"):
        block_stream("muons", -1)
