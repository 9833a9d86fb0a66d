"""Draw the figure of the networks on particles and print its table.

`python docs/make_particle_plots.py RUNS [--yosys]`. RUNS holds a run for each recipe of `NETWORKS`, named like it, and
one without quantization, named like it with `-float` behind it. The latter are trained by the functions of this file:
`collidium train docs/make_particle_plots.py:jetformer data/jets5 -o RUNS/trigger-jetformer-float`.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import mplhep
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from collidium.evaluate import auc_one_vs_rest
from collidium.firmware import CompileConfig, Firmware, compile_model, predicted_resources, synthesise
from collidium.recipes import find_recipe
from collidium.trigger import (
    BetaSchedule,
    Member,
    QuantizerConfig,
    TriggerConfig,
    TriggerRun,
    open_samples,
    samples_path,
)

IMAGE = Path(__file__).parent / "images" / "trigger_particles.png"
NETWORKS = {
    "trigger-particles-mlp": ("MLP", "tab:grey"),
    "trigger-particles": ("Deep Sets", "tab:blue"),
    "trigger-interaction": ("interaction network", "tab:green"),
    "trigger-jetformer": ("JetFormer-tiny", "tab:red"),
}
BUDGETS = (10_000, 20_000, 35_000, 55_000)
TICKS = (5_000, 10_000, 20_000, 50_000)
FINE_BITS = {"distance": 10.0, "denominator": 10.0}
"""Fractional bits of table addresses where nothing is to be quantized; everything else has 16."""
AT_ONCE = 2048


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network of a front, compiled and measured on the test split."""

    run: TriggerRun
    member: Member
    lut: int
    latency_ns: float
    accuracy: float
    auc: float


def mlp() -> TriggerConfig:
    """The perceptron without quantization."""
    return unquantized("trigger-particles-mlp")


def deep_sets() -> TriggerConfig:
    """The Deep Sets without quantization."""
    return unquantized("trigger-particles")


def interaction() -> TriggerConfig:
    """The interaction network without quantization."""
    return unquantized("trigger-interaction")


def jetformer() -> TriggerConfig:
    """The JetFormer without quantization."""
    return unquantized("trigger-jetformer")


def unquantized(recipe: str) -> TriggerConfig:
    """A recipe with all widths so large that rounding does not matter, none of them trained, and no pressure."""
    config = find_recipe(recipe, "train")
    assert isinstance(config, TriggerConfig)
    fit = dataclasses.replace(config.fit, pressure=BetaSchedule(points=((1.0, 1e-20),)), width_lr=0.0)
    return dataclasses.replace(config, network=fine(config.network), fit=fit)


def fine(config: Any) -> Any:
    """A configuration with fine quantizers in place of all that it has."""
    changed = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, QuantizerConfig):
            saturating = {"overflow": "SAT"} if field.name in ("data", "probability", "score") else {}
            changed[field.name] = dataclasses.replace(
                value, f=FINE_BITS.get(field.name, 16.0), is_trained=False, **saturating
            )
        elif dataclasses.is_dataclass(value):
            changed[field.name] = fine(value)
    return dataclasses.replace(config, **changed)


def main() -> None:
    """Compile and measure every network, draw the figure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--yosys", action="store_true", help="count the cells of the table's networks")
    arguments = parser.parse_args()
    fronts = {name: front(arguments.runs / name) for name in NETWORKS}
    floats = {
        name: measured(TriggerRun.open(path))
        for name in NETWORKS
        if (path := arguments.runs / f"{name}-float").is_dir()
    }
    draw(fronts, floats)
    print_floats(floats)
    print_fronts(fronts, is_counted=arguments.yosys)


def front(path: Path) -> list[Point]:
    """Networks of a run, those left out whose cells buy nothing."""
    run, points = TriggerRun.open(path), []
    for member in run.members:
        firmware = compiled(run, member)
        accuracy, area = measured(run, member)
        lut = predicted_resources(firmware)["lut"]
        points.append(
            Point(run=run, member=member, lut=lut, latency_ns=firmware.latency_ns, accuracy=accuracy, auc=area)
        )
    ordered = sorted(points, key=lambda point: (point.lut, -point.member.merit))
    best = np.maximum.accumulate([point.member.merit for point in ordered])
    return [point for n, point in enumerate(ordered) if n == 0 or point.member.merit > best[n - 1]]


def compiled(run: TriggerRun, member: Member) -> Firmware:
    """Firmware of a network."""
    return compile_model(run.network(member).double().freeze(), CompileConfig())


def measured(run: TriggerRun, member: Member | None = None) -> tuple[float, float]:
    """Accuracy and macro area one against the rest on the test split, with the integer model's arithmetic."""
    samples, _ = open_samples(samples_path(run.path))
    part = samples.data.part("test")
    network = run.network(member).double()
    with torch.no_grad():
        logits = torch.cat([network(*(x.double() for x in batch)) for batch, _ in part.batches(AT_ONCE)])
    label = part.y.numpy()
    return float((logits.argmax(1).numpy() == label).mean()), auc_one_vs_rest(logits.softmax(1).numpy(), label)


def draw(fronts: dict[str, list[Point]], floats: dict[str, tuple[float, float]]) -> None:
    """Accuracy and area against cells."""
    mpl.use("Agg")
    plt.style.use(mplhep.style.CMS)
    plt.rcParams.update({"font.size": 15, "figure.dpi": 80, "legend.fontsize": 13})
    figure, axes = plt.subplots(1, 2, figsize=(15, 6.5), constrained_layout=True)
    for place, (axis, name) in enumerate(zip(axes, ("accuracy", "auc"), strict=True)):
        draw_panel(axis, name, fronts, {key: figures[place] for key, figures in floats.items()})
    axes[0].set_ylabel("accuracy, five classes")
    axes[1].set_ylabel("area under the curve, one against the rest, mean of classes")
    axes[0].legend(loc="upper left", bbox_to_anchor=(0.02, 0.9), title="dashed: not quantized")
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE)


def draw_panel(axis: Axes, name: str, fronts: dict[str, list[Point]], floats: dict[str, float]) -> None:
    """One figure of merit of all networks."""
    for key, (title, colour) in NETWORKS.items():
        cells: NDArray[Any] = np.array([point.lut for point in fronts[key]])
        axis.plot(cells, [getattr(point, name) for point in fronts[key]], "o-", color=colour, markersize=5, label=title)
        if key in floats:
            axis.axhline(floats[key], color=colour, linestyle="--", linewidth=1.3)
    axis.set(xscale="log")
    axis.set_xticks(TICKS, labels=[f"{tick:,}" for tick in TICKS])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("look-up tables, predicted for UltraScale+")
    axis.grid(alpha=0.3)


def print_floats(floats: dict[str, tuple[float, float]]) -> None:
    """Table of the networks without quantization."""
    print("| not quantized | accuracy | AUC |\n|---|---|---|")
    for key, (accuracy, area) in floats.items():
        print(f"| {NETWORKS[key][0]} | {accuracy:.4f} | {area:.4f} |")


def print_fronts(fronts: dict[str, list[Point]], *, is_counted: bool) -> None:
    """The network of each front that is best on the validation split within each budget of cells."""
    print("| LUT at most | network | epoch | LUT predicted | LUT Yosys | latency, ns (model) | accuracy | AUC |")
    print("|---|---|---|---|---|---|---|---|")
    counted: dict[tuple[Path, int], str] = {}
    for budget in BUDGETS:
        for key, points in fronts.items():
            within = [point for point in points if point.lut <= budget]
            if not within:
                continue
            point = max(within, key=lambda point: point.member.merit)
            identity = (point.run.path, point.member.epoch)
            if is_counted and identity not in counted:
                counted[identity] = f"{count_cells(point):,}"
            cells = (
                f"{budget:,}",
                NETWORKS[key][0],
                str(point.member.epoch),
                f"{point.lut:,}",
                counted.get(identity, ""),
            )
            figures = (f"{point.latency_ns:.0f}", f"{point.accuracy:.4f}", f"{point.auc:.4f}")
            print(f"| {' | '.join((*cells, *figures))} |")


def count_cells(point: Point) -> int:
    """Cells after synthesis."""
    firmware = compiled(point.run, point.member)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "top.v").write_text(firmware.emitter.module(), encoding="utf-8")
        if firmware.program.tables:
            (Path(folder) / "tables.v").write_text(firmware.emitter.tables(), encoding="utf-8")
        return synthesise(firmware, Path(folder)).lut


if __name__ == "__main__":
    main()
