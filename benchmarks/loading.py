"""Jets a second from disk to ready batches, ours against weaver-core's loader on the same jets; memory against size."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from collidium.artifact import building
from collidium.cloud import SPLITS, BatchPlan, Dataset, DatasetWriter, event_ids, feature_set
from collidium.io import write_jetclass
from harness import DATA, PEERS, WEAVER, Row, dataset, peer_python, publish, run_json

BATCH = 512
NUM_JETS = 20_000
# the generated jets several times over: five windows of 32,768 jets, and eighteen
SMALL, LARGE = 7, 28


def ours(path: Path) -> float:
    """Best of three epochs over all jets of a dataset, in one process."""
    plan = BatchPlan(
        dataset=Dataset.open(path), schema=feature_set("full"), split="all", batch_size=BATCH, max_particles=128
    )
    rates = []
    for epoch in range(3):
        started, jets = time.perf_counter(), 0
        for cloud in plan.epoch(seed=0, epoch=epoch):
            jets += len(cloud)
        rates.append(jets / (time.perf_counter() - started))
    return max(rates)


def repeated(path: Path, times: int) -> Path:
    """A dataset with the same jets several times, each time with other event numbers; made at the first call."""
    out = DATA / f"bench-loading-{times}"
    if out.exists():
        return out
    once = Dataset.open(path)
    with building(out, kind="dataset", config={"repeats": times}, inputs=[path]) as folder:
        writer = DatasetWriter(folder, list(once.columns.values()), once.classes)
        for number in range(times * once.num_shards):
            jets = once.read_shard(number % once.num_shards)
            ids = event_ids(number, len(jets))
            writer.write_shard(number, replace(jets, scalars={**jets.scalars, "event_id": ids}))
    return out


def peak_memory(path: Path) -> float:
    """Peak resident memory in MiB of an epoch over a dataset, in a process of its own."""
    output = subprocess.run([sys.executable, __file__, "--peak", str(path)], check=True, capture_output=True, text=True)
    return float(json.loads(output.stdout.splitlines()[-1])["mib"])


def print_peak(path: Path) -> None:
    ours(path)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"mib": int(status["VmHWM"].split()[0]) / 1024}))


def main() -> None:
    path = dataset("top-vs-qcd", "top-vs-qcd", "--num-jets", str(NUM_JETS))
    classes = Dataset.open(path).classes
    root = DATA / "bench-top-vs-qcd-root"
    if not root.exists():
        partial = Path(tempfile.mkdtemp(dir=DATA))
        for split in SPLITS:
            write_jetclass(Dataset.open(path), partial / f"{split}.root", split=split)
        partial.rename(root)
    weaver = peer_python("weaver", WEAVER)
    labels = ",".join(f"label_{name}" for name in classes)
    peer = max(
        run_json(weaver, PEERS / "weaver_loading.py", root, labels, str(workers))["jets_per_second"]
        for workers in (0, 1, 2)
    )
    small, large = repeated(path, SMALL), repeated(path, LARGE)
    small_memory, large_memory = peak_memory(small), peak_memory(large)
    publish(
        "loading",
        [
            Row(
                name="disk to ready batch, 17 features, 128 particles",
                unit="jets/s",
                ours=ours(large),
                peer=peer,
                peer_name="weaver-core 0.5.3, best of 0, 1, 2 workers",
                target=10,
            ),
            Row(
                name=f"peak memory, {LARGE // SMALL} times the jets",
                unit="MiB",
                ours=large_memory,
                peer=small_memory,
                peer_name=f"ours on {SMALL * NUM_JETS:,} jets",
                target=1.1,
                is_cost=True,
            ),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(Path(sys.argv[2]))
    else:
        main()
