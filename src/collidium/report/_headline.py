"""Headline section: the figures a reader looks for first."""

from __future__ import annotations

from collections.abc import Mapping

from collidium.evaluate import Evaluation
from collidium.report._numbers import with_interval
from collidium.report._page import cards
from collidium.report._section import Section, paragraph, table


def headline_section(figures: Evaluation, context: Mapping[str, object]) -> Section:
    """Areas, accuracy and rejections with intervals, and what they rest on."""
    K = len(figures.classes)
    shown = [("AUC" if K == 2 else "AUC, one-vs-one macro", with_interval(figures.auc_one_vs_one))]
    if K > 2:
        shown.append(("AUC, one-vs-rest macro", with_interval(figures.auc_one_vs_rest)))
    shown.append(("accuracy", with_interval(figures.accuracy)))
    if len(figures.pairs) == 1:
        shown += [
            (f"rejection at {100 * point.signal_efficiency:g} % signal efficiency", with_interval(point.rejection))
            for point in figures.pairs[0].rejections
        ]
    jets = table(["class", *figures.classes], [["jets", *(f"{number:,}" for number in figures.jets_per_class)]])
    return Section("Headline", cards(shown) + paragraph(_text(figures, context)) + jets)


def _text(figures: Evaluation, context: Mapping[str, object]) -> str:
    """What the figures rest on."""
    text = (
        f"{figures.num_jets:,} labelled jets of the {context.get('split', 'given')} split; errors are "
        f"{100 * figures.level:.0f} % intervals of {figures.num_replicas} bootstrap replicas over jets "
        f"(seed {figures.seed})."
    )
    if figures.num_unlabelled:
        text += f" {figures.num_unlabelled:,} unlabelled jets are left out."
    lost, pt, limit = (context.get(name) for name in ("truncated_particles", "truncated_pt", "max_particles"))
    if isinstance(lost, float) and isinstance(pt, float):
        text += (
            f" The model takes the {limit} hardest particles of a jet: {100 * lost:.2g} % of all particles, with "
            f"{100 * pt:.2g} % of the transverse momentum, are cut away."
        )
    return text
