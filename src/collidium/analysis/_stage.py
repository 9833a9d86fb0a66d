"""Templates of a score as an artifact that every verb on workspaces takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from collidium.analysis._config import TemplatesConfig
from collidium.analysis._templates import Templates, score_templates
from collidium.artifact import InputError, atomic_write, building, json_dumps
from collidium.measure import LABELS_NAME, WORKSPACE_NAME, Cutflow

if TYPE_CHECKING:
    from collidium.evaluate import Predictions

TEMPLATES_NAME = "templates.json"


def make_templates(
    predictions: Path, out: Path, *, config: TemplatesConfig | None = None, command: Sequence[str] | None = None
) -> Path:
    """Make a workspace of the scores of a tagger.

    Parameters
    ----------
    predictions : Path
        Artifact of ``collidium evaluate``.
    out : Path
        Folder to make, with ``workspace.json`` (templates and pseudo-data), ``templates.json`` (bins, truth) and a
        cutflow as text, CSV and LaTeX.
    config : TemplatesConfig, optional
        Classes, regions, uncertainties, pseudo-data.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        If the predictions are no such artifact, a class is unknown, or there are too few jets.
    """
    from collidium.evaluate import Predictions

    config = TemplatesConfig() if config is None else config
    with building(
        out, kind="templates", config=config, inputs=[predictions], seed=config.seed, command=command
    ) as folder:
        jets = Predictions.read(predictions).labelled().by_event()
        try:
            templates = score_templates(jets, config)
        except InputError as error:
            raise InputError(f"{predictions}: {error}") from error
        flow = _cutflow(jets, templates)
        about = {
            "signal": templates.signal,
            "background": templates.background,
            "signal_strength": config.signal_strength,
            "truth": templates.split.truth,
            "edges": {region.name: region.edges.tolist() for region in templates.regions},
            "variable": f"probability of {templates.signal}",
            "num_template_jets": int(np.sum(templates.split.template_weight > 0.0)),
            "num_observed_jets": int(templates.split.is_observed.sum()),
        }
        labels = {
            "data": "pseudo-data",
            "channels": {
                region.name: {"variable": about["variable"], "edges": region.edges.tolist()}
                for region in templates.regions
            },
        }
        contents = {
            WORKSPACE_NAME: json_dumps(templates.document),
            TEMPLATES_NAME: json_dumps(about),
            LABELS_NAME: json_dumps(labels),
            "cutflow.txt": flow.text(),
            "cutflow.csv": flow.csv(),
            "cutflow.tex": flow.latex(),
        }
        for name, content in contents.items():
            with atomic_write(folder / name, "w") as stream:
                stream.write(content)
    return out


def _cutflow(jets: Predictions, templates: Templates) -> Cutflow:
    """Expected jets of each class in the signal region and in its bins, at a signal strength of one."""
    score = jets.probabilities[:, jets.classes.index(templates.signal)]
    weight = templates.split.template_weight
    chosen = {
        name: (weight > 0.0) & (jets.label == number)
        for number, name in enumerate(jets.classes)
        if np.any(weight[jets.label == number] > 0.0)
    }
    cuts = [
        (f"score >= {edge:.4g}", {name: score[index] >= edge for name, index in chosen.items()})
        for edge in templates.regions[0].edges[:-1]
    ]
    weights = {name: weight[index] for name, index in chosen.items()}
    return Cutflow.of(weights, cuts, start="all jets of the templates")
