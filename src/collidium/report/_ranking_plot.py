"""Impacts of nuisance parameters on the parameter of interest, with their pulls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from collidium.report._parameters import name_rows
from collidium.report._style import INK, PALETTE, Axes, Figure, Plot, labelled_axes, make_plot, plain

_MOST_IMPACTS = 20
_UP, _DOWN = PALETTE[0], PALETTE[2]


def ranking_plot(impacts: Sequence[dict[str, Any]], poi: str, *, status: str) -> Plot:
    """Ranking as the experiments draw it: impacts as bars below, pulls as points above.

    Parameters
    ----------
    impacts : sequence of dict
        ``impacts`` of ``ranking.json``, largest first.
    poi : str
        Parameter of interest.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot
        The 20 largest.
    """
    shown = list(impacts[:_MOST_IMPACTS])[::-1]
    rows = np.arange(len(shown))

    def column(key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([np.nan if impact[key] is None else impact[key] for impact in shown], dtype=float)

    def draw(figure: Figure) -> None:
        strip, axes = figure.subplots(2, 1, height_ratios=(0.01, 1.0))
        strip.set_axis_off()
        labelled_axes(figure, strip, right=f"{len(shown)} of {len(impacts)} parameters", status=status)
        for key, paint, name in (("up", _UP, "+1 σ"), ("down", _DOWN, "−1 σ")):
            before = np.nan_to_num(column(f"prefit_{key}"))
            axes.barh(rows, before, 0.72, facecolor="none", edgecolor=paint, lw=1.3, label=f"{name} before the fit")
            axes.barh(rows, np.nan_to_num(column(key)), 0.72, color=paint, alpha=0.75, label=f"{name} after the fit")
        shifts = np.nan_to_num(np.concatenate([column(key) for key in ("up", "down", "prefit_up", "prefit_down")]))
        reach = 1.15 * float(np.max(np.abs(shifts), initial=1e-12))
        axes.set(xlim=(-reach, reach), xlabel=f"shift of {plain(poi)} (bars)")
        name_rows(axes, [impact["name"] for impact in shown])
        _draw_pulls(axes, column("pull"), column("constraint"))
        figure.legend(loc="outside lower center", ncols=2, fontsize=11)

    largest = f"; the largest is {impacts[0]['name']}" if impacts else ""
    return make_plot(
        "ranking",
        draw,
        alt=f"Impacts of {len(shown)} nuisance parameters on {poi}{largest}",
        caption=f"Bars: shift of {poi} when a parameter is held one standard deviation up or down, after and before "
        "the fit. Points, upper axis: pulls with their constraints.",
        size=(7.2, 2.9 + 0.3 * len(shown)),
    )


def _draw_pulls(axes: Axes, pull: Any, constraint: Any) -> None:
    """Pulls on an axis of their own."""
    above = axes.twiny()
    above.axvline(0.0, color=INK, lw=0.8)
    for position in (-1.0, 1.0):
        above.axvline(position, color=INK, lw=0.8, ls=":")
    seen = np.flatnonzero(np.isfinite(pull))
    above.errorbar(pull[seen], seen, xerr=np.nan_to_num(constraint[seen]), fmt="o", ms=5, color="black")
    reach = max(2.0, 1.15 * float(np.max(np.abs(pull[seen]) + constraint[seen], initial=0.0)))
    above.set(xlim=(-reach, reach), xlabel=r"$(\hat\theta - \theta_0)\, /\, \Delta\theta$ (points)")
