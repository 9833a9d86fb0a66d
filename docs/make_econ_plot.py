"""Draw docs/images/econ.png and print the table of trigger.md: `python docs/make_econ_plot.py RUN [RUN ...]`.

RUN are trainings of trigger-econt with different output bits, on the same samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import mplhep

from collidium.trigger import freeze_run, open_samples, samples_path

OUT = Path(__file__).parent / "images" / "econ.png"
BITS = range(3, 10)
NUM_OUTPUTS = 16
REFERENCES = {
    "threshold_emd_mm": ("above a threshold", "tab:blue", "s-"),
    "largest_emd_mm": ("largest cells", "tab:green", "D-"),
    "truncation_emd_mm": ("leading bits of all cells", "tab:orange", "^-"),
}


def main() -> None:
    """Measure the runs, and the classical methods at every width; print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="runs of trigger-econt")
    runs = parser.parse_args().runs
    found = sorted((freeze_run(path).figures for path in runs), key=lambda figures: figures["output_bits"])
    samples, task = open_samples(samples_path(runs[0]))
    y = samples.data.y[samples.data.split == 2]
    known = {row["output_bits"]: row for row in found}
    wanted = [NUM_OUTPUTS * bits for bits in BITS]
    references = [known[bits] if bits in known else task.references(y, num_bits=bits) for bits in wanted]
    print_table(found)
    draw(found, references)


def print_table(found: list[dict[str, float]]) -> None:
    """One row for each run."""
    print("| bits | autoencoder | above a threshold (mean bits) | largest cells | leading bits |")
    print("|---|---|---|---|---|")
    for row in found:
        print(
            f"| {row['output_bits']} | {row['emd_mm']:.2f} ± {row['emd_error_mm']:.2f} "
            f"| {row['threshold_emd_mm']:.2f} ({row['threshold_mean_bits']:.1f}) "
            f"| {row['largest_emd_mm']:.2f} | {row['truncation_emd_mm']:.2f} |"
        )
    print(f"earth mover's distance in mm, {found[0]['emd_modules']} modules of the test split")


def draw(found: list[dict[str, float]], references: list[dict[str, float]]) -> None:
    """Distance against bits."""
    mpl.use("Agg")
    plt.style.use(mplhep.style.CMS)
    plt.rcParams.update({"font.size": 15, "figure.dpi": 90, "legend.fontsize": 13})
    figure, axis = plt.subplots(figsize=(8, 6))
    bits = [row["output_bits"] for row in references]
    for name, (label, colour, style) in REFERENCES.items():
        axis.plot(bits, [row[name] for row in references], style, color=colour, label=label)
    axis.errorbar(
        [row["output_bits"] for row in found],
        [row["emd_mm"] for row in found],
        yerr=[row["emd_error_mm"] for row in found],
        fmt="o-",
        color="tab:red",
        markersize=8,
        linewidth=2,
        label="autoencoder, 2,144 parameters",
    )
    axis.set(xlabel="bits sent for a module", ylabel="mean earth mover's distance [mm]", ylim=(0, None), xticks=bits)
    axis.legend()
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, bbox_inches="tight")


if __name__ == "__main__":
    main()
