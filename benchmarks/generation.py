"""Rate of full generation against bare ``Pythia.nextBatch`` on the same events, and two workers against one."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from collidium.collide import GenerateConfig, generate, generate_block, plan_blocks, session
from harness import Row, publish

BLOCK_JETS = 300
REPEATS = 3
TWO_WORKER_JETS = 6000


def count_and_time(config: GenerateConfig, number: int) -> tuple[float, float]:
    """Events a second of a whole block, and of bare ``nextBatch`` making the same events."""
    block = plan_blocks(config)[number]
    pythia = session(block.process, config)._pythia
    sizes: list[int] = []
    bare = type(pythia).nextBatch

    class Counting:
        """Passes every call on and notes the batch sizes."""

        def __getattr__(self, name: str) -> object:
            return getattr(pythia, name)

        def nextBatch(self, count: int) -> object:
            sizes.append(count)
            return bare(pythia, count)

    held = session(block.process, config)
    held._pythia = Counting()
    started = time.perf_counter()
    generate_block(config, block, advance=lambda _: None)
    ours = time.perf_counter() - started
    held._pythia = pythia
    started = time.perf_counter()
    for size in sizes:
        bare(pythia, size)
    theirs = time.perf_counter() - started
    return sum(sizes) / ours, sum(sizes) / theirs


def row(process: str) -> Row:
    config = GenerateConfig(
        classes=(process,), num_jets=BLOCK_JETS * (REPEATS + 1), pt_max=650.0, jets_per_block=BLOCK_JETS
    )
    pairs = [count_and_time(config, number) for number in range(REPEATS + 1)][1:]
    return Row(
        name=f"events with detector, jets and labels, {process}, one core",
        unit="events/s",
        ours=statistics.median(pair[0] for pair in pairs),
        peer=statistics.median(pair[1] for pair in pairs),
        peer_name="bare Pythia.nextBatch 8.317.2",
        target=0.85,
    )


def rate(workers: int) -> float:
    """Jets a second of a whole dataset, start of the workers and writing included."""
    config = GenerateConfig(classes=("QCD", "Tbqq"), num_jets=TWO_WORKER_JETS, pt_max=650.0, jets_per_block=250)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        generate(config, Path(folder) / "jets", workers=workers)
        return TWO_WORKER_JETS / (time.perf_counter() - started)


def main() -> None:
    rows = [row("QCD"), row("Tbqq")]
    one, two = rate(1), rate(2)
    rows.append(
        Row(name="two workers", unit="jets/s", ours=two, peer=one, peer_name="ours with one worker", target=1.8)
    )
    publish("generation", rows)


if __name__ == "__main__":
    main()
