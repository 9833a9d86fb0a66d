"""HGQ2 on jax: epochs on demand, trainings with their fronts, its own way to Verilog; REQUEST.json says what."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq.layers import QDense, QDenseT
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs, PieceWiseSchedule

TRACED_AT_ONCE = 8192
LAYERS = {"dense": (QDense, "dense"), "lut": (QDenseT, "tables")}


class Batches(keras.utils.PyDataset):
    """Whole batches of the samples, in another order in each epoch."""

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int, seed: int) -> None:
        super().__init__()
        self.x, self.y, self.size = x, y, size
        self.generator = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.x) // self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        self.order = self.generator.permutation(len(self.x))


def build(request: dict) -> keras.Model:
    """The network with the quantizers of the authors' example: SAT_SYM weights, WRAP data, one width an element."""
    start = request["start"]
    with (
        QuantizerConfigScope(place="all", k0=1, b0=start["b0"], i0=start["i0"], default_q_type="kbi"),
        QuantizerConfigScope(place=("weight", "bias"), overflow_mode="SAT_SYM"),
        QuantizerConfigScope(
            place="datalane",
            k0=request["kind"] == "lut",
            default_q_type="kif",
            overflow_mode="WRAP",
            f0=start["f0"],
            i0=3,
        ),
        QuantizerConfigScope(place="table", homogeneous_axis=(0,), heterogeneous_axis=None, overflow_mode="SAT_SYM"),
        LayerConfigScope(enable_ebops=True, beta0=request["beta"][0][1]),
    ):
        layers = []
        widths = request["widths"]
        for index, width in enumerate(widths):
            if request["kind"] == "lut":
                layers.append(QDenseT(width, batch_norm=True))
            else:
                first = {"iq_conf": QuantizerConfig(place="datalane", k0=1)} if index == 0 else {}
                layers.append(QDense(width, activation=None if index == len(widths) - 1 else "relu", **first))
    model = keras.Sequential([keras.Input((16,)), *layers])
    steps = request["cycle"] * (len(request["x"]) // request["batch_size"])
    rate = keras.optimizers.schedules.CosineDecayRestarts(request["lr"], steps, t_mul=1.0, m_mul=1.0)
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
        steps_per_execution=request["steps_per_execution"],
    )
    return model


class OnDemand(keras.callbacks.Callback):
    """An epoch for each line on the standard input; its seconds on the standard output."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        sys.stdin.readline()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        print(json.dumps({"wall": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu}), flush=True)


class Front(keras.callbacks.Callback):
    """Every network that no other beats in both accuracy and cost, calibrated and measured on the validation split."""

    def __init__(self, request: dict) -> None:
        super().__init__()
        self.request, self.members, self.seconds = request, [], 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.began = time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds += time.process_time() - self.began
        request = self.request
        if (epoch + 1) % request["cycle"]:
            return
        trained = self.model.get_weights()
        ebops = trace_minmax(self.model, request["x"], batch_size=TRACED_AT_ONCE)
        merit = accuracy(self.model, request["x_val"], request["y_val"])
        if all(merit > other["merit"] or ebops < other["ebops"] for other in self.members):
            kept = [other for other in self.members if other["merit"] > merit or other["ebops"] < ebops]
            member = {"epoch": epoch + 1, "merit": merit, "ebops": ebops, "weights": self.model.get_weights()}
            self.members = [*kept, member]
        self.model.set_weights(trained)


def outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    parts = [np.asarray(model(x[start : start + TRACED_AT_ONCE])) for start in range(0, len(x), TRACED_AT_ONCE)]
    return np.concatenate(parts)


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    return float((outputs(model, x).argmax(1) == y).mean())


def formats(quantizer: object, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Sign, integer and fractional bits of every element."""
    values = {}
    for name, value in zip("kif", quantizer.quantizer.kif, strict=True):
        whole = np.asarray(value).round()
        values[name] = np.broadcast_to(whole if whole.ndim == len(shape) else whole[0], shape).astype(np.int64)
    return values


def table_content(layer: QDenseT, wires: dict[str, np.ndarray]) -> np.ndarray:
    """Entries (n_in, n_out, C) for the codes of each edge, ascending; unused places repeat the last."""
    width = np.maximum(wires["k"] + wires["i"] + wires["f"], 0)
    first = np.where(width > 0, -(wires["k"] << np.maximum(wires["i"] + wires["f"], 0)), 0)
    number = np.arange(1 << width.max())[:, None, None]
    codes = first + np.minimum(number, (1 << width) - 1)
    x = (codes * 2.0 ** -wires["f"]).astype(np.float32)
    values = layer.module(keras.ops.convert_to_tensor(x[..., None]), training=False)
    if hasattr(layer, "bn_module"):
        values = layer.bn_module(values, training=False) / np.sqrt(layer.n_in)
    elif layer.enable_bn:
        values = layer._apply_batch_norm(values, training=False)
    return np.moveaxis(np.asarray(layer.toq(values, training=False)), 0, -1)


def export(model: keras.Model, path: Path, x: np.ndarray) -> None:
    """Quantized weights or tables with all formats, and the outputs for samples."""
    arrays = {"outputs": outputs(model, x)}
    for index, layer in enumerate(layer for layer in model.layers if isinstance(layer, (QDense, QDenseT))):
        if isinstance(layer, QDenseT):
            wires = formats(layer.iq, (layer.n_in, layer.n_out))
            arrays[f"{index}_tables"] = table_content(layer, wires)
        else:
            wires = formats(layer.iq, layer.kernel.shape[:1])
            arrays[f"{index}_weight"], arrays[f"{index}_bias"] = np.asarray(layer.qkernel), np.asarray(layer.qbias)
        arrays |= {f"{index}_{name}": value for name, value in wires.items()}
    np.savez(path, **arrays)


def train(request: dict, model: keras.Model, data: Batches) -> dict:
    epochs, points = request["epochs"], request["beta"]
    places = [(0, points[0][1], "constant"), *((place * epochs, beta, "log") for place, beta in points)]
    front = Front(request)
    model.fit(data, epochs=epochs, verbose=0, callbacks=[FreeEBOPs(), BetaScheduler(PieceWiseSchedule(places)), front])
    folder = Path(request["out"])
    folder.mkdir(parents=True)
    content = []
    for member in front.members:
        weights = member.pop("weights")
        model.set_weights(weights)
        export(model, folder / f"epoch_{member['epoch']:06d}.npz", request["x_test"])
        np.savez(folder / f"weights_{member['epoch']:06d}.npz", *weights)
        content.append(member)
    (folder / "archive.json").write_text(json.dumps({"members": content, "cpu_seconds": front.seconds}))
    return {"cpu_seconds": front.seconds, "members": len(content)}


def emit(request: dict, model: keras.Model) -> dict:
    """Its own flow: da4ml's trace and Verilog, its emulator by Verilator, compared on the test split."""
    from da4ml.codegen import RTLModel
    from da4ml.converter import trace_model
    from da4ml.trace import comb_trace

    with np.load(request["weights"]) as stored:
        model.set_weights([stored[name] for name in stored.files])
    times = os.times()
    began = time.perf_counter()
    logic = comb_trace(*trace_model(model))
    rtl = RTLModel(logic, "peer", request["out"], latency_cutoff=5, print_latency=False)
    rtl.write()
    found: dict[str, float] = {"predicted": float(logic.cost)}
    try:
        rtl._compile(openmp=False, nproc=1)
        expected = outputs(model, request["x_test"])
        found["mismatches"] = int((rtl.predict(request["x_test"]) != expected).any(1).sum())
        found["samples"] = len(expected)
    except RuntimeError:
        found["failed"] = 1
    after = os.times()
    found["cpu_seconds"] = sum(after[:4]) - sum(times[:4])
    found["wall_seconds"] = time.perf_counter() - began
    return found


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    keras.utils.set_random_seed(request["seed"])
    with np.load(request["data"]) as stored:
        for number, suffix in enumerate(("", "_val", "_test")):
            rows = stored["split"] == number
            request |= {f"x{suffix}": stored["x_x"][rows].astype(np.float32), f"y{suffix}": stored["y"][rows]}
    model = build(request)
    data = Batches(request["x"], request["y"], request["batch_size"], request["seed"])
    if request["mode"] == "epochs":
        model.fit(data, epochs=request["epochs"], verbose=0, callbacks=[FreeEBOPs(), OnDemand()])
        found = {}
    else:
        found = train(request, model, data) if request["mode"] == "train" else emit(request, model)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
