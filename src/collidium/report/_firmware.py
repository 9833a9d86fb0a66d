"""The page of a firmware folder: architecture, widths, resources, front, proof."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import InputError, Progress, SilentProgress, building, read_manifest
from collidium.firmware import FIRMWARE_KIND
from collidium.report._build import PAGE_NAME, write_page
from collidium.report._firmware_plots import architecture_plot, front_plot, resources_plot, widths_plot
from collidium.report._numbers import rounded
from collidium.report._page import cards
from collidium.report._provenance import reproduction_section
from collidium.report._section import Section, paragraph, table
from collidium.trigger import TriggerRun

REPORT_NAME = "report.json"

Report = Mapping[str, Any]
Row = tuple[str, str, str]


def build_firmware_report(
    firmware: Path,
    out: Path,
    *,
    run: Path | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a ``report`` artifact of firmware.

    Parameters
    ----------
    firmware : Path
        A firmware artifact.
    out : Path
        Folder to make: the page, and ``plots/`` as PNG and PDF.
    run : Path, optional
        The trigger run that it was compiled from, for the front of merit against cost.
    progress : Progress, optional
        Told of the page.
    command : sequence of str, optional
        The command that makes the report again.

    Returns
    -------
    Path
        The page. Equal inputs and command give equal bytes.

    Raises
    ------
    InputError
        If an input is not what it should be, or ``out`` exists.
    """
    report = read_firmware_report(firmware)
    sources = [path for path in (run, firmware) if path is not None]
    reporter = SilentProgress() if progress is None else progress
    with building(out, kind="report", config={}, inputs=sources, command=command) as folder:
        reporter.start("report", None, "sections")
        try:
            sections = firmware_sections(report)
            if run is not None:
                sections.insert(-1, front_section(TriggerRun.open(run), report))
            sections.append(reproduction_section([(path, read_manifest(path)) for path in sources], command))
            reporter.advance(len(sections))
            write_page(folder, sections, report["design"]["name"], _subtitle(report))
        finally:
            reporter.finish()
    return out / PAGE_NAME


def read_firmware_report(path: Path) -> dict[str, Any]:
    """Content of a firmware's ``report.json``.

    Parameters
    ----------
    path : Path
        A firmware artifact.

    Returns
    -------
    dict
        The document.

    Raises
    ------
    InputError
        If the folder is no firmware or the document is damaged.
    """
    read_manifest(path, FIRMWARE_KIND)
    document = path / REPORT_NAME
    try:
        content: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
        if missing := {"design", "model", "resources", "timing", "layers", "verification"} - content.keys():
            raise InputError(f"{document}: {', '.join(sorted(missing))} missing; compile again")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{document}: damaged report ({error})") from error
    return content


def firmware_sections(report: Report) -> list[Section]:
    """Sections of a firmware's report: headline, architecture, widths, resources, verification.

    Parameters
    ----------
    report : mapping
        Content of ``report.json``.

    Returns
    -------
    list of Section
        With unique titles, the verification last.
    """
    layers = report["layers"]
    return [
        _headline(report),
        Section("Architecture", _layer_table(layers), (architecture_plot(layers),)),
        _widths(layers),
        Section("Resources", _resource_tables(report), (resources_plot(layers),)),
        _verification(report),
    ]


def verification_rows(verification: Report) -> list[Row]:
    """A verification as rows: what was checked, how much was compared, mismatches.

    Parameters
    ----------
    verification : mapping
        The record of ``collidium.firmware.verification_record``.

    Returns
    -------
    list of (str, str, str)
        The planted fault is the last row; there the mismatches are wanted.
    """
    samples = f"{verification['samples']:,} samples"
    simulation = verification["simulation"]
    rows = [
        ("program against integer model, every node", samples, str(verification["program_mismatches"])),
        ("C++ emulator against integer model", samples, str(verification["emulator_mismatches"])),
        *_simulated("Verilog", simulation, verification),
    ]
    if verification["reloaded"] is not None:
        rows += _simulated("Verilog, other weights loaded", verification["reloaded"], verification)
    caught = f"{verification['fault_mismatches']:,} ({'caught' if verification['fault_mismatches'] else 'NOT CAUGHT'})"
    rows.append((f"planted fault, {verification['fault']}", "must differ", caught))
    return rows


def _simulated(name: str, counts: Report, verification: Report) -> list[Row]:
    cycles = f"{counts['cycles']:,} cycles, {counts['gaps']:,} gaps, {counts['resets']} resets"
    return [
        (f"{name}: outputs", f"{counts['samples']:,} samples", str(counts["outputs"])),
        (f"{name}: inner wires", f"{verification['wires_compared']:,} wires a sample", str(counts["wires"])),
        (f"{name}: valid after {verification['latency']} cycles", cycles, str(counts["valid"])),
        (f"{name}: tables at every address", f"{verification['tables_compared']:,} tables", str(counts["tables"])),
    ]


def _headline(report: Report) -> Section:
    design, cells = report["design"], report["resources"]
    lut, ff = _cells(report)
    shown = [(name, rounded(float(value))) for name, value in report["model"]["figures"].items() if name in _FIGURES]
    shown += [
        (f"LUT, {'Yosys' if 'yosys' in cells else 'predicted'}", f"{lut:,}"),
        (f"FF, {'Yosys' if 'yosys' in cells else 'predicted'}", f"{ff:,}"),
        ("latency [ns], timing model", f"{design['latency_ns']:g}"),
    ]
    if report["verification"] is not None:
        shown.append(("mismatches", f"{report['verification']['mismatches']}"))
    interval = design["initiation_interval"]
    text = (
        f"{design['input_bits']} bits in, {design['output_bits']} bits out; {design['latency_cycles']} cycles of "
        f"{design['clock_ns']:g} ns, a new sample every {'cycle' if interval == 1 else f'{interval} cycles'}. The "
        f"quantization of the inputs is {design['input_encoder']}."
    )
    if design["weight_registers"]:
        text += f" {design['weight_registers']:,} weights are registers that can be loaded at run time."
    return Section("Headline", cards(shown) + paragraph(text))


_FIGURES = ("accuracy", "core_mrad", "line_fit_core_mrad")


def _cells(report: Report) -> tuple[int, int]:
    cells = report["resources"].get("yosys", report["resources"]["predicted"])
    return int(cells["lut"]), int(cells["ff"])


def _layer_table(layers: Sequence[Report]) -> str:
    rows = []
    for layer in layers:
        widths = _numbers(layer["widths"])
        low, high = min(widths), max(widths)
        stages = layer["stages"]
        rows.append(
            [
                layer["node"],
                layer["kind"],
                " × ".join(map(str, layer["shape"])) or "1",
                f"{low}" if low == high else f"{low} to {high}",
                f"{_mean(widths):.1f}",
                _weights(layer),
                f"{layer['operations']:,}",
                f"{layer['lut']:,}",
                f"{layer['ff']:,}",
                "" if not stages else (f"{stages[0]}" if stages[0] == stages[1] else f"{stages[0]} to {stages[1]}"),
            ]
        )
    header = ["node", "kind", "shape", "bits", "mean", "weights", "operations", "LUT", "FF", "stage"]
    return table(header, rows, caption="Nodes of the integer model; cells are predicted, counted where first used.")


def _weights(layer: Report) -> str:
    """Number of weights, and their mean width."""
    widths = _numbers(layer.get("weights", {}))
    return f"{widths.total():,} of {_mean(widths):.1f} bits" if widths else ""


def _widths(layers: Sequence[Report]) -> Section:
    signals: dict[str, Counter[int]] = {}
    weights: Counter[int] = Counter()
    for layer in layers:
        group = {"Input": "inputs", "Quantize": "activations", "Table": "table entries"}.get(layer["kind"])
        if group is not None:
            signals[group] = signals.get(group, Counter()) + _numbers(layer["widths"])
        weights += _numbers(layer.get("weights", {}))
    pruned = sum(found[0] for found in signals.values())
    total = sum(found.total() for found in signals.values())
    text = f"Signs included. {pruned:,} of {total:,} quantized signals have no bit left and take no wire"
    plots = [widths_plot("widths", signals, "signals")]
    if weights:
        text += f"; {weights[0]:,} of {weights.total():,} weights are pruned"
        plots.append(widths_plot("weight-widths", {"weights": weights}, "weights"))
    return Section("Bit-widths", paragraph(f"{text}."), tuple(plots))


def _numbers(counts: Mapping[str, int]) -> Counter[int]:
    """How many have each width."""
    return Counter({int(width): count for width, count in counts.items()})


def _mean(widths: Counter[int]) -> float:
    return sum(width * count for width, count in widths.items()) / max(widths.total(), 1)


def _resource_tables(report: Report) -> str:
    cells, model = report["resources"], report["timing"]["model"]
    predicted = cells["predicted"]
    rows = [
        ["predicted", *(f"{predicted[name]:,}" for name in ("lut", "ff")), "–", *_blocks(predicted), model["family"]]
    ]
    if "yosys" in cells:
        counted = cells["yosys"]
        values = (f"{counted[name]:,}" for name in ("lut", "ff", "carry"))
        rows.append([counted["tool"], *values, *_blocks(counted), counted["part"]])
    text = table(["source", "LUT", "FF", "carry", "DSP", "block RAM", "part"], rows)
    timing = [
        [
            "model",
            f"{model['fmax_mhz']:.0f}",
            f"{model['latency_cycles']} cycles, {model['latency_ns']:g} ns",
            model["kind"],
        ]
    ]
    timing += [
        [placed["part"], f"{placed['fmax_mhz']:.1f}", "", f"placed and routed, {placed['tool']}, {placed['lut']:,} LUT"]
        for placed in report["timing"].get("placed", [])
    ]
    text += table(["timing", "MHz", "latency", "how"], timing)
    if ebops := cells["surrogate"]:
        share = _cells(report)[0] / ebops
        text += paragraph(
            f"In the training it counted {ebops:,.0f} effective bit operations: {share:.2f} LUT for each."
        )
    return text


def _blocks(cells: Report) -> list[str]:
    return [str(cells["dsp"]), str(cells["bram"])]


def front_section(run: TriggerRun, report: Report) -> Section:
    """The front of merit against cost that the training kept, with the network that was compiled."""
    epoch = report["model"]["figures"].get("epoch")
    points = [(member.ebops, member.merit) for member in run.members]
    chosen = next(((m.ebops, m.merit) for m in run.members if m.epoch == epoch), None)
    kind = "higher is better" if run.is_higher_better else "lower is better"
    text = (
        f"{len(points)} networks that no other network of the training beats in both figures, on the validation split; "
        f"merit of the objective {run.config.objective}, {kind}."
    )
    label = f"compiled, {_cells(report)[0]:,} LUT"
    return Section("Front", paragraph(text), (front_plot(points, chosen, run.config.objective, label),))


def _verification(report: Report) -> Section:
    verification, figures = report["verification"], report["model"]["figures"]
    if verification is None:
        return Section("Verification", paragraph("Not verified: this firmware was written without a verification."))
    text = (
        f"{verification['samples']:,} samples, {verification['data_samples']:,} of them data, all corners, the rest "
        f"random codes, by {verification['simulator']}: {verification['mismatches']} mismatches."
    )
    rows = [list(row) for row in verification_rows(verification)]
    if "network_mismatches" in figures:
        compared, wrong = f"{figures['samples']:,} samples", f"{figures['network_mismatches']}"
        rows.insert(0, ["trained network against integer model", compared, wrong])
    return Section("Verification", paragraph(text) + table(["check", "compared", "mismatches"], rows))


def _subtitle(report: Report) -> str:
    design = report["design"]
    return f"trigger firmware · {design['part']} · {design['clock_ns']:g} ns clock"
