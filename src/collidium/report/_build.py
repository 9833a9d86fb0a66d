"""From a run and its predictions to a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import InputError, Progress, SilentProgress, atomic_write, building, read_manifest
from collidium.cloud import SPLITS, Dataset
from collidium.evaluate import METRICS_NAME, Evaluation, Predictions
from collidium.report._calibration import calibration_section
from collidium.report._confusion import confusion_section
from collidium.report._curves import curves_section
from collidium.report._gallery import gallery_section
from collidium.report._headline import headline_section
from collidium.report._hepdata import write_hepdata
from collidium.report._inputs import inputs_section
from collidium.report._measurement import measurement_sections
from collidium.report._page import render_page
from collidium.report._provenance import configuration_section, reproduction_section
from collidium.report._roc import roc_section
from collidium.report._scores import scores_section
from collidium.report._section import Section
from collidium.train import Run

PAGE_NAME = "index.html"
HEPDATA_NAME = "hepdata"


def build_report(
    run_path: Path,
    predictions_path: Path,
    dataset_path: Path | None,
    out: Path,
    *,
    measurements: Sequence[Path] = (),
    extra: Sequence[Section] = (),
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a ``report`` artifact: one self-contained page, and each plot as PNG and PDF in ``plots/``.

    Parameters
    ----------
    run_path : Path
        A run.
    predictions_path : Path
        The predictions artifact of this run.
    dataset_path : Path or None
        The dataset that was evaluated; without it there are no input features and no gallery.
    out : Path
        Folder to make.
    measurements : sequence of Path
        Fits, limits, scans, rankings and toys of this run's scores, shown as sections.
    extra : sequence of Section
        Sections of later stages, shown before configuration and provenance.
    progress : Progress, optional
        Told of every section.
    command : sequence of str, optional
        The command that makes the report again.

    Returns
    -------
    Path
        The page. Equal inputs and command give equal bytes.

    Raises
    ------
    InputError
        If an input is not what it should be, the predictions were not made from the run and the dataset, no jet has a
        label, or ``out`` exists.
    """
    run, predictions = Run.open(run_path), Predictions.read(predictions_path)
    dataset = None if dataset_path is None else Dataset.open(dataset_path)
    _check_origin(predictions_path, run, dataset)
    if predictions.classes != tuple(run.classes):
        raise InputError(
            f"{predictions_path}: classes {', '.join(predictions.classes)} are not those of {run_path}, "
            f"{', '.join(run.classes)}"
        )
    figures, context = read_metrics(predictions_path)
    if not figures.has_figures:
        raise InputError(f"{predictions_path}: no jet has a label; a report needs the true classes")
    sources = [path for path in (dataset_path, run_path, predictions_path, *measurements) if path is not None]
    reporter = SilentProgress() if progress is None else progress
    with building(out, kind="report", config={}, inputs=sources, command=command) as folder:
        reporter.start("report", None, "sections")
        try:
            sections: list[Section] = []
            for section in _sections(run, predictions, figures, context, dataset):
                sections.append(section)
                reporter.advance()
            sections += [*measurement_sections(measurements), *extra]
            sections.append(configuration_section(run.config, run.routing))
            sections.append(reproduction_section([(path, read_manifest(path)) for path in sources], command))
            write_page(folder, sections, run_path.name, _subtitle(figures, context))
            if measurements:
                write_hepdata(measurements, folder / HEPDATA_NAME)
        finally:
            reporter.finish()
    return out / PAGE_NAME


def read_metrics(predictions_path: Path) -> tuple[Evaluation, dict[str, Any]]:
    """Figures of a predictions artifact, and the whole content of its ``metrics.json``.

    Parameters
    ----------
    predictions_path : Path
        The artifact.

    Returns
    -------
    Evaluation
        The figures.
    dict
        The document, with the split and what was cut away.

    Raises
    ------
    InputError
        If the document is absent or damaged.
    """
    figures, document = Evaluation.read(predictions_path), predictions_path / METRICS_NAME
    context = json.loads(document.read_text(encoding="utf-8"))
    if context.get("split") not in (*SPLITS, "all") or not isinstance(context.get("max_particles"), int):
        raise InputError(f"{document}: split or max_particles is missing; evaluate the run again")
    return figures, context


def _check_origin(predictions_path: Path, run: Run, dataset: Dataset | None) -> None:
    """Refuse predictions that were made from another run or dataset."""
    origins = set(read_manifest(predictions_path, "predictions").inputs.values())
    for artifact in (run, dataset):
        if artifact is not None and artifact.manifest.content_hash not in origins:
            raise InputError(
                f"{artifact.path}: {predictions_path} was not made from it; the {artifact.manifest.kind} "
                "that was evaluated is needed"
            )


def _sections(
    run: Run, predictions: Predictions, figures: Evaluation, context: Mapping[str, Any], dataset: Dataset | None
) -> Iterator[Section]:
    """Sections of the standard page, one after the other."""
    jets = predictions.labelled()
    yield headline_section(figures, context)
    yield roc_section(figures)
    yield scores_section(jets, figures.background)
    yield confusion_section(figures)
    yield calibration_section(jets, figures)
    yield curves_section(run.metrics())
    if dataset is not None:
        if any(len(dataset.rows(index, "train")) for index in range(dataset.num_shards)):
            is_training_data = dataset.manifest.content_hash in run.manifest.inputs.values()
            limits = context["split"], context["max_particles"]
            yield inputs_section(dataset, run.schema, *limits, is_training_data=is_training_data)
        yield gallery_section(predictions, dataset)


def build_measurement_report(
    measurements: Sequence[Path],
    out: Path,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Make a ``report`` artifact of fits, limits, scans, rankings and toys.

    Parameters
    ----------
    measurements : sequence of Path
        Artifacts, shown in this order; limits of several signals are drawn together.
    out : Path
        Folder to make: the page, ``plots/`` as PNG and PDF, and ``hepdata/`` as a HEPData submission.
    progress : Progress, optional
        Told of the page.
    command : sequence of str, optional
        The command that makes the report again.

    Returns
    -------
    Path
        The page. Equal inputs and command give equal bytes, but for times in the inputs.

    Raises
    ------
    InputError
        If an artifact is of another kind or not complete, or ``out`` exists.
    """
    reporter = SilentProgress() if progress is None else progress
    with building(out, kind="report", config={}, inputs=measurements, command=command) as folder:
        reporter.start("report", None, "sections")
        try:
            sections = measurement_sections(measurements)
            reporter.advance(len(sections))
            sections.append(reproduction_section([(path, read_manifest(path)) for path in measurements], command))
            kinds = ", ".join(dict.fromkeys(read_manifest(path).kind for path in measurements))
            write_page(folder, sections, measurements[0].resolve().name, kinds)
            write_hepdata(measurements, folder / HEPDATA_NAME)
        finally:
            reporter.finish()
    return out / PAGE_NAME


def _subtitle(figures: Evaluation, context: Mapping[str, Any]) -> str:
    signals = ", ".join(name for name in figures.classes if name != figures.background)
    return f"{signals} against {figures.background} · {figures.num_jets:,} jets of the {context['split']} split"


def write_page(folder: Path, sections: Sequence[Section], title: str, subtitle: str) -> None:
    """Write the page, and the plots beside it."""
    plots = folder / "plots"
    plots.mkdir()
    for section in sections:
        for plot in section.figures:
            for ending, content in (("png", plot.png), ("pdf", plot.pdf)):
                with atomic_write(plots / f"{plot.name}.{ending}") as stream:
                    stream.write(content)
    with atomic_write(folder / PAGE_NAME, "w") as stream:
        stream.write(render_page(title, subtitle, sections))
