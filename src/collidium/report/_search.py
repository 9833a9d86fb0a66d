"""The page of a search: the front of merit against LUT, its networks, the space, the course of the search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import Progress, SilentProgress, building, read_manifest
from collidium.report._build import PAGE_NAME, write_page
from collidium.report._numbers import rounded
from collidium.report._page import cards
from collidium.report._provenance import reproduction_section
from collidium.report._search_plots import Cloud, merit_name, progress_plot, search_plot
from collidium.report._section import Section, code, paragraph, table
from collidium.trigger import SearchPoint, SearchResult, SearchTrial


def build_search_report(
    search: Path,
    out: Path,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a ``report`` artifact of a search.

    Parameters
    ----------
    search : Path
        A finished search.
    out : Path
        Folder to make: the page, and ``plots/`` as PNG and PDF.
    progress : Progress, optional
        Told of the page.
    command : sequence of str, optional
        The command that makes the report again.

    Returns
    -------
    Path
        The page. Equal inputs and command give equal bytes.

    Raises
    ------
    InputError
        If the folder is no search, or ``out`` exists.
    """
    found = SearchResult.open(search)
    reporter = SilentProgress() if progress is None else progress
    with building(out, kind="report", config={}, inputs=[search], command=command) as folder:
        reporter.start("report", None, "sections")
        try:
            sections = search_sections(found)
            sections.append(reproduction_section([(search, read_manifest(search))], command))
            reporter.advance(len(sections))
            write_page(folder, sections, search.resolve().name, _subtitle(found))
        finally:
            reporter.finish()
    return out / PAGE_NAME


def search_sections(found: SearchResult) -> list[Section]:
    """Sections of a search: headline, front, course, space, trials that failed.

    Parameters
    ----------
    found : SearchResult
        A finished search.

    Returns
    -------
    list of Section
        With unique titles.
    """
    population = int(found.config["search"]["population"])
    cloud = Cloud(
        generations=[point.trial // population for trial in found.trials for point in trial.points],
        cells=[point.lut for trial in found.trials for point in trial.points],
        merits=[point.merit for trial in found.trials for point in trial.points],
    )
    front = [(point.lut, point.merit) for point in found.front]
    sections = [
        _headline(found),
        Section("Front", _front_table(found), (search_plot(cloud, front, found.objective),)),
        Section(
            "Course",
            paragraph(
                "Area between the front and the worst of all compiled networks, in merit times the logarithm of the "
                "cells, as a share of its end."
            ),
            (progress_plot(_areas(found), population),),
        ),
        Section("Space", _space_table(found.config["space"])),
    ]
    failed = [trial for trial in found.trials if trial.failure]
    if failed:
        rows = [[str(trial.number), trial.failure, _values(trial.values)] for trial in failed]
        sections.append(Section("Failed trials", table(["trial", "why", "values"], rows)))
    return sections


def _headline(found: SearchResult) -> Section:
    points = sum(len(trial.points) for trial in found.trials)
    name = merit_name(found.objective)
    shown = [("trials", f"{len(found.trials):,}"), ("networks compiled", f"{points:,}")]
    shown.append(("networks on the front", f"{len(found.front):,}"))
    if found.front:
        small, good = found.front[0], found.front[-1]
        shown.append((f"best {name}, at {good.lut:,} LUT", rounded(good.merit)))
        shown.append((f"LUT of the smallest, at {name} {rounded(small.merit)}", f"{small.lut:,}"))
    text = (
        "Each trial is a training of one network under pressure on its cost; networks of its own front are compiled. "
        "Cells are those that the compiler predicts. Merit is that of the validation split, on which networks were "
        "chosen: the figure to quote is that of the test split, in the report of the compiled firmware."
    )
    return Section("Headline", cards(shown) + paragraph(text))


def _front_table(found: SearchResult) -> str:
    values = {trial.number: trial.values for trial in found.trials}
    rows = [
        [
            f"{point.trial}, {point.epoch}",
            rounded(point.merit),
            f"{point.lut:,}",
            f"{point.ff:,}",
            f"{point.latency_cycles} cycles, {point.latency_ns:g} ns",
            f"{point.ebops:,.0f}",
            _values(values[point.trial]),
        ]
        for point in found.front
    ]
    header = ["trial, epoch", merit_name(found.objective), "LUT", "FF", "latency", "EBOPs", "values"]
    text = table(header, rows, caption="What no other compiled network beats in both figures; latency is a model.")
    if not found.front:
        return text
    best = found.front[-1]
    line = f"collidium compile {found.run(best.trial)} --epoch {best.epoch} -o firmware"
    return text + paragraph("Any of them becomes firmware, e.g. the best one:") + code(line)


def _values(values: Mapping[str, Any]) -> str:
    """A place in the space, without the widths and kinds of layers that are not there."""
    depth = int(values.get("depth", 0))
    shown = {}
    for name, value in values.items():
        layer = name.rpartition("_")[2]
        if not (layer.isdecimal() and int(layer) > depth):
            shown[name] = f"{value:.3g}" if isinstance(value, float) else str(value)
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _space_table(space: Mapping[str, Any]) -> str:
    rows = [[name, ", ".join(map(str, value))] for name, value in space.items() if name != "type"]
    return table(["dimension", "values, or lowest and highest"], rows, caption=str(space["type"]))


def _areas(found: SearchResult) -> list[float]:
    """Share of the final area below the front after each trial."""
    points = [point for trial in found.trials for point in trial.points]
    if not points:
        return [0.0] * len(found.trials)
    sign = 1.0 if found.is_higher_better else -1.0
    worst = max(point.lut for point in points), min(sign * point.merit for point in points)
    areas = [_area(found.trials[: number + 1], sign, worst) for number in range(len(found.trials))]
    return [area / (areas[-1] or 1.0) for area in areas]


def _area(trials: Sequence[SearchTrial], sign: float, worst: tuple[int, float]) -> float:
    """Area that the points dominate, in merit times octaves of cells below the largest."""
    points: list[SearchPoint] = [point for trial in trials for point in trial.points]
    area, reached = 0.0, worst[1]
    for point in sorted(points, key=lambda point: (point.lut, -sign * point.merit)):
        if (merit := sign * point.merit) > reached:
            area += (merit - reached) * _octaves(point.lut, worst[0])
            reached = merit
    return area


def _octaves(cells: int, most: int) -> float:
    return math.log2(max(most, 1) / max(cells, 1))


def _subtitle(found: SearchResult) -> str:
    network = found.config["recipe"]["network"]["type"]
    return f"search of trigger networks · {network} · seed {found.config['search']['seed']}"
