"""How a dataset is cut into blocks, and the seeds that follow from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from collidium.collide._config import GenerateConfig

NUM_PYTHIA_SEEDS = 900_000_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Jets of one class from one random stream.

    Attributes
    ----------
    process : str
        Name in ``PROCESSES``.
    index : int
        Number of the block within the class.
    num_jets : int
        Jets to make.
    shard : int
        The file they go to.
    """

    process: str
    index: int
    num_jets: int
    shard: int

    @property
    def name(self) -> str:
        """Name of the block, unique in its dataset."""
        return f"{self.process}-{self.index:06d}"


def plan_blocks(config: GenerateConfig) -> list[Block]:
    """Cut a dataset into blocks.

    Parameters
    ----------
    config : GenerateConfig
        What to generate.

    Returns
    -------
    list of Block
        Ordered by shard; each shard holds jets of every class.

    Examples
    --------
    >>> config = GenerateConfig(classes=("Tbqq", "QCD"), num_jets=5, jets_per_shard=4, jets_per_block=1)
    >>> [(block.name, block.num_jets, block.shard) for block in plan_blocks(config)][:3]
    [('Tbqq-000000', 1, 0), ('Tbqq-000001', 1, 0), ('QCD-000000', 1, 0)]
    """
    num_classes = len(config.classes)
    per_class = _shares(config.num_jets, num_classes)
    num_shards = min(-(-config.num_jets // config.jets_per_shard), min(per_class))
    in_shard = {name: _shares(total, num_shards) for name, total in zip(config.classes, per_class, strict=True)}
    blocks = []
    made = dict.fromkeys(config.classes, 0)
    for shard in range(num_shards):
        for name in config.classes:
            total = in_shard[name][shard]
            for size in _shares(total, -(-total // config.jets_per_block)):
                blocks.append(Block(process=name, index=made[name], num_jets=size, shard=shard))
                made[name] += 1
    return blocks


def _shares(total: int, parts: int) -> list[int]:
    """Whole numbers that differ by one at most and sum to the total."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def stream_number(seed: int, process: str, purpose: str) -> int:
    """Number of the random stream of a class in a dataset.

    Parameters
    ----------
    seed : int
        Seed of the dataset.
    process : str
        Name of the class.
    purpose : str
        What the numbers are for, so that streams for two purposes differ.

    Returns
    -------
    int
        64 bits of a hash.

    Examples
    --------
    >>> stream_number(1, "QCD", "pythia") == stream_number(2, "QCD", "pythia")
    False
    """
    digest = hashlib.blake2b(f"{seed}/{process}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def pythia_seed(seed: int, block: Block) -> int:
    """Seed of Pythia's generator for a block.

    Parameters
    ----------
    seed : int
        Seed of the dataset.
    block : Block
        The block.

    Returns
    -------
    int
        1 to 900 000 000; consecutive blocks of a class get consecutive seeds, so none is used twice.
    """
    return 1 + (stream_number(seed, block.process, "pythia") + block.index) % NUM_PYTHIA_SEEDS


def detector_generator(seed: int, block: Block) -> np.random.Generator:
    """Random numbers of the detector for a block.

    Parameters
    ----------
    seed : int
        Seed of the dataset.
    block : Block
        The block.

    Returns
    -------
    numpy.random.Generator
        At the start of the block's own stream.
    """
    return np.random.default_rng([stream_number(seed, block.process, "detector"), block.index])
