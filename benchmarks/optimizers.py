"""Speed, memory and accuracy of the matrix optimizers on the matrices of a small transformer, against torch's own."""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from collidium.optim import OPTIMIZERS, MatrixOptimizer, exact_polar, newton_schulz, orthogonalize
from harness import Row, publish, run_json

BLOCKS = 12
WIDTH = 256
QKV = (WIDTH, WIDTH, WIDTH)
SHAPES = [(WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH)]
TORCH_STEPS = {"direction": "jordan", "precision": "bfloat16", "form": "standard"}
LIMITS_OF_MUON = {"normuon": 1.05, "adago": 1.05, "namo": 1.05, "mars_m": 1.05, "muon_clip": 1.05}
LIMITS_OF_ADAMW = {"reg": 1.5, "auon": 1.5}
UNLIMITED = ("namo_d", "adamuon", "hybrid_auon", "conda")
WEIGHT_DECAY = 0.1  # the default of torch's Muon; the same for everyone
STATE_BYTES = {"muon": 4.0005, "normuon": 4.0125, "muon_8bit": 1.01}
MEBIBYTE = 1 << 20
BUILDS = 4
ROUNDS = {True: 20, False: 6}  # of the figures with a limit, and of the others

Step = Callable[[], object]


def parameters(*, is_split: bool) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Query-key-value weights, fused or apart for a peer that cannot split them, and all other matrices."""
    generator = torch.Generator().manual_seed(0)
    fused_shapes = [(sum(QKV), WIDTH)] if is_split else [(rows, WIDTH) for rows in QKV]
    fused = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in fused_shapes * BLOCKS]
    others = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES * BLOCKS]
    for weight in (*fused, *others):
        weight.grad = torch.randn(weight.shape, generator=generator)
    return fused, others


def ours(name: str, **options: object) -> MatrixOptimizer:
    fused, others = parameters(is_split=True)
    split = {} if name == "adamw" else {"split_sizes": QKV}
    optimizer = OPTIMIZERS[name].build(
        [{"params": fused, **split}, {"params": others}], lr=1e-3, weight_decay=WEIGHT_DECAY, **options
    )
    assert isinstance(optimizer, MatrixOptimizer)
    return optimizer


def torch_muon() -> torch.optim.Optimizer:
    fused, others = parameters(is_split=False)
    return torch.optim.Muon(fused + others, lr=1e-3, weight_decay=WEIGHT_DECAY)


def torch_adamw() -> torch.optim.Optimizer:
    fused, others = parameters(is_split=True)
    return torch.optim.AdamW(fused + others, lr=1e-3, weight_decay=WEIGHT_DECAY, foreach=True)


def contenders() -> dict[str, Step]:
    """All that step, two peers among them."""
    steps: dict[str, Step] = {"torch Muon": torch_muon().step, "torch AdamW": torch_adamw().step}
    steps["muon as torch"] = ours("muon", **TORCH_STEPS).step
    return steps | {name: ours(name).step for name in ("muon", *LIMITS_OF_MUON, *LIMITS_OF_ADAMW, *UNLIMITED)}


def speed_rows(clock: Callable[[], float], what: str) -> list[Row]:
    """Each contender and its peer step by step in turn: the ratio is the median over these pairs of steps.

    The machine's moods last for several pairs, and either side's median may lie in another mood.

    All are built anew a few times: where the system happens to lay their tensors changes a step by a fifth.
    """
    rivals: dict[str, tuple[str, float | None]] = {"muon as torch": ("torch Muon", 1.0), "muon": ("torch Muon", 0.78)}
    rivals |= {name: ("muon", limit) for name, limit in LIMITS_OF_MUON.items()}
    rivals |= {name: ("torch AdamW", limit) for name, limit in LIMITS_OF_ADAMW.items()}
    rivals |= dict.fromkeys(UNLIMITED, ("muon", None))
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    for _ in range(BUILDS):
        steps = contenders()
        for step in steps.values():
            step()
        for name, (peer, limit) in rivals.items():
            for turn in range(ROUNDS[limit is not None]):
                seconds = {}
                for runner in (name, peer) if turn % 2 else (peer, name):
                    started = clock()
                    steps[runner]()
                    seconds[runner] = clock() - started
                pairs[name].append((seconds[name], seconds[peer]))
    return [
        Row(
            name=f"{name}, {what}",
            unit="ms/step",
            ours=1e3 * statistics.median(ours for ours, _ in pairs[name]),
            peer=1e3 * statistics.median(theirs for _, theirs in pairs[name]),
            peer_name=f"{peer} (foreach)" if peer == "torch AdamW" else peer if "torch" in peer else f"our {peer}",
            target=target,
            is_cost=True,
            paired_ratio=statistics.median(ours / theirs for ours, theirs in pairs[name]),
        )
        for name, (peer, target) in rivals.items()
    ]


def polar_error(orthogonalized: torch.Tensor, matrix: torch.Tensor) -> float:
    return float((orthogonalized.double() - exact_polar(matrix.double())).norm() / min(matrix.shape) ** 0.5)


def accuracy_rows() -> list[Row]:
    """RMS distance of the singular values from one, of ours in default mode against torch's five steps."""
    rows = []
    for shape in SHAPES:
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        rows.append(
            Row(
                name=f"polar error, {shape[0]} x {shape[1]}",
                unit="1",
                ours=polar_error(orthogonalize([matrix])[0], matrix),
                peer=polar_error(newton_schulz(matrix, "jordan", dtype=torch.bfloat16), matrix),
                peer_name="the steps of torch Muon",
                target=1.0,
                is_cost=True,
            )
        )
    return rows


def state_rows() -> list[Row]:
    rows = []
    for name, limit in STATE_BYTES.items():
        optimizer = ours(name)
        optimizer.step()
        tensors = [tensor for state in optimizer.state.values() for tensor in state.values()]
        num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        rows.append(
            Row(
                name=f"state, {name}",
                unit="bytes/parameter",
                ours=num_bytes / sum(weight.numel() for weight in weights),
                peer=None,
                peer_name=None,
                target=limit,
                is_cost=True,
            )
        )
    return rows


def peak_growth(name: str) -> float:
    """Growth of the largest resident memory during the first step of an optimizer that has its state, in MiB."""
    before_it, optimizer = (torch_muon() if name == "torch Muon" else ours(name) for _ in range(2))
    before_it.step()
    optimizer.load_state_dict(before_it.state_dict())
    del before_it
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the first step left to the allocator would hide the growth
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    optimizer.step()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def memory_rows() -> list[Row]:
    """A fresh process each, so that memory which one contender left to the allocator does not help another."""
    script = Path(__file__)
    growth = {name: run_json(sys.executable, script, "peak", name)["mebibytes"] for name in ("torch Muon", "muon")}
    return [
        Row(
            name="peak growth of a step, muon",
            unit="MiB",
            ours=growth["muon"],
            peer=None,
            peer_name=None,
            target=55.0,
            is_cost=True,
        ),
        Row(
            name="peak growth of a step, muon beside torch",
            unit="MiB",
            ours=growth["muon"],
            peer=growth["torch Muon"],
            peer_name="torch Muon",
            target=None,
            is_cost=True,
        ),
    ]


def main() -> None:
    if sys.argv[1:2] == ["peak"]:
        print(f'{{"mebibytes": {peak_growth(sys.argv[2])}}}')
        return
    torch.set_num_threads(1)
    rows = speed_rows(time.process_time, "one thread, processor time")
    torch.set_num_threads(2)
    rows += speed_rows(time.perf_counter, "two threads, wall time")
    publish("optimizers", rows + accuracy_rows() + state_rows() + memory_rows())


if __name__ == "__main__":
    main()
