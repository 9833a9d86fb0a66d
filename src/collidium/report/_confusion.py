"""Confusion section: which class is taken for which."""

from __future__ import annotations

import numpy as np

from collidium.evaluate import Evaluation
from collidium.report._section import Section, paragraph
from collidium.report._style import INK, Figure, labelled_axes, make_plot, plain


def confusion_section(figures: Evaluation) -> Section:
    """Share of each true class that is predicted as each class."""
    counts = np.array(figures.confusion)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * counts, totals, out=np.zeros_like(counts), where=totals != 0.0)
    K = len(figures.classes)
    side = min(4.6 + 0.42 * K, 9.0)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{figures.num_jets:,} jets")
        axes.imshow(share, cmap="Blues", vmin=0.0, vmax=100.0)
        for row in range(K):
            for column in range(K):
                value = share[row, column]
                ink = "white" if value > 55.0 else INK
                text = f"{value:.1f}" if K > 2 else f"{value:.1f} %"
                axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=18 if K < 4 else 11)
        names = [plain(name) for name in figures.classes]
        axes.set_xticks(range(K), names, rotation=45 if K > 4 else 0, ha="right" if K > 4 else "center")
        axes.set_yticks(range(K), names)
        axes.minorticks_off()
        axes.tick_params(length=0)
        axes.set(xlabel="predicted class", ylabel="true class")

    diagonal = ", ".join(f"{name} {share[k, k]:.1f} %" for k, name in enumerate(figures.classes))
    plot = make_plot(
        "confusion",
        draw,
        alt=f"Matrix of true against predicted class; predicted rightly: {diagonal}",
        caption="Share of each true class (row), in per cent. The most probable class is the prediction.",
        size=(side + 1.0, side),
    )
    return Section("Confusion matrix", paragraph(f"Predicted rightly: {diagonal}."), (plot,), layout="beside")
