"""ROC section: background rejection against signal efficiency, with its bootstrap band."""

from __future__ import annotations

import numpy as np

from collidium.evaluate import Evaluation, PairEvaluation
from collidium.report._numbers import rounded, with_interval
from collidium.report._section import Layout, Section, paragraph, table
from collidium.report._style import Axes, Figure, Plot, colour, labelled_axes, line_style, make_plot, plain


def roc_section(figures: Evaluation) -> Section:
    """Rejection curves of every signal class against the background class, and the table of working points."""
    if not figures.pairs:
        return Section("ROC", paragraph("The sample holds no signal and background class together."))
    level = f"{100 * figures.level:.0f} %"
    text = (
        f"Background rejection is the inverse of the {figures.background} efficiency; the score is that of the pair of "
        f"classes, p(signal) / (p(signal) + p({figures.background})). Bands and errors are {level} intervals of "
        f"{figures.num_replicas} bootstrap replicas over jets. The relative error of a rejection is about one over the "
        "square root of the background jets that pass, whatever the model."
    )
    layout: Layout = "beside" if len(figures.pairs) == 1 else "columns"
    return Section("ROC", paragraph(text) + _working_points(figures), (_roc_plot(figures),), layout=layout)


def _working_points(figures: Evaluation) -> str:
    """Table of areas and rejections, with the number of background jets each rests on."""
    caption = f"Against {figures.background}; in brackets the {figures.background} jets that pass"
    points = [f"rejection at {100 * point.signal_efficiency:g} %" for point in figures.pairs[0].rejections]
    columns = [
        [with_interval(pair.auc), *(f"{with_interval(p.rejection)} ({p.num_background:,})" for p in pair.rejections)]
        for pair in figures.pairs
    ]
    names = [pair.signal for pair in figures.pairs]
    if len(names) == 1:
        return table(["", names[0]], zip(["AUC", *points], columns[0], strict=True), caption=caption)
    rows = [[name, *cells] for name, cells in zip(names, columns, strict=True)]
    return table(["signal", "AUC", *points], rows, caption=caption)


def _roc_plot(figures: Evaluation) -> Plot:
    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{figures.num_jets:,} jets")
        for number, pair in enumerate(figures.pairs):
            _curve(axes, pair, figures, line_style(number))
        axes.set(yscale="log", xlim=(0.0, 1.0), xlabel=r"signal efficiency $\varepsilon_S$")
        axes.set_ylabel(r"background rejection $1/\varepsilon_B$")
        axes.set_ylim(1.0, 2.0 * _largest(figures))
        if len(figures.pairs) > 4:
            figure.legend(loc="outside lower center", ncols=3)
        else:
            axes.legend(loc="upper right")

    areas = ", ".join(f"{pair.signal} {rounded(pair.auc.value)}" for pair in figures.pairs)
    return make_plot(
        "roc",
        draw,
        alt=f"Background rejection against signal efficiency, logarithmic; AUC against {figures.background}: {areas}",
        caption=f"Rejection of {figures.background} jets. Bands: bootstrap intervals; points: as in the table.",
        size=(7.6, 5.8 if len(figures.pairs) < 5 else 6.6),
    )


def _curve(axes: Axes, pair: PairEvaluation, figures: Evaluation, style: str) -> None:
    """One curve with its band and working points."""
    index = figures.classes.index(pair.signal)
    efficiency = np.array(pair.signal_efficiency)
    with np.errstate(divide="ignore"):
        middle, low, high = (1.0 / np.array(side) for side in (pair.background_efficiency, pair.high, pair.low))
    shown = np.isfinite(middle)
    top = 100.0 * _largest(figures)
    axes.fill_between(
        efficiency[shown], low[shown], np.minimum(high[shown], top), color=colour(index), alpha=0.25, lw=0
    )
    label = f"{plain(pair.signal)}  (AUC {pair.auc.value:.4f})"
    axes.plot(efficiency[shown], middle[shown], color=colour(index), ls=style, label=label)
    for point in pair.rejections:
        if np.isfinite(point.rejection.value):
            axes.plot(point.signal_efficiency, point.rejection.value, "o", ms=5, color=colour(index))


def _largest(figures: Evaluation) -> float:
    """Largest finite rejection on the curves."""
    smallest = [min((b for b in pair.background_efficiency if b > 0.0), default=1.0) for pair in figures.pairs]
    return 1.0 / min(smallest)
