"""Sections of fits, limits, scans, rankings and toys."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from collidium.artifact import InputError, read_manifest
from collidium.measure import (
    BUMPHUNT_NAME,
    CLS_NAME,
    COVARIANCE_NAME,
    CURVES_NAME,
    FIT_NAME,
    LABELS_NAME,
    LIMIT_NAME,
    RANKING_NAME,
    SCAN_NAME,
    TOYS_NAME,
    YIELDS_NAME,
)
from collidium.report._data_model import data_model_plot
from collidium.report._likelihood_curves import (
    cls_plot,
    contour_plot,
    limits_plot,
    p_value_plot,
    scan_plot,
    tail,
    toys_plot,
)
from collidium.report._numbers import rounded
from collidium.report._page import cards
from collidium.report._parameters import correlation_plot, pulls_plot
from collidium.report._peak import peak_plot, spectrum_plot
from collidium.report._ranking_plot import ranking_plot
from collidium.report._section import Section, code, paragraph, table
from collidium.report._style import Plot

_MOST_ROWS = 60
_BLIND = " The counts of the blind windows are expectations of the other bins, not data."


def measurement_sections(paths: Sequence[Path]) -> list[Section]:
    """Sections of measurement artifacts, in the order of the paths; limits of several signals in one.

    Parameters
    ----------
    paths : sequence of Path
        Artifacts of ``collidium fit|limit|scan|rank|toys``.

    Returns
    -------
    list of Section
        With unique titles.

    Raises
    ------
    InputError
        If an artifact is of another kind or not complete.
    """
    kinds = {path: read_manifest(path).kind for path in paths}
    for path, kind in kinds.items():
        if kind not in MEASUREMENT_KINDS:
            raise InputError(f"{path}: is of kind {kind}; a report shows {', '.join(MEASUREMENT_KINDS)}")
    limits = [path for path in paths if kinds[path] == "limit"]
    sections: list[Section] = []
    for path in paths:
        if path in limits and len(limits) > 1:
            if path == limits[0]:
                sections.append(_limits_section(limits))
            continue
        sections.extend(MEASUREMENT_KINDS[kinds[path]](path))
    return _with_unique_names(sections)


def _fit_sections(path: Path) -> list[Section]:
    """Headline, regions, pulls and correlations."""
    fit, labels = _read(path / FIT_NAME), _labels(path)
    data, status = _words(labels, fit)
    poi, parameters, goodness = fit["poi"], fit["parameters"], fit["goodness_of_fit"]
    shown = [(poi, value_with_error(parameters[poi]))] if poi is not None else []
    free = [name for name, p in parameters.items() if p["pull"] is None and not p["is_fixed"] and name != poi]
    shown += [(name, value_with_error(parameters[name])) for name in free[:3]]
    if goodness["p_value"] is not None:
        shown.append(("goodness of fit, p-value", rounded(goodness["p_value"])))
    text = (
        f"Fit of {len(parameters)} parameters to the {data} of {len(fit['channels'])} regions; twice the negative log "
        f"likelihood {fit['twice_nll']:.4f}, saturated goodness of fit {goodness['q']:.1f} for "
        f"{goodness['num_degrees']} degrees of freedom.{_BLIND if fit['is_blind'] else ''}"
    )
    regions = tuple(
        data_model_plot(channel, _channel_label(labels, channel["channel"]), data=data, status=status)
        for channel in _read_list(path / YIELDS_NAME)
    )
    covariance = _read(path / COVARIANCE_NAME)
    matrix = correlation_plot(covariance["parameters"], covariance["covariance"], poi=poi, status=status)
    pulls = pulls_plot(parameters, status=status)
    plots = tuple(plot for plot in (pulls, matrix) if plot is not None)
    return [
        Section("Fit", cards(shown) + paragraph(text) + _yields_table(path), regions),
        Section("Parameters", _parameter_table(parameters, poi), plots),
    ]


def _yields_table(path: Path) -> str:
    """Events of each sample in each region, after the fit."""
    channels = _read_list(path / YIELDS_NAME)
    names = list(dict.fromkeys(sample["name"] for channel in channels for sample in channel["after"]["samples"]))
    rows = []
    for channel in channels:
        events = {sample["name"]: sum(sample["events"]) for sample in channel["after"]["samples"]}
        counts = channel["observed"]
        total = f"{sum(channel['after']['total']):.1f} ± {channel['after']['sum_error']:.1f}"
        seen = "blind" if None in counts else f"{sum(counts):,.0f}"
        rows.append([channel["channel"], *(f"{events[n]:.1f}" if n in events else "–" for n in names), total, seen])
    return table(["region", *names, "fit", "observed"], rows, caption="Events after the fit")


def _parameter_table(parameters: Mapping[str, Mapping[str, Any]], poi: str | None) -> str:
    names = sorted(parameters, key=lambda name: (name != poi, -abs(parameters[name]["pull"] or 0.0), name))
    rows = [
        [name, *(_cell(parameters[name][key]) for key in ("value", "error", "pull", "constraint"))]
        for name in names[:_MOST_ROWS]
    ]
    caption = f"{len(rows)} of {len(names)} parameters" if len(rows) < len(names) else ""
    html = table(["parameter", "value", "error", "pull", "constraint"], rows, caption=caption)
    return f"<details><summary>All values</summary>{html}</details>\n"


def _limit_sections(path: Path) -> list[Section]:
    limit, (_, status) = _read(path / LIMIT_NAME), _words(_labels(path), {})
    expected = limit["upper_limit_expected"]
    name = "expected" if limit["is_blind"] else "observed"
    shown = [
        (f"upper limit on {limit['poi']}, {name}", rounded(limit["upper_limit_observed"])),
        (
            "expected without signal",
            f"{rounded(expected[2])} +{rounded(expected[3] - expected[2])} −{rounded(expected[2] - expected[1])}",
        ),
        (f"CLs at {limit['poi']} = {limit['signal_strength']:g}", rounded(limit["cls_observed"])),
    ]
    text = (
        f"Upper limits at {1 - limit['level']:.0%} confidence level from the asymptotic distribution of q̃; the band "
        f"holds 68 and 95 % of experiments without signal.{_BLIND if limit['is_blind'] else ''}"
    )
    plot = cls_plot(_read(path / CLS_NAME), limit, status=status)
    return [Section("Limit", cards(shown) + paragraph(text), (plot,), layout="beside")]


def _limits_section(paths: Sequence[Path]) -> Section:
    """Limits of several signals."""
    limits = [_read(path / LIMIT_NAME) for path in paths]
    names = [path.name for path in paths]
    rows = [
        [name, rounded(limit["upper_limit_observed"]), *(rounded(value) for value in limit["upper_limit_expected"])]
        for name, limit in zip(names, limits, strict=True)
    ]
    header = ["signal", "observed", "−2 σ", "−1 σ", "expected", "+1 σ", "+2 σ"]
    (_, status) = _words(_labels(paths[0]), {})
    text = "Upper limits on the signal strength of each signal, with the bands of experiments without signal."
    return Section("Limits", paragraph(text) + table(header, rows), (limits_plot(names, limits, status=status),))


def _scan_sections(path: Path) -> list[Section]:
    scan, (_, status) = _read(path / SCAN_NAME), _words(_labels(path), {})
    rows = [
        [
            name,
            *(
                rounded(scan[key][side]) + (" (bound)" if scan[key][f"is_{side}_bound"] else "")
                for side in ("low", "high")
            ),
        ]
        for key, name in (("interval_68", "68 %"), ("interval_95", "95 %"))
    ]
    text = f"Best fit of {scan['parameter']}: {rounded(scan['value'])}.{_BLIND if scan['is_blind'] else ''}"
    plots = [scan_plot(scan, status=status)]
    if "contours" in scan:
        plots.append(contour_plot(scan, status=status))
    return [
        Section(
            f"Scan of {scan['parameter']}", paragraph(text) + table(["interval", "low", "high"], rows), tuple(plots)
        )
    ]


def _ranking_sections(path: Path) -> list[Section]:
    ranking, (_, status) = _read(path / RANKING_NAME), _words(_labels(path), {})
    text = (
        f"{len(ranking['impacts'])} parameters by the larger of their two shifts of {ranking['poi']} = "
        f"{value_with_error(ranking)}.{_BLIND if ranking['is_blind'] else ''}"
    )
    plots = (ranking_plot(ranking["impacts"], ranking["poi"], status=status),) if ranking["impacts"] else ()
    return [Section("Ranking", paragraph(text), plots, layout="beside")]


def _toys_sections(path: Path) -> list[Section]:
    toys, (_, status) = _read(path / TOYS_NAME), _words(_labels(path), {})
    rows = [[name, rounded(value), _cell(toys["asymptotic"].get(name))] for name, value in toys["p_values"].items()]
    text = (
        f"{toys['num_toys']:,} toys of each hypothesis (seed {toys['seed']}); {toys['num_failed']} fits failed and "
        f"count as extreme.{_BLIND if toys['is_blind'] else ''}"
    )
    samples = {}
    for name, file in toys["samples"].items():
        with np.load(path / file) as stored:
            samples[name] = np.asarray(stored["values"], dtype=np.float64)
    html = paragraph(text) + table(["", "toys", "asymptotic"], rows)
    return [Section(f"Toys, {toys['statistic']}", html, (toys_plot(toys, samples, status=status),), layout="beside")]


def _resonance_sections(path: Path) -> list[Section]:
    """Mass, spectrum, same-sign control, cutflow, and the local p-values of four leptons."""
    fit, curves = _read(path / FIT_NAME), _read(path / CURVES_NAME)
    mass, goodness = fit["mass"], fit["goodness_of_fit"]
    shown = [
        ("mass [GeV]", value_with_error({"value": mass["value"], "error": mass["total"]})),
        ("known mass [GeV]", f"{mass['known']:.6g}"),
        ("pull", f"{mass['pull']:.2f}"),
        ("goodness of fit, p-value", rounded(goodness.get("p_value_toys", goodness["p_value"]))),
    ]
    if "z_local" in fit:
        shown.append(("significance", f"{fit['z_local']:.1f} σ"))
    errors = ", ".join(f"{name} {rounded(mass[name])}" for name in ("statistical", "model", "scale") if name in mass)
    text = f"Errors of the mass in GeV: {errors}."
    if fit.get("same_sign") is not None:
        control = fit["same_sign"]
        text += (
            f" In {control['num_events']:,} pairs of equal charge the same peak has "
            f"{value_with_error({'value': control['signal'], 'error': control['error']})} events."
        )
    rows = [[name, value_with_error(p)] for name, p in fit["parameters"].items()]
    cutflow = code((path / "cutflow.txt").read_text(encoding="utf-8"))
    html = cards(shown) + paragraph(text) + table(["parameter", "value"], rows)
    html += f"<details><summary>Cutflow</summary>{cutflow}</details>\n"
    plots = [
        peak_plot(content, name=_slug(f"{fit['recipe']}-{kind}"), title=fit["title"], status="CMS open data")
        for kind, content in curves.items()
    ]
    if "scan" in fit:
        p_values = [tail(math.sqrt(q)) for q in fit["scan"]["q0"]]
        plots.append(p_value_plot(fit["scan"]["mass"], p_values, variable="mass [GeV]", status="CMS open data"))
    return [Section(f"Resonance {fit['recipe']}", html, tuple(plots))]


def _bumphunt_sections(path: Path) -> list[Section]:
    """The search and its control sample."""
    hunt = _read(path / BUMPHUNT_NAME)
    best = hunt["best"]
    shown = [
        ("largest excess [GeV]", rounded(best["mass"])),
        ("local", f"{best['z_local']:.2f} σ"),
        ("global p-value, toys", rounded(hunt["p_global"])),
        ("goodness of fit, p-value", rounded(hunt["goodness_of_fit"]["p_value_toys"])),
    ]
    if hunt["p_global_upcrossings"] is not None:
        shown.insert(3, ("global p-value, upcrossings", rounded(hunt["p_global_upcrossings"])))
    text = (
        f"{hunt['num_events']:,.0f} events; background {hunt['config']['background']}, {hunt['config']['method']} "
        f"scan, {hunt['num_toys']} background-only toys."
    )
    plots = []
    for kind, found in (("data", hunt), ("same-sign", hunt["control"])):
        if found is None:
            continue
        name = _slug(f"{hunt['recipe']}-{kind}")
        title = hunt["title"] if kind == "data" else f"{hunt['title']}, same sign"
        plots.append(spectrum_plot(found, name=f"spectrum-{name}", title=title, status=""))
        scan = found["scan"]
        if len(scan["mass"]) > 1 and all(a <= b for a, b in pairwise(scan["mass"])):
            p0 = p_value_plot(scan["mass"], scan["p_local"], variable="mass [GeV]", status="", name=f"local-p0-{name}")
            plots.append(p0)
    if hunt["control"] is not None:
        text += f" In pairs of equal charge the largest excess is {hunt['control']['best']['z_local']:.2f} σ."
    return [Section(f"Bump hunt {hunt['recipe']}", cards(shown) + paragraph(text), tuple(plots))]


def _slug(text: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in text)


def value_with_error(figure: Mapping[str, Any]) -> str:
    """A fitted value with its error to two digits of it.

    Examples
    --------
    >>> value_with_error({"value": 1.03456, "error": 0.1789}), value_with_error({"value": 0.0, "error": None})
    ('1.03 ± 0.18', '0')
    """
    value, error = figure["value"], figure["error"]
    if not error:
        return rounded(value)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"


def _words(labels: Mapping[str, Any], content: Mapping[str, Any]) -> tuple[str, str]:
    """What the counts are called, and what stands behind the name of the package."""
    data = labels.get("data", "data")
    return data, "simulation" if data == "pseudo-data" else ""


def _channel_label(labels: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = labels.get("channels", {}).get(name, {})
    return found


def _labels(path: Path) -> Mapping[str, Any]:
    return _read(path / LABELS_NAME) if (path / LABELS_NAME).is_file() else {}


def _read(path: Path) -> dict[str, Any]:
    content = _load(path)
    assert isinstance(content, dict)
    return content


def _read_list(path: Path) -> list[dict[str, Any]]:
    content = _load(path)
    assert isinstance(content, list)
    return content


def _load(path: Path) -> object:
    if not path.is_file():
        raise InputError(f"{path}: no such file; the artifact is not complete or of an older version")
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: no JSON document: {error}") from error
    return content


def _cell(value: object) -> str:
    return rounded(value) if isinstance(value, int | float) else "–"


def _with_unique_names(sections: Sequence[Section]) -> list[Section]:
    """Sections and plots with a number behind names that occur before."""
    titles: dict[str, int] = {}
    names: dict[str, int] = {}
    found = []
    for section in sections:
        titles[section.title] = titles.get(section.title, 0) + 1
        figures = []
        for plot in section.figures:
            names[plot.name] = names.get(plot.name, 0) + 1
            figures.append(
                Plot(_numbered(plot.name, names[plot.name], "-"), plot.alt, plot.caption, plot.png, plot.pdf)
            )
        title = _numbered(section.title, titles[section.title], " ")
        found.append(Section(title, section.html, tuple(figures), layout=section.layout))
    return found


def _numbered(name: str, number: int, between: str) -> str:
    return name if number == 1 else f"{name}{between}{number}"


MEASUREMENT_KINDS: dict[str, Callable[[Path], list[Section]]] = {
    "fit": _fit_sections,
    "limit": _limit_sections,
    "scan": _scan_sections,
    "ranking": _ranking_sections,
    "toys": _toys_sections,
    "resonance": _resonance_sections,
    "bumphunt": _bumphunt_sections,
}
