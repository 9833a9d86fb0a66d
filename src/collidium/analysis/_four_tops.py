"""A four-top search: a score in the signal region, and control regions that measure the backgrounds' normalisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError

Document: TypeAlias = dict[str, object]
POI = "mu"
SIGNAL = "tttt"
# background -> factor that the data measure; ttW has one for each charge, with a common scaling
FREE_FACTORS: Mapping[str, str] = {
    "HF_e": "NF_HF_e",
    "HF_mu": "NF_HF_mu",
    "material": "NF_material",
    "low_m": "NF_low_m",
}
SCALED: Mapping[str, str] = {"ttW_plus": "NF_ttW_plus", "ttW_minus": "NF_ttW_minus"}
# yields with j + 1 over those with j jets in simulation: a0 + a1 / (1 + (j - 4))
JET_REFERENCE = (0.25, 0.25)


@dataclass(frozen=True, eq=False)
class FourTopRegion:
    """Templates of one region.

    Attributes
    ----------
    name : str
        The region.
    samples : dict of str to ndarray, (M,), events
        Expected events of each sample.
    errors : dict of str to ndarray, (M,), events
        Their statistical errors.
    observed : ndarray, (M,), events
        Counts.
    jets : ndarray of int, (M,), or dict of str to ndarray, (M, J)
        Number of jets of each bin; or, by sample, the share of each bin's events with each number of jets, where the
        first number is four.
    """

    name: str
    samples: dict[str, NDArray[np.float64]]
    errors: dict[str, NDArray[np.float64]]
    observed: NDArray[np.float64]
    jets: NDArray[np.int64] | dict[str, NDArray[np.float64]]


def four_top_document(regions: Sequence[FourTopRegion], *, rate_errors: Mapping[str, float]) -> Document:
    """Write the regions of a four-top search as a workspace.

    Parameters
    ----------
    regions : sequence of FourTopRegion
        Signal region, whose bins are those of a classifier's score, and control regions.
    rate_errors : mapping of str to float, 1
        Relative uncertainty of the normalisation of samples without a free factor.

    Returns
    -------
    dict
        JSON of a workspace with ``mu`` on ``tttt``, free factors of ``HF_e``, ``HF_mu``, ``material`` and ``low_m``,
        and the scaling of ``ttW_plus`` and ``ttW_minus`` with the number of jets.

    Raises
    ------
    InputError
        If no region has the signal, or a background has neither a factor nor an uncertainty.

    References
    ----------
    ATLAS Collaboration, Observation of four-top-quark production in the multilepton final state, Eur. Phys. J. C 83
    (2023) 496, arXiv:2303.15061, sections 6 and 8.

    Examples
    --------
    >>> region = FourTopRegion(
    ...     "SR", {"tttt": np.array([4.0]), "ttW_plus": np.array([9.0])}, {}, np.array([14.0]), np.array([6])
    ... )
    >>> sorted(four_top_document([region], rate_errors={}))
    ['channels', 'measurements', 'observations', 'version']
    """
    if not any(SIGNAL in region.samples for region in regions):
        raise InputError(f"no region has the sample {SIGNAL!r}; a signal is needed")
    return {
        "channels": [
            {"name": region.name, "samples": [_sample(region, name, rate_errors) for name in region.samples]}
            for region in regions
        ],
        "observations": [{"name": region.name, "data": region.observed.tolist()} for region in regions],
        "measurements": [{"name": "four_tops", "config": {"poi": POI, "parameters": []}}],
        "version": "1.0.0",
    }


def score_region(
    name: str,
    edges: ArrayLike,
    samples: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    observed: ArrayLike,
    *,
    most_jets: int = 10,
) -> FourTopRegion:
    """Make the signal region from the scores of events.

    Parameters
    ----------
    name : str
        The region.
    edges : ndarray, (M + 1,), 1
        Bins of the score; scores outside go to the end bins.
    samples : mapping of str to (score, weight, number of jets), each (N,)
        Simulated events of each sample, e.g. from the predictions of ``collidium evaluate``.
    observed : ndarray, (N,), 1
        Scores of the data.
    most_jets : int
        Events with more jets count as having so many.

    Returns
    -------
    FourTopRegion
        Templates, statistical errors, and the shares of each number of jets.

    Examples
    --------
    >>> region = score_region("SR", [0.0, 0.5, 1.0], {"tttt": ([0.9, 0.8], [1.0, 2.0], [7, 8])}, [0.7])
    >>> region.samples["tttt"].tolist(), region.observed.tolist()
    ([0.0, 3.0], [0.0, 1.0])
    """
    borders = np.asarray(edges, dtype=np.float64)
    templates, errors, shares = {}, {}, {}
    M = len(borders) - 1
    for sample, columns in samples.items():
        score, weight, jets = (np.asarray(column, dtype=np.float64) for column in columns)
        index = _bin_of(score, borders)
        templates[sample] = np.bincount(index, weight, M).astype(np.float64)
        errors[sample] = np.sqrt(np.bincount(index, weight**2, M))
        number = np.clip(jets.astype(np.int64), 4, most_jets) - 4
        counts = np.bincount(index * (most_jets - 3) + number, weight, M * (most_jets - 3)).reshape(M, -1)
        total = counts.sum(axis=1, keepdims=True)
        # an empty bin scales as one of four jets
        shares[sample] = np.where(total > 0.0, counts / np.where(total > 0.0, total, 1.0), np.eye(1, most_jets - 3))
    seen = np.bincount(_bin_of(np.asarray(observed, dtype=np.float64), borders), minlength=M).astype(np.float64)
    return FourTopRegion(name, templates, errors, seen, shares)


def _bin_of(score: NDArray[np.float64], borders: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.clip(np.searchsorted(borders, score, side="right") - 1, 0, len(borders) - 2)


def _sample(region: FourTopRegion, name: str, rate_errors: Mapping[str, float]) -> Document:
    modifiers: list[Document] = []
    if name in region.errors:
        modifiers.append(
            {"name": f"statistics_{region.name}", "type": "staterror", "data": region.errors[name].tolist()}
        )
    if name == SIGNAL:
        modifiers.append({"name": POI, "type": "normfactor", "data": None})
    elif name in FREE_FACTORS:
        modifiers.append({"name": FREE_FACTORS[name], "type": "normfactor", "data": None})
    elif name in SCALED:
        modifiers.append({"name": SCALED[name], "type": "jet_scaling", "data": _scaling(region, name)})
    elif name not in rate_errors:
        known = ", ".join([SIGNAL, *FREE_FACTORS, *SCALED])
        raise InputError(f"sample {name!r} has no entry in rate_errors, and is none of {known}")
    if name in rate_errors:
        error = rate_errors[name]
        modifiers.append(
            {"name": f"rate_{name}", "type": "normsys", "data": {"lo": 1.0 / (1.0 + error), "hi": 1.0 + error}}
        )
    return {"name": name, "data": region.samples[name].tolist(), "modifiers": modifiers}


def _scaling(region: FourTopRegion, name: str) -> Document:
    """Data of the modifier ``jet_scaling``."""
    if isinstance(region.jets, dict):
        shares = region.jets[name]
        numbers = list(range(4, 4 + shares.shape[1]))
        return {"jets": numbers, "fractions": shares.tolist(), "reference": list(JET_REFERENCE)}
    return {"jets": region.jets.tolist(), "reference": list(JET_REFERENCE)}
