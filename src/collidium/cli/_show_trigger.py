"""What ``collidium show`` prints of trigger networks and firmware."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from collidium.report import read_firmware_report, verification_rows
from collidium.trigger import SearchResult, TriggerRun, open_samples


def show_trigger_run(console: Console, path: Path) -> None:
    """Print the front and the layers of the best network."""
    run = TriggerRun.open(path)
    name = type(run.network_config).__name__
    console.print(f"{name}, objective {run.config.objective}, {len(run.metrics())} epochs")
    if not run.members:
        console.print("no network was better than a constant answer")
        return
    front = Table(title="front", title_justify="left")
    for column in ("epoch", "merit", "EBOPs", "loss", "beta"):
        front.add_column(column, justify="right")
    for member in run.members:
        figures = (f"{member.merit:.5g}", f"{member.ebops:,.0f}", f"{member.loss:.5g}", f"{member.beta:.3g}")
        front.add_row(f"{member.epoch}{' *' if member == run.best else ''}", *figures)
    console.print(front)
    layers = Table(title="layers of the best network (*)", title_justify="left")
    for column in ("layer", "kind", "EBOPs", "bits of data", "bits of weights", "pruned"):
        layers.add_column(column, justify="left" if column in ("layer", "kind") else "right")
    for cost in run.network().layer_costs():
        bits = ("" if value is None else f"{value:.2f}" for value in (cost.data_bits, cost.weight_bits))
        pruned = "" if cost.pruned is None else f"{cost.pruned:.1%}"
        layers.add_row(cost.name, cost.kind, f"{cost.ebops:,.0f}", *bits, pruned)
    console.print(layers)


def show_trigger_samples(console: Console, path: Path) -> None:
    """Print shapes and splits."""
    samples, task = open_samples(path)
    table = Table(title=type(task).__name__, title_justify="left")
    for column in ("input", "shape", "train", "val", "test"):
        table.add_column(column, justify="left" if column in ("input", "shape") else "right")
    counts = [f"{int((samples.data.split == index).sum()):,}" for index in range(3)]
    for name, array in samples.data.x.items():
        table.add_row(name, " x ".join(map(str, array.shape[1:])), *counts)
    console.print(table)
    console.print(f"outputs: {', '.join(signal.name for signal in samples.outputs)}")


def show_search(console: Console, path: Path) -> None:
    """Print the front of a search."""
    found = SearchResult.open(path)
    failed = sum(bool(trial.failure) for trial in found.trials)
    points = sum(len(trial.points) for trial in found.trials)
    console.print(f"{len(found.trials)} trials, {failed} failed, {points} networks compiled")
    front = Table(title=f"front, objective {found.objective}", title_justify="left")
    for column in ("trial", "epoch", "merit", "EBOPs", "LUT", "FF", "ns"):
        front.add_column(column, justify="right")
    for point in found.front:
        costs = (f"{point.ebops:,.0f}", f"{point.lut:,}", f"{point.ff:,}", f"{point.latency_ns:g}")
        front.add_row(str(point.trial), str(point.epoch), f"{point.merit:.5g}", *costs)
    console.print(front)


def show_firmware(console: Console, path: Path) -> None:
    """Print figures, resources and the verification."""
    report = read_firmware_report(path)
    design, resources = report["design"], report["resources"]
    table = Table(title=design["name"], show_header=False, title_justify="left")
    table.add_row("latency", f"{design['latency_cycles']} cycles, {design['latency_ns']:g} ns (model, not measured)")
    table.add_row("initiation interval", str(design["initiation_interval"]))
    table.add_row("ports", f"{design['input_bits']} bits in, {design['output_bits']} bits out")
    for name, value in report["model"]["figures"].items():
        table.add_row(name, f"{value:.6g}")
    predicted = resources["predicted"]
    table.add_row("predicted", f"{predicted['lut']:,} LUT, {predicted['ff']:,} FF, {predicted['dsp']} DSP")
    if "yosys" in resources:
        cells = resources["yosys"]
        table.add_row(cells["tool"], f"{cells['lut']:,} LUT, {cells['ff']:,} FF, {cells['carry']:,} carry")
    for placed in report["timing"].get("placed", []):
        table.add_row(placed["part"], f"{placed['fmax_mhz']:.1f} MHz placed and routed, {placed['lut']:,} LUT")
    console.print(table)
    if report["verification"] is None:
        console.print("not verified")
        return
    checks = Table(title="verification", title_justify="left")
    for name in ("check", "compared", "mismatches"):
        checks.add_column(name, justify="left" if name == "check" else "right")
    for row in verification_rows(report["verification"]):
        checks.add_row(*row)
    console.print(checks)
