"""What ``collidium show`` says of fits, limits, scans, rankings, toys and templates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from collidium.analysis import TEMPLATES_NAME
from collidium.artifact import InputError
from collidium.measure import BUMPHUNT_NAME, FIT_NAME, LIMIT_NAME, RANKING_NAME, SCAN_NAME, TOYS_NAME

_MOST_ROWS = 40


def show_fit(console: Console, path: Path) -> None:
    """Parameters with errors, pulls, and the goodness of fit."""
    fit = _read(path / FIT_NAME)
    poi, parameters = fit["poi"], fit["parameters"]
    names = sorted(parameters, key=lambda name: (name != poi, -abs(parameters[name]["pull"] or 0.0), name))
    rows = [[name, *(_number(parameters[name][key]) for key in ("value", "error", "pull"))] for name in names]
    _print(console, f"{len(names)} parameters", ["parameter", "value", "error", "pull"], rows)
    goodness = fit["goodness_of_fit"]
    figures = (
        f"2 nll {fit['twice_nll']:.6f}; goodness of fit {goodness['q']:.2f} for {goodness['num_degrees']} degrees of"
    )
    console.print(f"{figures} freedom, p = {_number(goodness['p_value']) or 'not defined'}")
    _tell_blinding(console, fit)


def show_limit(console: Console, path: Path) -> None:
    """CLs and upper limits."""
    limit = _read(path / LIMIT_NAME)
    bands = ("observed", "-2 sigma", "-1 sigma", "expected", "+1 sigma", "+2 sigma")
    rows = [
        [f"CLs at {limit['poi']} = {limit['signal_strength']:g}"]
        + [_number(value) for value in (limit["cls_observed"], *limit["cls_expected"])],
        [f"limit on {limit['poi']} at {1 - limit['level']:.0%}"]
        + [_number(value) for value in (limit["upper_limit_observed"], *limit["upper_limit_expected"])],
    ]
    _print(console, "limits", ["", *bands], rows)
    _tell_blinding(console, limit)


def show_scan(console: Console, path: Path) -> None:
    """Best fit and intervals."""
    scan = _read(path / SCAN_NAME)
    rows = [["best fit", _number(scan["value"]), ""]]
    for key, name in (("interval_68", "68 %"), ("interval_95", "95 %")):
        rows.append([name, _number(scan[key]["low"]), _number(scan[key]["high"])])
    _print(console, f"scan of {scan['parameter']}", ["", "low", "high"], rows)
    _tell_blinding(console, scan)


def show_ranking(console: Console, path: Path) -> None:
    """Impacts, largest first."""
    ranking = _read(path / RANKING_NAME)
    keys = ("up", "down", "prefit_up", "prefit_down", "pull", "constraint")
    rows = [[impact["name"], *(_number(impact[key]) for key in keys)] for impact in ranking["impacts"]]
    _print(console, f"impacts on {ranking['poi']}", ["parameter", *(key.replace("_", " ") for key in keys)], rows)
    _tell_blinding(console, ranking)


def show_toys(console: Console, path: Path) -> None:
    """p-values from toys and from the formula."""
    toys = _read(path / TOYS_NAME)
    rows = [[name, _number(value), _number(toys["asymptotic"].get(name))] for name, value in toys["p_values"].items()]
    title = f"{toys['statistic']}, {toys['num_toys']:,} toys a hypothesis, {toys['num_failed']} failed"
    _print(console, title, ["", "toys", "asymptotic"], rows)
    _tell_blinding(console, toys)


def show_resonance(console: Console, path: Path) -> None:
    """Mass against the known one, parameters, goodness of fit."""
    fit = _read(path / FIT_NAME)
    rows = [[name, _number(p["value"]), _number(p["error"])] for name, p in fit["parameters"].items()]
    _print(console, fit["recipe"], ["parameter", "value", "error"], rows)
    mass = fit["mass"]
    console.print(
        f"mass {mass['value']:.5f} +- {mass['total']:.5f} GeV, known {mass['known']:.5f}, pull {mass['pull']:.2f}; "
        f"goodness of fit p = {_number(fit['goodness_of_fit']['p_value'])}"
    )
    if "z_local" in fit:
        console.print(f"significance {fit['z_local']:.2f} sigma local, {_number(fit['z_global'])} global")
    console.print((path / "cutflow.txt").read_text(encoding="utf-8"), soft_wrap=True)


def show_bumphunt(console: Console, path: Path) -> None:
    """The largest excess, here and in the control sample."""
    hunt = _read(path / BUMPHUNT_NAME)
    rows = []
    for name, found in (("data", hunt), ("same sign", hunt["control"])):
        if found is not None:
            best = found["best"]
            figures = (best["mass"], best["z_local"], best["p_local"], found["p_global"], found["p_global_upcrossings"])
            rows.append([name, *(_number(value) for value in figures)])
    header = ["", "mass [GeV]", "local sigma", "local p", "global p, toys", "global p, upcrossings"]
    _print(console, f"{hunt['recipe']}, {hunt['num_events']:,.0f} events", header, rows)


def show_templates(console: Console, path: Path) -> None:
    """Regions and the cutflow."""
    about = _read(path / TEMPLATES_NAME)
    rows = [
        [name, str(len(edges) - 1), ", ".join(f"{edge:.3g}" for edge in edges)]
        for name, edges in about["edges"].items()
    ]
    _print(console, f"regions of the {about['variable']}", ["region", "bins", "edges"], rows)
    console.print((path / "cutflow.txt").read_text(encoding="utf-8"), soft_wrap=True)


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; the artifact is not complete")
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _print(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for position, name in enumerate(header):
        table.add_column(name, justify="right" if position else "left")
    for row in rows[:_MOST_ROWS]:
        table.add_row(*row)
    console.print(table)
    if len(rows) > _MOST_ROWS:
        console.print(f"and {len(rows) - _MOST_ROWS} more")


def _tell_blinding(console: Console, content: Mapping[str, Any]) -> None:
    if content["is_blind"]:
        console.print("blind: the counts of declared windows are expectations, not data")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""
