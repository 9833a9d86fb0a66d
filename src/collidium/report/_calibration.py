"""Calibration section: whether a stated probability is the found frequency."""

from __future__ import annotations

import numpy as np

from collidium.evaluate import Evaluation, Predictions, reliability, top_statements
from collidium.report._numbers import rounded, with_interval
from collidium.report._section import Section, paragraph
from collidium.report._style import MUTED, PALETTE, Figure, labelled_axes, make_plot


def calibration_section(jets: Predictions, figures: Evaluation) -> Section:
    """Reliability diagram: of the signal probability for two classes, of the most probable class for more."""
    if len(jets.classes) == 2:
        signal = 1 - jets.classes.index(figures.background)
        stated, found = jets.probabilities[:, signal], jets.label == signal
        subject = f"probability of {jets.classes[signal]}"
    else:
        stated, found = top_statements(jets.probabilities, jets.label)
        subject = "probability of the most probable class"
    curve = reliability(stated, found, jets.weight)
    error = np.sqrt(np.maximum(curve.stated * (1.0 - curve.stated), 1e-12) / curve.effective)

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.2))
        labelled_axes(figure, top, right=f"ECE {rounded(figures.ece.value)}")
        top.plot([0, 1], [0, 1], color=MUTED, ls="--", lw=1.2, label="perfect")
        top.errorbar(curve.stated, curve.found, error, fmt="o", ms=5, color=PALETTE[0], label="found")
        top.set(ylabel="frequency found", xlim=(0.0, 1.0), ylim=(0.0, 1.05))
        top.legend(loc="upper left")
        bottom.axhline(0.0, color=MUTED, ls="--", lw=1.2)
        difference = curve.found - curve.stated
        bottom.errorbar(curve.stated, difference, error, fmt="o", ms=5, color=PALETTE[0])
        reach = 1.25 * max(np.max(np.abs(difference) + error), 0.01)
        bottom.set(xlabel=subject, ylabel="found − stated", ylim=(-reach, reach))
        figure.align_ylabels([top, bottom])

    plot = make_plot(
        "calibration",
        draw,
        alt=f"Found frequency against stated {subject} in {len(curve.count)} bins, with the difference below",
        caption="Bins of equal mass; errors: binomial at the stated probability, for the effective number of jets.",
        size=(6.4, 6.2),
    )
    text = (
        f"Expected calibration error {with_interval(figures.ece)} (fluctuations alone would give "
        f"{rounded(figures.ece_floor)}); negative log-likelihood {with_interval(figures.nll)}."
    )
    return Section("Calibration", paragraph(text), (plot,), layout="beside")
