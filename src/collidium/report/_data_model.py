"""Data and fitted model of a region, with their ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.report._numbers import rounded
from collidium.report._style import INK, MUTED, PALETTE, Axes, Figure, Plot, colour, labelled_axes, make_plot, plain

_MOST_SAMPLES = 8
_LOGARITHMIC = 60.0
_SIGNAL = PALETTE[1]


def data_model_plot(channel: dict[str, Any], label: dict[str, Any], *, data: str, status: str) -> Plot:
    """Stacked samples after the fit, the sum before it, the data, and the ratio of data to fit.

    Parameters
    ----------
    channel : dict
        One region of ``yields.json``.
    label : dict
        Its ``variable`` and ``edges``; empty for bins without a meaning.
    data : str
        What the points are, for the legend.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot
        Blind bins have no point.
    """
    total, error = (np.array(channel["after"][key], dtype=float) for key in ("total", "error"))
    observed = np.array([math.nan if n is None else n for n in channel["observed"]])
    borders = np.arange(len(total) + 1.0)

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.1))
        labelled_axes(figure, top, right=channel["channel"], status=status)
        _stack(top, channel, borders)
        before = np.array(channel["before"]["total"], dtype=float)
        top.stairs(before, borders, color=INK, ls="--", lw=1.2, label="before the fit", baseline=None)
        _band(top, borders, total, error)
        _points(top, observed, np.ones_like(total), data)
        _scale(top, channel, observed, total + error)
        top.set_ylabel("events")
        handles, names = top.get_legend_handles_labels()
        top.legend(handles, names, loc="upper center", ncols=3 if len(names) > 4 else 2, fontsize=11)
        bottom.axhline(1.0, color=INK, lw=1.0)
        _band(bottom, borders, np.ones_like(total), error / total)
        _points(bottom, observed, total, "")
        bottom.set(ylabel=f"{data.split('-')[-1]} / fit", ylim=_ratio_range(observed, total, error))
        _bin_names(bottom, label, borders)
        for axes in (top, bottom):
            axes.tick_params(axis="x", which="minor", bottom=False, top=False)
            for b in np.flatnonzero(np.isnan(observed)):
                axes.axvspan(b, b + 1, color=MUTED, alpha=0.15, lw=0)
        for first, last in _runs(np.isnan(observed)):
            top.text((first + last) / 2, 0.03, "blind", transform=top.get_xaxis_transform(), ha="center", color=INK)
        figure.align_ylabels([top, bottom])

    seen = np.isfinite(observed)
    return make_plot(
        f"region-{''.join(char if char.isalnum() else '-' for char in channel['channel'])}",
        draw,
        alt=f"{channel['channel']}: {data} {rounded(float(observed[seen].sum()))} in {int(seen.sum())} open bins, fit "
        f"{rounded(float(total[seen].sum()))}, with the ratio below",
        caption=f"{channel['channel']}: samples after the fit, hatched: its error. Error bars: Poisson intervals.",
        size=(6.6, 6.0),
    )


def _stack(axes: Axes, channel: dict[str, Any], borders: NDArray[np.float64]) -> None:
    """Filled samples: the largest background lowest, the signal on top."""
    samples = [(sample["name"], np.array(sample["events"], dtype=float)) for sample in channel["after"]["samples"]]
    backgrounds = sorted((s for s in samples if s[0] not in channel["signal"]), key=lambda s: -s[1].sum())
    signals = [s for s in samples if s[0] in channel["signal"]]
    if len(backgrounds) > _MOST_SAMPLES:
        rest = np.sum([events for _, events in backgrounds[_MOST_SAMPLES - 1 :]], axis=0)
        backgrounds = [*backgrounds[: _MOST_SAMPLES - 1], ("other", rest)]
    paints = [colour(number) for number in range(len(PALETTE)) if colour(number) != _SIGNAL]
    low = np.zeros(len(borders) - 1)
    for number, (name, events) in enumerate([*backgrounds, *signals]):
        paint = _SIGNAL if number >= len(backgrounds) else paints[number % len(paints)]
        axes.stairs(low + events, borders, baseline=low, fill=True, color=paint, alpha=0.85, label=plain(name))
        low = low + events


def _band(axes: Axes, borders: NDArray[np.float64], middle: NDArray[np.float64], error: NDArray[np.float64]) -> None:
    axes.stairs(
        middle + error, borders, baseline=middle - error, fill=True, facecolor="none", hatch="////", edgecolor=INK, lw=0
    )


def _points(axes: Axes, observed: NDArray[np.float64], scale: NDArray[np.float64], name: str) -> None:
    """Counts with the central 68 % intervals of their Poisson means."""
    seen = np.flatnonzero(np.isfinite(observed))
    low, high = poisson_interval(observed[seen])
    axes.errorbar(
        seen + 0.5,
        observed[seen] / scale[seen],
        [(observed[seen] - low) / scale[seen], (high - observed[seen]) / scale[seen]],
        fmt="o",
        ms=5,
        color="black",
        label=name or None,
    )


def poisson_interval(count: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central 68.27 % interval of a Poisson mean, by the approximation of Wilson and Hilferty to chi-squared quantiles.

    Parameters
    ----------
    count : ndarray, (M,), events
        Observed.

    Returns
    -------
    tuple of ndarray
        Low and high ends; within 0.02 of the exact ones.

    References
    ----------
    F. Garwood, Biometrika 28 (1936) 437; E. Wilson, M. Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684.

    Examples
    --------
    >>> [end.round(1).tolist() for end in poisson_interval(np.array([0.0, 100.0]))]
    [[0.0, 90.0], [1.8, 111.0]]
    """
    n = np.maximum(count, 1e-9)
    low = np.where(count > 0.0, n * (1.0 - 1.0 / (9.0 * n) - 1.0 / (3.0 * np.sqrt(n))) ** 3, 0.0)
    up = count + 1.0
    return np.maximum(low, 0.0), up * (1.0 - 1.0 / (9.0 * up) + 1.0 / (3.0 * np.sqrt(up))) ** 3


def _scale(axes: Axes, channel: dict[str, Any], observed: NDArray[np.float64], height: NDArray[np.float64]) -> None:
    """Room for the legend; logarithmic where the bins differ much."""
    highest = float(np.nanmax(np.concatenate([observed + np.sqrt(observed), height])))
    lowest = float(np.min(channel["after"]["total"]))
    if lowest > 0.0 and highest / lowest > _LOGARITHMIC:
        axes.set_yscale("log")
        axes.set_ylim(max(0.1, 0.3 * lowest), highest * (highest / lowest) ** 0.6)
    else:
        axes.set_ylim(0.0, 1.45 * highest)
    axes.set_xlim(0.0, len(height))


def _ratio_range(
    observed: NDArray[np.float64], total: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[float, float]:
    seen = np.isfinite(observed)
    low, high = poisson_interval(observed[seen])
    reach = np.concatenate([np.abs(low / total[seen] - 1.0), np.abs(high / total[seen] - 1.0), error / total])
    size = min(max(1.15 * float(reach.max()), 0.1), 1.5)
    return max(1.0 - size, 0.0), 1.0 + size


def _bin_names(axes: Axes, label: dict[str, Any], borders: NDArray[np.float64]) -> None:
    """Edges of the bins where they are known, else their numbers."""
    edges = label.get("edges")
    if edges is None or len(edges) != len(borders):
        step = max(1, len(borders) // 12)
        axes.set_xticks(borders[:-1:step] + 0.5, [str(int(b)) for b in borders[:-1:step]])
        axes.set_xlabel("bin")
    else:
        step = max(1, len(borders) // 8)
        axes.set_xticks(borders[::step], [f"{edge:.3g}" for edge in edges[::step]])
        axes.set_xlabel(plain(label.get("variable", "")))


def _runs(flags: NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    """First and one past the last of each run of true values."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))
