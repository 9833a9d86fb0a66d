"""Pulls and correlations of fitted parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.report._style import INK, MUTED, Axes, Figure, Plot, labelled_axes, make_plot, plain

_MOST_PULLS = 35
_MOST_CORRELATED = 20
_LEAST_CORRELATION = 0.1
_WITH_NUMBERS = 14


def pulls_plot(parameters: Mapping[str, Mapping[str, Any]], *, status: str) -> Plot | None:
    """How far the constrained parameters moved, and how far the data constrain them further.

    Parameters
    ----------
    parameters : mapping
        ``parameters`` of ``fit.json``.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot or None
        The 35 parameters that moved or shrank most; None without a constrained one.
    """
    pulled = [(name, p["pull"], p["constraint"] or 0.0) for name, p in parameters.items() if p["pull"] is not None]
    if not pulled:
        return None
    shown = sorted(pulled, key=lambda item: -max(abs(item[1]), abs(1.0 - item[2])))[:_MOST_PULLS]
    shown.sort(key=lambda item: item[0], reverse=True)
    rows = np.arange(len(shown))

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{len(shown)} of {len(pulled)} parameters", status=status)
        band(axes)
        pull, constraint = (np.array([item[column] for item in shown], dtype=float) for column in (1, 2))
        axes.errorbar(pull, rows, xerr=constraint, fmt="o", ms=5, color="black")
        name_rows(axes, [item[0] for item in shown])
        reach = max(2.6, 1.1 * float(np.max(np.abs(pull) + constraint)))
        axes.set(xlim=(-reach, reach), xlabel=r"$(\hat\theta - \theta_0)\, /\, \Delta\theta$")

    return make_plot(
        "pulls",
        draw,
        alt=f"Pulls of {len(shown)} parameters; the largest is {max(abs(item[1]) for item in shown):.2f}",
        caption="Pulls of constrained parameters; bars: error after the fit over error before it.",
        size=(6.4, 1.9 + 0.25 * len(shown)),
    )


def band(axes: Axes) -> None:
    """One and two standard deviations, and zero."""
    axes.axvspan(-2.0, 2.0, color="#fdf0b5", lw=0)
    axes.axvspan(-1.0, 1.0, color="#c9e6c4", lw=0)
    axes.axvline(0.0, color=MUTED, lw=1.0)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names of the parameters along the vertical axis, from below."""
    axes.set_yticks(np.arange(len(names)), [f"  {shortened(plain(name))}" for name in names], fontsize=9.5)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(-0.8, len(names) - 0.2)


def shortened(name: str, longest: int = 34) -> str:
    """Name of at most so many characters, cut in the middle.

    Examples
    --------
    >>> shortened("a" * 20 + "b" * 20, 11)
    'aaaaa…bbbbb'
    """
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def correlation_plot(
    names: Sequence[str], covariance: Sequence[Sequence[float]], *, poi: str | None, status: str
) -> Plot | None:
    """Correlations of the parameters that are correlated with another by more than 0.1.

    Parameters
    ----------
    names : sequence of str
        Free parameters.
    covariance : sequence, (K, K)
        Their covariance.
    poi : str or None
        Parameter of interest, shown first.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot or None
        The 20 most correlated; None where no two are.
    """
    matrix = np.array(covariance, dtype=float).reshape(len(names), len(names))
    error = np.sqrt(np.diag(matrix))
    correlation = matrix / np.outer(error, error)
    largest = np.max(np.abs(correlation - np.eye(len(names))), axis=1, initial=0.0)
    order = [i for i in np.argsort(-largest, kind="stable") if largest[i] > _LEAST_CORRELATION][:_MOST_CORRELATED]
    if poi in names and names.index(poi) not in order and order:
        order[-1] = names.index(poi)
    if len(order) < 2:
        return None
    order.sort(key=lambda i: (names[i] != poi, names[i]))
    shown = correlation[np.ix_(order, order)]

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right="correlations", status=status)
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-1.0, vmax=1.0, aspect="equal")
        labels = [shortened(plain(names[i]), 26) for i in order]
        axes.set_xticks(np.arange(len(order)), labels, fontsize=9, rotation=90)
        axes.set_yticks(np.arange(len(order)), labels, fontsize=9)
        axes.tick_params(which="both", bottom=False, top=False, left=False, right=False)
        if len(order) <= _WITH_NUMBERS:
            _write_numbers(axes, shown)
        figure.colorbar(image, ax=axes, shrink=0.8)

    size = 4.2 + 0.22 * len(order)
    return make_plot(
        "correlation",
        draw,
        alt=f"Correlation matrix of {len(order)} parameters",
        caption="Correlations; parameters with one above 0.1."
        + (" Numbers in per cent." if len(order) <= _WITH_NUMBERS else ""),
        size=(size + 1.0, size),
    )


def _write_numbers(axes: Axes, shown: NDArray[np.float64]) -> None:
    for (row, column), value in np.ndenumerate(shown):
        paint = "white" if abs(value) > 0.6 else INK
        axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=8, color=paint)
