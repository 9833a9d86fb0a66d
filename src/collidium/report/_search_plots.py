"""Plots of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collidium.report._firmware_plots import merit_name
from collidium.report._style import (
    MUTED,
    PALETTE,
    Figure,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    Plot,
    StrMethodFormatter,
    labelled_axes,
    make_plot,
)

__all__ = ["Cloud", "merit_name", "progress_plot", "search_plot"]

_STATUS = "search"
_SHADES = 4


@dataclass(frozen=True)
class Cloud:
    """Compiled networks.

    Attributes
    ----------
    generations, cells : list of int
        Generation and LUT of each.
    merits : list of float
        Figure of merit of each.
    """

    generations: list[int]
    cells: list[int]
    merits: list[float]


def search_plot(cloud: Cloud, front: Sequence[tuple[int, float]], objective: str) -> Plot:
    """Merit against LUT of all compiled networks, early generations paler, and their front.

    Parameters
    ----------
    cloud : Cloud
        All of them.
    front : sequence of (int, float)
        LUT and merit, ascending in LUT.
    objective : str
        Name of the merit's objective.

    Returns
    -------
    Plot
    """
    num_generations = max(cloud.generations, default=0) + 1
    shades = min(_SHADES, num_generations)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{len(cloud.cells)} networks", status=_STATUS)
        for shade in range(shades):
            low, high = (round(num_generations * place / shades) for place in (shade, shade + 1))
            rows = [row for row, generation in enumerate(cloud.generations) if low <= generation < high]
            axes.plot(
                [cloud.cells[row] for row in rows],
                [cloud.merits[row] for row in rows],
                "o",
                ms=5.5,
                color=PALETTE[0],
                alpha=0.3 + 0.7 * (shade + 1) / (shades + 1),
                mew=0,
                label=f"generation {low + 1}" if high == low + 1 else f"generations {low + 1} to {high}",
            )
        axes.step(
            [x for x, _ in front], [y for _, y in front], "o-", where="post", color=PALETTE[1], ms=4.5, label="front"
        )
        axes.set(xlabel="LUT, predicted by the compiler", ylabel=merit_name(objective), xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(loc="best", fontsize=11)
        axes.grid(visible=True, which="major", color=MUTED, alpha=0.25, lw=0.6)

    told = ", ".join(f"{y:.4g} at {x:,}" for x, y in front[:8])
    return make_plot(
        "search",
        draw,
        alt=f"Merit against LUT of {len(cloud.cells)} compiled networks; the front: {told}",
        caption="Validation split; each trial contributes several networks of its own front.",
        size=(7.6, 5.2),
    )


def progress_plot(shares: Sequence[float], population: int) -> Plot:
    """How much of the final front was there after each trial.

    Parameters
    ----------
    shares : sequence of float
        After each trial, 1 at the end.
    population : int
        Trials of a generation, marked by lines.

    Returns
    -------
    Plot
    """

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{len(shares)} trials", status=_STATUS)
        axes.step(range(1, len(shares) + 1), shares, where="post", color=PALETTE[0])
        for start in range(population, len(shares), population):
            axes.axvline(start + 0.5, color=MUTED, lw=0.7, ls=":")
        axes.set(xlabel="trials", ylabel="share of the final area", ylim=(0, 1.08), xlim=(0, len(shares) + 1))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))

    half = next((number for number, share in enumerate(shares, 1) if share >= 0.9), len(shares))
    return make_plot(
        "course",
        draw,
        alt=f"Share of the final area below the front after each trial; nine tenths after {half}",
        caption="Dotted lines part the generations; the first is drawn at random.",
        size=(6.4, 4.2),
    )
