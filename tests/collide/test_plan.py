from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.collide import Block, GenerateConfig, plan_blocks
from collidium.collide._plan import detector_generator, pythia_seed


@settings(deadline=None, max_examples=60)
@given(
    num_jets=st.integers(3, 5000),
    jets_per_shard=st.integers(3, 2000),
    jets_per_block=st.integers(1, 500),
)
def test_plans_are_complete_and_balanced(num_jets: int, jets_per_shard: int, jets_per_block: int) -> None:
    config = GenerateConfig(
        classes=("QCD", "Hbb", "Tbl"), num_jets=num_jets, jets_per_shard=jets_per_shard, jets_per_block=jets_per_block
    )
    blocks = plan_blocks(config)
    per_class: Counter[str] = Counter()
    per_shard: dict[int, Counter[str]] = {}
    for block in blocks:
        assert 1 <= block.num_jets <= jets_per_block
        per_class[block.process] += block.num_jets
        per_shard.setdefault(block.shard, Counter())[block.process] += block.num_jets
    assert sum(per_class.values()) == num_jets
    assert max(per_class.values()) - min(per_class.values()) <= 1
    assert all(set(shard) == set(config.classes) for shard in per_shard.values())
    assert all(sum(shard.values()) <= jets_per_shard + len(config.classes) for shard in per_shard.values())
    assert len({block.name for block in blocks}) == len(blocks)
    assert sorted(per_shard) == list(range(len(per_shard)))


def test_no_two_blocks_share_random_numbers() -> None:
    blocks = [
        Block(process=process, index=index, num_jets=1, shard=0) for process in ("QCD", "Tbqq") for index in range(500)
    ]
    assert len({pythia_seed(1, block) for block in blocks}) == len(blocks)
    assert all(1 <= pythia_seed(1, block) <= 900_000_000 for block in blocks)
    assert len({detector_generator(1, block).integers(2**63) for block in blocks}) == len(blocks)


def test_another_seed_gives_another_stream() -> None:
    block = Block(process="QCD", index=0, num_jets=1, shard=0)
    assert pythia_seed(1, block) != pythia_seed(2, block)
    assert detector_generator(1, block).random() != detector_generator(2, block).random()
