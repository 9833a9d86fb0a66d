"""Score section: how far the classes are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collidium.evaluate import Predictions
from collidium.report._section import Section, paragraph
from collidium.report._style import MUTED, Axes, Figure, Plot, colour, labelled_axes, line_style, make_plot, plain

_EDGES = np.linspace(0.0, 1.0, 41)


def scores_section(jets: Predictions, background: str) -> Section:
    """Distribution of each class's probability for jets of that class and of the others."""
    names = [name for name in jets.classes if name != background] if len(jets.classes) == 2 else jets.classes
    text = "Probability that the model gives to a class, for jets of this class and for the others; each has unit area."
    plots = tuple(_score_plot(jets, name, background) for name in names)
    return Section("Score distributions", paragraph(text), plots, layout="small" if len(plots) > 2 else "beside")


def _score_plot(jets: Predictions, name: str, background: str) -> Plot:
    k = jets.classes.index(name)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{len(jets):,} jets")
        filled: list[float] = []
        for number, (label, chosen, paint) in enumerate(_groups(jets, name, background)):
            content = _histogram(axes, jets.probabilities[chosen, k], jets.weight[chosen], label, paint, number)
            filled += content[content > 0.0].tolist()
        axes.set(yscale="log", xlim=(0.0, 1.0), xlabel=f"probability of {plain(name)}", ylabel="jets, normalised")
        axes.set_ylim(0.4 * min(filled), 12.0 * max(filled))
        axes.legend(loc="upper center", ncols=3)

    slug = "".join(character if character.isalnum() else "-" for character in name)
    return make_plot(
        f"score-{k}-{slug}",
        draw,
        alt=f"Histogram of the probability of {name} for jets of this class and of others, logarithmic",
        caption=f"Probability of {name}; bars are statistical errors.",
        margins=(0.135, 0.125, 0.97, 0.935),
    )


def _groups(jets: Predictions, name: str, background: str) -> list[tuple[str, NDArray[np.bool_], str]]:
    """The class itself, the background class, and what else there is; only groups with weight."""
    index, reference = jets.classes.index(name), jets.classes.index(background)
    is_class, is_background = jets.label == index, jets.label == reference
    groups = [(plain(name), is_class, colour(index))]
    if name != background:
        groups.append((plain(background), is_background, colour(reference)))
    groups.append(("other classes", ~is_class & ~is_background, MUTED))
    return [group for group in groups if jets.weight[group[1]].sum() != 0.0]


def _histogram(
    axes: Axes, score: NDArray[np.float64], weight: NDArray[np.float64], label: str, paint: str, number: int
) -> NDArray[np.float64]:
    """Draw a normalised histogram with its statistical errors, the first filled; return its contents."""
    total = weight.sum() * (_EDGES[1] - _EDGES[0])
    content: NDArray[np.float64] = np.histogram(score, _EDGES, weights=weight)[0] / total
    error = np.sqrt(np.histogram(score, _EDGES, weights=weight**2)[0]) / abs(total)
    if number == 0:
        axes.stairs(content, _EDGES, fill=True, color=paint, alpha=0.3)
    axes.stairs(content, _EDGES, color=paint, lw=1.8, label=label, ls=line_style(number))
    centre, seen = 0.5 * (_EDGES[1:] + _EDGES[:-1]), content > 0.0
    axes.errorbar(centre[seen], content[seen], error[seen], fmt="none", ecolor=paint, elinewidth=1.0)
    return content
