"""Draw the muon tracker's front of trigger.md and print its table: `python docs/make_muon_plot.py FIRMWARE [...]`.

FIRMWARE are folders of `collidium compile` of runs of `trigger-muon`, all on the same samples.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

OUT = Path(__file__).parent / "images" / "muon_front.png"
PUBLISHED = ((14_549, 2.28), (19_627, 2.03), (30_612, 1.90))
"""LUT after place and route, mrad: quoted of HGQ-LUT, on another simulated chamber."""
ALLOWED = 1.05


def main() -> None:
    """Read the reports, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("firmware", type=Path, nargs="+")
    reports = [json.loads((path / "report.json").read_text()) for path in parser.parse_args().firmware]
    points = sorted((lut(report), report["model"]["figures"], report) for report in reports)
    print("| LUT | | FF | core, mrad | of the line's | outside 30 mrad | cycles | ns | mismatches | samples |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (cells, how), figures, report in points:
        share = figures["core_mrad"] / figures["line_fit_core_mrad"]
        design, proof = report["design"], report["verification"] or {"mismatches": "-", "samples": "-"}
        row = (
            f"{cells:,}",
            how,
            f"{report['resources'].get(how, report['resources']['predicted'])['ff']:,}",
            f"{figures['core_mrad']:.3f}",
            f"{share:.3f}",
            f"{figures['outside']:.5f}",
            design["latency_cycles"],
            f"{design['latency_ns']:g}",
            proof["mismatches"],
            proof["samples"],
        )
        print("| " + " | ".join(map(str, row)) + " |")
    draw([(cells, figures["core_mrad"]) for (cells, _), figures, _ in points], points[0][1]["line_fit_core_mrad"])


def lut(report: dict[str, Any]) -> tuple[int, str]:
    """Cells, and who counted them."""
    how = "yosys" if "yosys" in report["resources"] else "predicted"
    return int(report["resources"][how]["lut"]), how


def draw(points: list[tuple[int, float]], line: float) -> None:
    """Our front beside the published one; they are not on the same data."""
    figure = Figure(figsize=(8, 5), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.axhline(line, color="tab:gray", label=f"line of least chi-square, our chamber: {line:.2f} mrad")
    axes.axhspan(line, ALLOWED * line, color="tab:gray", alpha=0.2, label="within 5 % of it")
    axes.plot(*zip(*points, strict=True), "o-", color="tab:red", label="this library, our chamber (Yosys cells)")
    axes.plot(
        *zip(*PUBLISHED, strict=True),
        "s--",
        color="tab:blue",
        mfc="white",
        label="published (HGQ-LUT, quoted), their chamber (placed and routed)",
    )
    axes.set(
        xscale="log",
        xlabel="look-up tables",
        ylabel="core resolution (|r| < 30 mrad), mrad",
        ylim=(1.7, 1.25 * max(value for _, value in points)),
        title="Muon angle in seven thin gaps",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="upper right", fontsize=9)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT)
    print(OUT)


if __name__ == "__main__":
    main()
