"""Templates of a score as a HistFactory workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collidium.analysis._config import TemplatesConfig
from collidium.analysis._pseudo_data import OTHER_RATE, Split, signal_factors, split_jets
from collidium.analysis._regions import Region, regions
from collidium.artifact import InputError, unknown

if TYPE_CHECKING:
    from collidium.evaluate import Predictions

Document: TypeAlias = dict[str, object]
POI = "mu"


@dataclass(frozen=True, eq=False)
class Templates:
    """A measurement of a signal strength from scores.

    Attributes
    ----------
    document : dict
        Workspace in pyhf's JSON: templates, uncertainties, pseudo-data.
    regions : tuple of Region
        Signal and control region.
    signal, background : str
        Names of the classes.
    split : Split
        Which jets are templates and which pseudo-data.
    """

    document: Document
    regions: tuple[Region, Region]
    signal: str
    background: str
    split: Split


def score_templates(predictions: Predictions, config: TemplatesConfig) -> Templates:
    """Build the workspace of a tagger's signal probability.

    Parameters
    ----------
    predictions : Predictions
        Labelled jets that the tagger has not been trained on.
    config : TemplatesConfig
        Classes, regions, uncertainties, pseudo-data.

    Returns
    -------
    Templates
        The signal scales with ``mu``; the background with a free factor that the control region measures.

    Raises
    ------
    InputError
        If a class is unknown or has no jets, or there are too few jets for regions or pseudo-data.

    Notes
    -----
    Uncertainties: ``luminosity``, ``efficiency`` (signal moves between the regions), ``mistag`` (background of the
    signal region against the control region), ``other_rate`` of all other classes, and the statistical ones of the
    templates in each bin.

    Examples
    --------
    >>> from collidium.evaluate import Predictions
    >>> generator = np.random.default_rng(0)
    >>> label = np.repeat([0, 1], 2000)
    >>> score = np.where(label == 1, generator.beta(5, 1, 4000), generator.beta(1, 5, 4000))
    >>> predictions = Predictions(
    ...     np.arange(4000, dtype=np.uint64), label, np.ones(4000), np.stack([1 - score, score], axis=1), ("QCD", "top")
    ... )
    >>> templates = score_templates(predictions, TemplatesConfig())
    >>> templates.signal, [channel["name"] for channel in templates.document["channels"]]
    ('top', ['signal_region', 'control_region'])
    """
    jets = predictions.labelled().by_event()
    signal, background = _roles(jets.classes, config)
    names = [signal, background, *(name for name in jets.classes if name not in (signal, background))]
    of_class = {name: jets.label == jets.classes.index(name) for name in names}
    for name in (signal, background):
        if not jets.weight[of_class[name]].sum() > 0.0:
            raise InputError(f"no jet is of class {name}; templates need signal and background")
    score = jets.probabilities[:, jets.classes.index(signal)]
    roles = of_class[signal], of_class[background]
    bins = regions(score, *roles, jets.weight, config)
    split = split_jets(score, *roles, jets.weight, bins, config)
    present = [name for name in names if split.template_weight[of_class[name]].sum() > 0.0]
    for name in (signal, background):
        if name not in present:
            raise InputError(f"no jet of class {name} is left for templates; take more jets")
    cells = {
        (region.name, name): _cell(region, score[of_class[name]], split.template_weight[of_class[name]])
        for region in bins
        for name in present
    }
    document: Document = {
        "channels": [
            {
                "name": region.name,
                "samples": [_sample(region, name, cells, (signal, background), bins, config) for name in present],
            }
            for region in bins
        ],
        "observations": [
            {"name": region.name, "data": region.histogram(score, split.is_observed.astype(np.float64)).tolist()}
            for region in bins
        ],
        "measurements": [{"name": "score", "config": {"poi": POI, "parameters": [_poi(cells, signal, bins)]}}],
        "version": "1.0.0",
    }
    return Templates(document=document, regions=bins, signal=signal, background=background, split=split)


def _roles(classes: tuple[str, ...], config: TemplatesConfig) -> tuple[str, str]:
    """Signal and background class."""
    for kind, name in (("signal class", config.signal), ("background class", config.background)):
        if name is not None and name not in classes:
            raise unknown(kind, name, classes)
    background = config.background or next(
        (name for name in classes if name.lower() == "qcd" and name != config.signal),
        next(name for name in classes if name != config.signal),
    )
    others = [name for name in classes if name != background]
    if config.signal is None and len(others) != 1:
        raise InputError(f"name the signal class; the classes are {', '.join(classes)}")
    signal = config.signal or others[0]
    if signal == background:
        raise InputError(f"{signal} is signal and background; two classes are needed")
    return signal, background


@dataclass(frozen=True, eq=False)
class _Cell:
    """Template of a class in a region: expected jets and their statistical error."""

    events: NDArray[np.float64]
    error: NDArray[np.float64]


def _cell(region: Region, score: NDArray[np.float64], weight: NDArray[np.float64]) -> _Cell:
    return _Cell(region.histogram(score, weight), np.sqrt(region.histogram(score, weight**2)))


def _sample(
    region: Region,
    name: str,
    cells: dict[tuple[str, str], _Cell],
    roles: tuple[str, str],
    bins: tuple[Region, Region],
    config: TemplatesConfig,
) -> Document:
    """One class in one region with its uncertainties."""
    signal, background = roles
    cell, position = cells[region.name, name], bins.index(region)
    modifiers: list[Document] = [
        {"name": f"statistics_{region.name}", "type": "staterror", "data": cell.error.tolist()}
    ]
    if name == signal:
        expected = tuple(float(cells[other.name, name].events.sum()) for other in bins)
        low, high = signal_factors((expected[0], expected[1]), config.efficiency_error)[position]
        modifiers += [_factor(POI), _rate("luminosity", config.luminosity_error), _normsys("efficiency", low, high)]
    elif name == background:
        modifiers.append(_factor(f"norm_{name}"))
        if position == 0:
            modifiers.append(_rate("mistag", config.mistag_error))
    else:
        modifiers.append(_rate(OTHER_RATE, config.rate_error))
    return {"name": name, "data": cell.events.tolist(), "modifiers": modifiers}


def _factor(name: str) -> Document:
    return {"name": name, "type": "normfactor", "data": None}


def _rate(name: str, error: float) -> Document:
    return _normsys(name, 1.0 / (1.0 + error), 1.0 + error)


def _normsys(name: str, low: float, high: float) -> Document:
    return {"name": name, "type": "normsys", "data": {"lo": low, "hi": high}}


def _poi(cells: dict[tuple[str, str], _Cell], signal: str, bins: tuple[Region, Region]) -> Document:
    """Range of the signal strength: down to where the first bin expects nothing, and far up."""
    lowest = -10.0
    for region in bins:
        of_signal = cells[region.name, signal].events
        others = sum(cell.events for (place, name), cell in cells.items() if place == region.name and name != signal)
        has_signal = of_signal > 0.0
        if has_signal.any():
            lowest = max(lowest, -0.9 * float(np.min((others / np.where(has_signal, of_signal, 1.0))[has_signal])))
    return {"name": POI, "inits": [1.0], "bounds": [[min(lowest, 0.0), 100.0]]}
