"""Spectra with fitted curves, and the pulls of their bins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.report._data_model import poisson_interval
from collidium.report._style import (
    INK,
    MUTED,
    PALETTE,
    Axes,
    Figure,
    Plot,
    colour,
    labelled_axes,
    line_style,
    make_plot,
)

_LOGARITHMIC = 100.0


def peak_plot(curves: dict[str, Any], *, name: str, title: str, status: str) -> Plot:
    """Counts, the fitted density with its parts, and the pulls of the bins.

    Parameters
    ----------
    curves : dict
        ``edges``, ``counts``, ``errors``, ``expected``, ``pulls``, and curves in events per bin: ``x``, ``total``,
        ``components``.
    name : str
        File name without ending.
    title : str
        Text above the axes, in TeX.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot
        Masses in GeV.
    """
    edges, counts = np.array(curves["edges"]), np.array(curves["counts"], dtype=float)
    x, total = np.array(curves["x"]), np.array(curves["total"])
    step = float(edges[1] - edges[0])

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.1))
        _title(figure, top, title, status)
        middle = (edges[1:] + edges[:-1]) / 2.0
        top.errorbar(middle, counts, curves["errors"], fmt="o", ms=3.5, color="black", label="data")
        for number, (part, values) in enumerate(curves["components"].items()):
            style = line_style(number + 1)
            top.plot(x, values, color=colour(number + 1), ls=style, lw=1.6, label=part.replace("_", " "))
        top.plot(x, total, color=PALETTE[0], label="fit")
        top.set(ylim=(0.0, 1.3 * float(max((counts + np.sqrt(counts)).max(), total.max()))))
        top.set_ylabel(f"events / {_width(step)}")
        top.legend(ncols=2, fontsize=11)
        _pulls(bottom, edges, np.array(curves["pulls"], dtype=float))
        figure.align_ylabels([top, bottom])

    return make_plot(
        name,
        draw,
        alt=f"Spectrum of {counts.sum():.0f} events with the fit; largest pull {np.max(np.abs(curves['pulls'])):.1f}",
        caption="Data and unbinned fit; below: (data - fit) over the expected error of each bin.",
        size=(6.8, 5.8),
    )


def spectrum_plot(hunt: dict[str, Any], *, name: str, title: str, status: str) -> Plot:
    """Counts and background of a search, the largest excess marked, and the pulls of the bins."""
    bins = hunt["bins"]
    edges, counts, background = (np.array(bins[key], dtype=float) for key in ("edges", "counts", "background"))
    best, widths = hunt["best"], np.diff(edges)
    low, high = poisson_interval(counts)
    pulls = (counts - background) / np.sqrt(np.maximum(background, 1e-9))
    is_even = bool(np.allclose(widths, widths[0], rtol=1e-3))

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.1))
        _title(figure, top, title, status)
        per = np.ones_like(widths) if is_even else widths
        middle = (edges[1:] + edges[:-1]) / 2.0
        seen = counts > 0.0
        errors = np.array([(counts - low) / per, (high - counts) / per])[:, seen]
        top.errorbar(middle[seen], (counts / per)[seen], errors, fmt="o", ms=3.5, color="black", label="data")
        top.stairs(background / per, edges, color=PALETTE[0], lw=1.8, label="background", baseline=None)
        for axes in (top, bottom):
            axes.axvspan(best["low"], best["high"], color=PALETTE[2], alpha=0.35, lw=0)
        rates = (counts / per)[seen]
        if rates.max() / rates.min() > _LOGARITHMIC:
            top.set(yscale="log", ylim=(0.3 * float(rates.min()), 5.0 * float(rates.max())))
        top.set_ylabel(f"events / {_width(float(widths[0]))}" if is_even else "events / GeV")
        top.legend()
        _pulls(bottom, edges, np.where(background > 0.1, pulls, math.nan))
        figure.align_ylabels([top, bottom])

    return make_plot(
        name,
        draw,
        alt=f"Spectrum of {counts.sum():.0f} events with its background; largest excess at {best['mass']:.4g} GeV",
        caption="Data (bins with events) and background-only fit; yellow: the largest excess, "
        f"{best['z_local']:.1f} standard deviations.",
        size=(6.8, 5.8),
    )


def _title(figure: Figure, axes: Axes, title: str, status: str) -> None:
    """The label of origin, and a text in TeX on the right."""
    labelled_axes(figure, axes, status=status)
    axes.text(1.0, 1.015, title, transform=axes.transAxes, fontsize=12, ha="right", va="baseline")


def _pulls(axes: Axes, edges: NDArray[np.float64], pulls: NDArray[np.float64]) -> None:
    axes.axhspan(-2.0, 2.0, color="#fdf0b5", lw=0)
    axes.axhspan(-1.0, 1.0, color="#c9e6c4", lw=0)
    axes.axhline(0.0, color=MUTED, lw=1.0)
    axes.stairs(np.nan_to_num(pulls), edges, fill=True, color=INK, alpha=0.55)
    reach = max(3.2, 1.1 * float(np.nanmax(np.abs(pulls))))
    axes.set(ylim=(-reach, reach), xlim=(edges[0], edges[-1]), xlabel="mass [GeV]", ylabel="pull")


def _width(step: float) -> str:
    return f"{1000.0 * step:.3g} MeV" if step < 0.5 else f"{step:.3g} GeV"
