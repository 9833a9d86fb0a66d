"""Curves of likelihood ratios: profile scans, contours, CLs with its band, limits, distributions of toys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.report._numbers import rounded
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
    plain,
)

_GREEN, _YELLOW = "#607641", "#f5bb54"
_MOST_SIGMAS = 35
_LEVELS = ((1.0, "68 %"), (3.841, "95 %"))


def scan_plot(scan: Mapping[str, Any], *, status: str) -> Plot:
    """Profile likelihood ratio along a parameter."""
    values, q = np.array(scan["values"]), np.array(scan["q"])

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"best fit {rounded(scan['value'])}", status=status)
        axes.plot(values, q, color=PALETTE[0])
        top = min(max(1.1 * float(q.max()), 4.5), 16.0)
        for level, name in _LEVELS:
            axes.axhline(level, color=MUTED, ls="--", lw=1.0)
            axes.text(0.985, level + 0.012 * top, name, transform=axes.get_yaxis_transform(), ha="right", fontsize=11)
        for key, style in (("interval_68", "-"), ("interval_95", ":")):
            for side in ("low", "high"):
                if not scan[key][f"is_{side}_bound"]:
                    axes.axvline(scan[key][side], color=PALETTE[1], ls=style, lw=1.0)
        axes.set(xlim=(values[0], values[-1]), ylim=(0.0, top), xlabel=plain(scan["parameter"]))
        axes.set_ylabel(r"$-2\,\ln\,\lambda$")

    return make_plot(
        "scan",
        draw,
        alt=f"Profile likelihood ratio of {scan['parameter']}; 68 % from {rounded(scan['interval_68']['low'])} to "
        f"{rounded(scan['interval_68']['high'])}",
        caption=f"Profile likelihood ratio of {scan['parameter']}; red: 68 % (solid) and 95 % (dotted) intervals.",
    )


def contour_plot(scan: Mapping[str, Any], *, status: str) -> Plot:
    """Contours of two parameters."""
    second = scan["second"]

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right="profile likelihood", status=status)
        for number, (name, points) in enumerate(scan["contours"].items()):
            curve = np.array([*points, points[0]])
            axes.plot(curve[:, 0], curve[:, 1], color=colour(number), ls=line_style(number), label=f"{name} %")
        axes.plot(scan["value"], second["value"], "+", ms=12, mew=2, color=INK, label="best fit")
        axes.set(xlabel=plain(scan["parameter"]), ylabel=plain(second["name"]))
        axes.margins(0.12)
        axes.legend()

    return make_plot(
        "contour",
        draw,
        alt=f"Contours of {scan['parameter']} and {second['name']} at 68 and 95 %",
        caption="Contours of the profile likelihood ratio that hold both parameters with 68 and 95 % probability.",
    )


def cls_plot(curve: Mapping[str, Any], limit: Mapping[str, Any], *, status: str) -> Plot:
    """CLs along the signal strength, observed and with the bands of background-only experiments."""
    # a signal of no strength cannot be told from none
    values, observed = np.array([0.0, *curve["values"]]), np.array([1.0, *curve["observed"]])
    expected = np.array([[1.0] * 5, *curve["expected"]]).T
    level = limit["level"]

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{1 - level:.0%} upper limits", status=status)
        axes.fill_between(values, expected[0], expected[4], color=_YELLOW, lw=0, label=r"expected $\pm 2\,\sigma$")
        axes.fill_between(values, expected[1], expected[3], color=_GREEN, lw=0, label=r"expected $\pm 1\,\sigma$")
        axes.plot(values, expected[2], color=INK, ls="--", lw=1.4, label="expected, no signal")
        name = "expected from control" if limit["is_blind"] else "observed"
        axes.plot(values, observed, color="black", marker="o", ms=3.5, lw=1.4, label=name)
        axes.axhline(level, color=PALETTE[1], lw=1.2)
        axes.set(xlim=(0.0, values[-1]), ylim=(0.0, 1.05), xlabel=plain(limit["poi"]), ylabel=r"$\mathrm{CL_s}$")
        axes.legend(loc="upper right")

    return make_plot(
        "cls",
        draw,
        alt=f"CLs against {limit['poi']}; observed limit {rounded(limit['upper_limit_observed'])}, expected "
        f"{rounded(limit['upper_limit_expected'][2])}",
        caption=f"CLs of signal strengths; the red line is excluded at {1 - level:.0%} confidence level.",
    )


def limits_plot(names: Sequence[str], limits: Sequence[Mapping[str, Any]], *, status: str) -> Plot:
    """Upper limits of several signals with their bands, one column each.

    Parameters
    ----------
    names : sequence of str
        Name of each signal; numbers become positions on the axis.
    limits : sequence of dict
        ``limit.json`` of each.
    status : str
        What stands behind the name of the package.

    Returns
    -------
    Plot
        Logarithmic.
    """
    positions = _positions(names)
    order = np.argsort(np.arange(len(names)) if positions is None else positions, kind="stable")
    x = np.arange(len(names), dtype=float) if positions is None else positions[order]
    expected = np.array([limits[i]["upper_limit_expected"] for i in order]).T
    observed = np.array([limits[i]["upper_limit_observed"] for i in order])

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{1 - limits[0]['level']:.0%} upper limits", status=status)
        if positions is None:
            half = 0.35
            for low, high, paint in ((0, 4, _YELLOW), (1, 3, _GREEN)):
                axes.bar(x, expected[high] - expected[low], 2 * half, bottom=expected[low], color=paint)
            axes.hlines(expected[2], x - half, x + half, color=INK, ls="--", label="expected, no signal")
            axes.set_xticks(x, [plain(names[i]) for i in order], rotation=30, ha="right", fontsize=10)
            axes.tick_params(axis="x", which="minor", bottom=False, top=False)
        else:
            axes.fill_between(x, expected[0], expected[4], color=_YELLOW, lw=0, label=r"expected $\pm 2\,\sigma$")
            axes.fill_between(x, expected[1], expected[3], color=_GREEN, lw=0, label=r"expected $\pm 1\,\sigma$")
            axes.plot(x, expected[2], color=INK, ls="--", label="expected, no signal")
        axes.plot(x, observed, "o-" if positions is not None else "o", color="black", ms=4.5, label="observed")
        axes.axhline(1.0, color=PALETTE[1], lw=1.0)
        axes.set(yscale="log", ylabel=f"limit on {plain(limits[0]['poi'])}")
        axes.legend()

    return make_plot(
        "limits",
        draw,
        alt=f"Upper limits of {len(names)} signals with their bands",
        caption="Upper limits with the bands of experiments without signal; red: the strength that was predicted.",
        size=(7.2, 5.2),
    )


def toys_plot(toys: Mapping[str, Any], samples: Mapping[str, NDArray[np.float64]], *, status: str) -> Plot:
    """Distribution of a test statistic in toys, and where the data are."""
    finite = np.concatenate([values[np.isfinite(values)] for values in samples.values()])
    high = 1.05 * max(float(np.quantile(finite, 0.999)) if len(finite) else 1.0, toys["q"], 1e-3)
    low = 0.9 * float(finite.min()) if len(finite) and toys["statistic"] == "goodness" else 0.0
    edges = np.linspace(low, high, 41)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{toys['num_toys']:,} toys each", status=status)
        for number, (name, values) in enumerate(samples.items()):
            content = np.histogram(np.clip(values[np.isfinite(values)], low, high), edges)[0]
            axes.stairs(content, edges, color=colour(number), ls=line_style(number), lw=1.8, label=name)
        axes.axvline(toys["q"], color="black", lw=1.6, label="expected" if toys["is_blind"] else "observed")
        axes.set(yscale="log", xlim=(low, high), ylabel="toys", xlabel=_STATISTIC_NAMES[toys["statistic"]])
        axes.set_ylim(0.5, None)
        axes.legend(loc="upper right")

    return make_plot(
        "toys",
        draw,
        alt=f"Distribution of the statistic in {toys['num_toys']} toys of each hypothesis; the data are at "
        f"{rounded(toys['q'])}",
        caption="Test statistic in toy experiments; the last bin holds what lies above.",
    )


_STATISTIC_NAMES = {"cls": r"$\tilde q_\mu$", "discovery": r"$q_0$", "goodness": "saturated goodness of fit"}


def p_value_plot(
    positions: Sequence[float], p_values: Sequence[float], *, variable: str, status: str, name: str = "local-p0"
) -> Plot:
    """Local p-values along a mass, with lines of equal significance.

    Parameters
    ----------
    positions : sequence of float, (V,)
        Masses.
    p_values : sequence of float, (V,), 1
        Local p-values of no signal.
    variable : str
        Name and unit of the axis.
    status : str
        What stands behind the name of the package.
    name : str
        File name without ending.

    Returns
    -------
    Plot
        Logarithmic.
    """
    x, p = np.array(positions), np.maximum(np.array(p_values), 1e-300)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right="local p-value", status=status)
        axes.plot(x, p, color=PALETTE[0])
        _significances(axes, float(p.min()))
        axes.set(yscale="log", xlim=(x[0], x[-1]), xlabel=variable, ylabel=r"local $p_0$")
        axes.set_ylim(0.1 * float(p.min()), 2.0)

    return make_plot(
        name,
        draw,
        alt=f"Local p-value along {variable}; smallest {rounded(float(p.min()))} at {rounded(float(x[p.argmin()]))}",
        caption="Local p-value of the background alone; red lines: standard deviations.",
    )


def _significances(axes: Axes, lowest: float) -> None:
    """Lines at whole standard deviations, down to the smallest p-value."""
    for number in range(1, _MOST_SIGMAS + 1):
        p = tail(float(number))
        if p < 0.2 * lowest:
            break
        axes.axhline(p, color=PALETTE[1], lw=0.9, ls="--")
        axes.text(0.985, p, f"{number} σ", transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=10)


def tail(z: float) -> float:
    """One-sided tail of the normal distribution.

    Examples
    --------
    >>> round(tail(1.0), 6)
    0.158655
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def _positions(names: Sequence[str]) -> NDArray[np.float64] | None:
    """Names as numbers, where all are and differ."""
    try:
        values = np.array([float(name) for name in names])
    except ValueError:
        return None
    return values if len(np.unique(values)) == len(values) > 1 else None
