"""Pulls of the signal strength over pseudo-data of many seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collidium.analysis._config import TemplatesConfig
from collidium.analysis._templates import POI, score_templates
from collidium.measure import HistFactory, Workspace, fit

if TYPE_CHECKING:
    from collidium.evaluate import Predictions


@dataclass(frozen=True, kw_only=True)
class Pull:
    """Signal strength of one set of pseudo-data: ``value`` and ``error`` of its fit, and the distance to the truth."""

    seed: int
    value: float
    error: float
    pull: float


def pulls(predictions: Predictions, config: TemplatesConfig, seeds: Sequence[int]) -> list[Pull]:
    """Fit pseudo-data of several seeds.

    Parameters
    ----------
    predictions : Predictions
        Labelled jets.
    config : TemplatesConfig
        With the true signal strength; its seed is not used.
    seeds : sequence of int
        One split into templates and pseudo-data, and one set of true nuisance parameters, for each.

    Returns
    -------
    list of Pull
        (fitted - true) / error of each: of mean 0 and standard deviation 1 if the errors are right.

    Raises
    ------
    FitError
        If a fit does not converge.
    InputError
        As :func:`score_templates`.
    """
    found = []
    for seed in seeds:
        templates = score_templates(predictions, dataclasses.replace(config, seed=seed))
        result = fit(HistFactory.of(Workspace.parse(templates.document, source=f"pseudo-data of seed {seed}")))
        value, error = result[POI], float(result.errors[result.parameters.index(POI)])
        found.append(Pull(seed=seed, value=value, error=error, pull=(value - config.signal_strength) / error))
    return found
