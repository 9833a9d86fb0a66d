"""Make docs/images/quickstart.png from the plots of a quickstart report.

Usage: python docs/make_quickstart_plot.py runs/quickstart/report
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.image import imread

OUT = Path(__file__).parent / "images" / "quickstart.png"
CHOICES = ("roc.png", "jet-01-right.png", "jet-02-right.png")


def main(report: Path) -> None:
    pictures = [imread(report / "plots" / name) for name in CHOICES]
    heights = [picture.shape[0] for picture in pictures]
    widths = [picture.shape[1] / height for picture, height in zip(pictures, heights, strict=True)]
    figure = Figure(figsize=(4 * sum(widths), 4), dpi=110)
    grid = figure.add_gridspec(1, len(pictures), width_ratios=widths, wspace=0.02, left=0, right=1, bottom=0, top=1)
    for place, picture in enumerate(pictures):
        axes = figure.add_subplot(grid[0, place])
        axes.imshow(picture)
        axes.axis("off")
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
