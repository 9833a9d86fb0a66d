"""Trigger networks against HGQ2 on jax: time of an epoch, accuracy at equal cells, and the way to proved Verilog.

Jets of five classes with sixteen features; a dense network 16-64-32-32-5 and one of tables 16-20-5. What takes long is
kept in ``data/bench-trigger`` and taken from there by the next call.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.artifact import SilentProgress
from collidium.firmware import (
    FirmwareContext,
    FirmwareOptions,
    Formats,
    Input,
    IntegerModel,
    Linear,
    LookupTable,
    Node,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    Select,
    Sum,
    Table,
    compile_model,
    quantize_real,
    write_firmware,
)
from collidium.trigger import (
    ArrayData,
    BetaSchedule,
    FitConfig,
    JetTask,
    Member,
    MLPConfig,
    QuantizerConfig,
    TriggerRun,
    fit,
    input_codes,
)
from harness import DATA, PEERS, Row, collidium, peer_python, publish, run_json

Kind = Literal["dense", "lut"]
Codes = NDArray[np.int64]
HGQ2 = ["HGQ2==0.2.0", "jax==0.10.2", "keras==3.15.1", "da4ml==0.6.0"]
FOLDER = DATA / "bench-trigger"
JETS = DATA / "jets5"
SAMPLES = FOLDER / "samples.npz"
WIDTHS: Mapping[Kind, tuple[int, ...]] = {"dense": (64, 32, 32), "lut": (20,)}
TITLES: Mapping[Kind, str] = {"dense": "dense 16-64-32-32-5", "lut": "tables 16-20-5"}
LIMITS: Mapping[Kind, float] = {"dense": 0.7, "lut": 0.5}
BATCH_SIZE = 512
SPEED_BATCHES: Mapping[Kind, tuple[int, ...]] = {"dense": (512, 4096, 16384), "lut": (512,)}
ROUNDS = 5
EPOCHS: Mapping[Kind, int] = {"dense": 60, "lut": 48}
CYCLE = 4
PRESSURE: Mapping[Kind, tuple[tuple[float, float], ...]] = {
    "dense": ((0.15, 1e-6), (1.0, 1e-4)),
    "lut": ((0.2, 3e-6), (1.0, 1e-3)),
}
COSTS: Mapping[Kind, tuple[float, ...]] = {
    "dense": (4_000.0, 6_000.0, 9_000.0, 14_000.0, 20_000.0),
    "lut": (200.0, 300.0, 450.0, 650.0, 1_000.0, 1_500.0, 2_500.0),
}
RATES: Mapping[Kind, tuple[tuple[float, float], ...]] = {
    "dense": ((2e-3, 1e-2), (5e-3, 2e-2), (1e-2, 2e-2)),
    "lut": ((5e-3, 1e-2), (1e-2, 1e-2), (2e-2, 1e-2)),
}
"""Ours, of weights and of widths; a front has the best of all."""
PEER_RATES: Mapping[Kind, tuple[float, ...]] = {"dense": (2e-3, 5e-3, 1e-2), "lut": (5e-3, 1e-2, 2e-2)}
BETAS: Mapping[Kind, dict[str, tuple[float, float]]] = {
    "dense": {},
    "lut": {"betas": (0.9, 0.999), "width_betas": (0.9, 0.999)},
}
STARTS: Mapping[Kind, dict[str, int]] = {"dense": {"b0": 4, "i0": 0, "f0": 4}, "lut": {"b0": 6, "i0": 2, "f0": 3}}
STEPS_PER_EXECUTION = 16
MAX_CPU_SECONDS = 90.0
MAX_PREDICTION_ERROR = 0.1


def network_config(kind: Kind) -> MLPConfig:
    narrow = QuantizerConfig(f=4)
    return MLPConfig(widths=WIDTHS[kind], kinds=(kind,), data=narrow, weight=narrow)


def fit_config(kind: Kind, rates: tuple[float, float] | None = None, **changes: Any) -> FitConfig:
    lr, width_lr = rates or RATES[kind][1]
    settings: dict[str, Any] = {
        "epochs": EPOCHS[kind],
        "batch_size": BATCH_SIZE,
        "lr": lr,
        "width_lr": width_lr,
        "pressure": BetaSchedule(points=PRESSURE[kind]),
        "cycles": EPOCHS[kind] // CYCLE,
        "validate_every": CYCLE,
        **BETAS[kind],
    }
    return FitConfig(**settings | changes)


@cache
def samples() -> ArrayData:
    if not JETS.exists():
        classes = ("gluon", "light", "Wqq", "Zqq", "Tbqq")
        limits = ("--pt-min", "800", "--pt-max", "1200", "--num-jets", "100000")
        collidium("generate", "jetclass", "--classes", *classes, *limits, "-o", JETS)
    if not SAMPLES.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        JetTask(features="jet16").samples(JETS).data.save(SAMPLES)
    return ArrayData.load(SAMPLES)


def request(mode: str, kind: Kind, **items: Any) -> Path:
    """A request to the peer, as a file."""
    content = {
        "mode": mode,
        "kind": kind,
        "data": str(SAMPLES),
        "widths": [*WIDTHS[kind], 5],
        "start": STARTS[kind],
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS[kind],
        "cycle": CYCLE,
        "lr": PEER_RATES[kind][1],
        "beta": PRESSURE[kind],
        "seed": 0,
        "steps_per_execution": STEPS_PER_EXECUTION,
        **items,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as stream:
        json.dump(content, stream)
    return Path(stream.name)


@dataclass(frozen=True)
class Seconds:
    """What an epoch took."""

    wall: float
    cpu: float


class Epochs(SilentProgress):
    """Times each epoch of our training, and does something in between."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self.found: list[Seconds] = []
        self.between = between

    def start(self, label: str, total: int | None, unit: str) -> None:
        self.restart()

    def restart(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def advance(self, n: int = 1, **figures: float) -> None:
        if "loss" in figures:
            self.found.append(Seconds(time.perf_counter() - self.wall, time.process_time() - self.cpu))
            self.between()
        if figures:
            self.restart()


def epoch_rows(kind: Kind, batch_size: int, python: Path) -> list[Row]:
    """Our epochs and the peer's in turn, on one processor; the first of each, in which jax compiles, is left out."""
    theirs: list[Seconds] = []
    data = samples()
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [python, PEERS / "hgq2_training.py", request("epochs", kind, epochs=ROUNDS + 1, batch_size=batch_size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **flags},
    ) as peer:

        def turn() -> None:
            assert peer.stdin is not None
            assert peer.stdout is not None
            peer.stdin.write("next\n")
            peer.stdin.flush()
            theirs.append(Seconds(**json.loads(peer.stdout.readline())))

        epochs = Epochs(turn)
        rare = {"cycles": 1, "validate_every": ROUNDS + 1, "checkpoint_every": ROUNDS + 1}
        config = fit_config(kind, epochs=ROUNDS + 1, batch_size=batch_size, **rare)
        with tempfile.TemporaryDirectory() as folder:
            fit(network_config(kind), data, config, Path(folder) / "run", progress=epochs)
    rows = []
    for name in ("cpu", "wall"):
        ours, peers = (statistics.median(getattr(s, name) for s in part[1:]) for part in (epochs.found, theirs))
        rows.append(
            Row(
                name=f"an epoch, {TITLES[kind]}, batch {batch_size}, {name} time",
                unit="s",
                ours=ours,
                peer=peers,
                peer_name="HGQ2, jax, compiled",
                target=LIMITS[kind],
                is_cost=True,
            )
        )
    return rows


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network of a front as firmware."""

    epoch: int
    ebops: float
    accuracy: float
    lut: int
    predicted: int


def our_runs(kind: Kind) -> list[TriggerRun]:
    """Our trainings, made at the first call."""
    found = []
    for rates in RATES[kind]:
        path = FOLDER / f"ours-{kind}-{rates[0]:g}"
        if not path.exists():
            epochs = Epochs()
            fit(network_config(kind), samples(), fit_config(kind, rates), path, progress=epochs)
            seconds_path(path).write_text(json.dumps(sum(s.cpu for s in epochs.found)))
        found.append(TriggerRun.open(path))
    return found


def seconds_path(run: Path) -> Path:
    return run.with_name(f"{run.name}-seconds.json")


def peer_runs(kind: Kind, python: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The peer's trainings, made at the first call: folders and what they say."""
    found = []
    for lr in PEER_RATES[kind]:
        path = FOLDER / f"peer-{kind}-{lr:g}"
        if not path.exists():
            run_json(python, PEERS / "hgq2_training.py", request("train", kind, out=str(path), lr=lr), threads=1)
        found.append((path, json.loads((path / "archive.json").read_text())))
    return found


def exact(values: NDArray[np.floating[Any]]) -> tuple[Codes, Codes]:
    """Numbers as integers and their fewest fractional bits."""
    codes = np.round(np.ldexp(values.astype(np.float64), 30)).astype(np.int64)
    zeros = np.where(codes == 0, 30, np.round(np.log2(np.maximum(codes & -codes, 1)))).astype(np.int64)
    return codes >> zeros, 30 - zeros


def as_formats(arrays: Mapping[str, Codes], index: int) -> Formats:
    """The peer's formats; one without a bit is 0."""
    k, i, f = (arrays[f"{index}_{name}"] for name in "kif")
    is_used = k + i + f > 0
    return Formats(np.where(is_used, k, 0), np.where(is_used, i, -f), f)


def dense_model(arrays: Mapping[str, Any]) -> IntegerModel:
    """The peer's dense network with its quantized weights."""
    nodes: list[Node] = []
    count = sum(name.endswith("_weight") for name in arrays)
    for index in range(count):
        formats = as_formats(arrays, index)
        if index == 0:
            nodes.append(Input("x", formats))
        else:
            nodes.append(Relu(f"relu{index}", nodes[-1].name))
            nodes.append(Quantize(f"data{index}", nodes[-1].name, formats, Rounding.RND, Overflow.WRAP))
        (weight, weight_f), (bias, bias_f) = exact(arrays[f"{index}_weight"]), exact(arrays[f"{index}_bias"])
        nodes.append(Linear(f"dense{index}", nodes[-1].name, weight, weight_f, bias, bias_f))
    return IntegerModel(nodes, [nodes[-1].name])


def lut_model(arrays: Mapping[str, Any]) -> IntegerModel:
    """The peer's tables. Each edge rounds half up for itself, which an input truncated one bit below all decides."""
    first = as_formats(arrays, 0)
    entry = Formats(*(bits.max(1) for bits in (first.k, first.i, first.f + 1)))
    nodes: list[Node] = [Input("x", entry)]
    for index in range(sum(name.endswith("_tables") for name in arrays)):
        formats = as_formats(arrays, index)
        num_inputs, num_outputs = formats.shape
        edges = np.broadcast_to(np.arange(num_inputs)[:, None], formats.shape)
        nodes.append(Select(f"edges{index}", nodes[-1].name, edges))
        nodes.append(Quantize(f"address{index}", nodes[-1].name, formats, Rounding.RND, Overflow.WRAP))
        tables = []
        for g, o in np.ndindex(num_inputs, num_outputs):
            codes, f = exact(arrays[f"{index}_tables"][g, o, : 1 << int(formats.width[g, o])])
            tables.append(LookupTable(int(formats.code_min[g, o]), codes << (f.max() - f), int(f.max())))
        which = np.arange(num_inputs * num_outputs).reshape(formats.shape)
        nodes.append(Table(f"tables{index}", nodes[-1].name, which, tables))
        nodes.append(Sum(f"sum{index}", nodes[-1].name, -2))
    return IntegerModel(nodes, [nodes[-1].name])


def test_split() -> tuple[NDArray[Any], NDArray[Any]]:
    data = samples()
    rows = data.split == 2
    return data.x["x"][rows], data.y[rows]


def our_model(run: TriggerRun, member: Member) -> tuple[IntegerModel, dict[str, Codes]]:
    network = run.network(member).double()
    model = network.freeze()
    return model, input_codes(network, model, {"x": test_split()[0]})


def peer_model(kind: Kind, folder: Path, epoch: int) -> tuple[IntegerModel, dict[str, Codes], NDArray[np.float32]]:
    """The peer's network as an integer model, the codes of the test split, and its own outputs for them."""
    with np.load(folder / f"epoch_{epoch:06d}.npz") as stored:
        arrays = dict(stored)
    model = dense_model(arrays) if kind == "dense" else lut_model(arrays)
    rounding = Rounding.RND if kind == "dense" else Rounding.TRN
    formats = model.inputs[0].formats
    codes = quantize_real(test_split()[0].astype(np.float64), formats, rounding, Overflow.WRAP)
    return model, {"x": codes}, arrays["outputs"]


def real_outputs(model: IntegerModel, codes: dict[str, Codes]) -> NDArray[np.float64]:
    name, count = model.outputs[0], len(codes["x"])
    parts = [
        model.values(name, model.run({"x": codes["x"][start : start + 2048]})[name]) for start in range(0, count, 2048)
    ]
    return np.concatenate(parts)


def point(path: Path, model: IntegerModel, outputs: NDArray[np.float64], *, epoch: int, ebops: float) -> Point:
    """Cells of a network by the same flow for both: our compiler and emitter, then Yosys; made at the first call."""
    if not path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            firmware = compile_model(model)
            options = FirmwareOptions(num_samples=0, synthesis="yosys")
            report = write_firmware(firmware, Path(folder) / "firmware", options=options)
        resources = report["resources"]
        found = Point(
            epoch=epoch,
            ebops=ebops,
            accuracy=float((outputs.argmax(1) == test_split()[1]).mean()),
            lut=resources["yosys"]["lut"],
            predicted=resources["predicted"]["lut"],
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(found)))
    return Point(**json.loads(path.read_text()))


def chosen(kind: Kind, members: list[tuple[float, float]]) -> list[int]:
    """Members (EBOPs, validation accuracy) of the front that are nearest to the costs wanted, each once, ascending."""
    front = [
        index
        for index, (ebops, merit) in enumerate(members)
        if not any(e <= ebops and m >= merit and (e, m) != (ebops, merit) for e, m in members)
    ]
    costs = np.array([members[index][0] for index in front])
    distance = np.abs(np.log(np.array(COSTS[kind])[:, None] / costs))
    return sorted({front[k] for k in distance.argmin(1)}, key=lambda index: members[index][0])


def our_front(kind: Kind) -> list[Point]:
    members = [(run, member) for run in our_runs(kind) for member in run.members]
    found = []
    for index in chosen(kind, [(member.ebops, member.merit) for _, member in members]):
        run, member = members[index]
        model, codes = our_model(run, member)
        path = FOLDER / "cells" / f"{run.path.name}-{member.epoch}.json"
        found.append(point(path, model, real_outputs(model, codes), epoch=member.epoch, ebops=member.ebops))
    return found


def peer_front(kind: Kind, python: Path) -> tuple[list[Point], int]:
    """Its networks as firmware, and samples for which a model of integers and the peer differ."""
    members = [(folder, member) for folder, content in peer_runs(kind, python) for member in content["members"]]
    found, wrong = [], 0
    for index in chosen(kind, [(member["ebops"], member["merit"]) for _, member in members]):
        folder, member = members[index]
        model, codes, expected = peer_model(kind, folder, member["epoch"])
        outputs = real_outputs(model, codes)
        wrong += int((outputs != expected).any(1).sum())
        path = FOLDER / "cells" / f"{folder.name}-{member['epoch']}.json"
        found.append(point(path, model, outputs, epoch=member["epoch"], ebops=member["ebops"]))
    return found, wrong


def accuracy_at(front: list[Point], lut: float) -> float | None:
    """Accuracy of a front at a number of cells: the best below, and straight lines in log(cells) in between."""
    ordered = sorted(front, key=lambda p: p.lut)
    if lut < ordered[0].lut:
        return None
    best = np.maximum.accumulate([p.accuracy for p in ordered])
    return float(np.interp(np.log(lut), np.log([p.lut for p in ordered]), best))


def front_rows(kind: Kind, python: Path) -> list[Row]:
    ours, (peers, wrong) = our_front(kind), peer_front(kind, python)
    rows = [
        Row(
            name=f"test accuracy at {p.lut:,} LUT (Yosys), {TITLES[kind]}",
            unit="1",
            ours=accuracy,
            peer=p.accuracy,
            peer_name="HGQ2, its integers through our emitter",
            target=1.0,
        )
        for p in sorted(peers, key=lambda p: p.lut)
        if (accuracy := accuracy_at(ours, p.lut)) is not None
    ]
    rows += [
        Row(
            name=f"network of the front, {who}, {TITLES[kind]}: accuracy at {p.lut:,} LUT, {p.ebops:,.0f} EBOPs",
            unit="1",
            ours=p.accuracy,
            peer=None,
            peer_name=None,
            target=None,
        )
        for who, front in (("ours", ours), ("the peer's", peers))
        for p in front
    ]
    rows += [
        Row(
            name=f"largest error of predicted LUT, {len(front)} networks of {who}, {TITLES[kind]}",
            unit="1",
            ours=max(abs(p.predicted / p.lut - 1.0) for p in front),
            peer=None,
            peer_name=None,
            target=MAX_PREDICTION_ERROR,
            is_cost=True,
        )
        for who, front in (("ours", ours), ("the peer", peers))
    ]
    rows.append(
        Row(
            name=f"jets of {len(peers)} x {len(test_split()[1]):,} on which the peer in floats and in integers differ",
            unit="1",
            ours=wrong,
            peer=None,
            peer_name=None,
            target=None,
            is_cost=True,
        )
    )
    seconds = [json.loads(seconds_path(run.path).read_text()) for run in our_runs(kind)]
    rows.append(
        Row(
            name=f"training, {EPOCHS[kind]} epochs, {TITLES[kind]}, processor time without validation",
            unit="s",
            ours=statistics.median(seconds),
            peer=statistics.median(content["cpu_seconds"] for _, content in peer_runs(kind, python)),
            peer_name="HGQ2, jax, compilation included",
            target=None,
            is_cost=True,
        )
    )
    return rows


def cpu_seconds() -> float:
    """Of this process and its children that have ended."""
    return sum(os.times()[:4])


def peer_firmware(kind: Kind, python: Path, ebops: float) -> tuple[float | None, str]:
    """Processor time of the peer's own way to Verilog for its network of the nearest cost, and what came of it."""
    members = [(folder, member) for folder, content in peer_runs(kind, python) for member in content["members"]]
    folder, member = min(members, key=lambda pair: abs(np.log(pair[1]["ebops"] / ebops)))
    weights = folder / f"weights_{member['epoch']:06d}.npz"
    with tempfile.TemporaryDirectory() as out:
        found = run_json(python, PEERS / "hgq2_training.py", request("emit", kind, weights=str(weights), out=out))
    if "failed" in found:
        return None, f"HGQ2 and da4ml, {member['ebops']:,.0f} EBOPs: their emulator was not built (Verilator 5.006)"
    samples = f"{found['mismatches']:,.0f} mismatches on {found['samples']:,.0f} samples"
    return found["cpu_seconds"], f"HGQ2, da4ml, Verilator; {member['ebops']:,.0f} EBOPs, outputs only: {samples}"


def firmware_rows(kind: Kind, python: Path) -> list[Row]:
    """From the trained network to Verilog that is proved on 100,000 samples."""
    run = our_runs(kind)[1]
    peer, peer_name = peer_firmware(kind, python, run.best.ebops)
    began = cpu_seconds()
    model, codes = our_model(run, run.best)
    with tempfile.TemporaryDirectory() as folder:
        report = write_firmware(compile_model(model), Path(folder) / "firmware", context=FirmwareContext(data=codes))
    took = cpu_seconds() - began
    verification, lut = report["verification"], report["resources"]["predicted"]["lut"]
    name = f"{TITLES[kind]}, {run.best.ebops:,.0f} EBOPs, {lut:,} predicted LUT"
    return [
        Row(
            name=f"trained network to proved Verilog, {name}, processor time",
            unit="s",
            ours=took,
            peer=None,
            peer_name=None,
            target=MAX_CPU_SECONDS if kind == "dense" else None,
            is_cost=True,
        ),
        Row(
            name=f"the same beside the peer's own way, {TITLES[kind]}, processor time",
            unit="s",
            ours=took,
            peer=peer,
            peer_name=peer_name,
            target=None,
            is_cost=True,
        ),
        Row(
            name=f"mismatches on {verification['samples']:,} samples, all levels, {TITLES[kind]}",
            unit="1",
            ours=verification["mismatches"],
            peer=None,
            peer_name=None,
            target=0.0,
            is_cost=True,
        ),
    ]


def speed(python: Path) -> list[Row]:
    return [row for kind, sizes in SPEED_BATCHES.items() for size in sizes for row in epoch_rows(kind, size, python)]


def firmware(python: Path) -> list[Row]:
    return [row for kind in WIDTHS for row in firmware_rows(kind, python)]


PARTS: Mapping[str, Callable[[Path], list[Row]]] = {
    "speed": speed,
    "fronts_dense": partial(front_rows, "dense"),
    "fronts_lut": partial(front_rows, "lut"),
    "firmware": firmware,
}


def main() -> None:
    """All parts, or those named on the command line; each part has a results file of its own."""
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    python = peer_python("hgq2", HGQ2)
    for name in sys.argv[1:] or PARTS:
        publish(f"trigger_{name}", PARTS[name](python))


if __name__ == "__main__":
    main()
