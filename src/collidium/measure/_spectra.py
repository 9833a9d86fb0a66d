"""Published spectra as counts in bins, and pairs of open data as such."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collidium.artifact import InputError
from collidium.measure._binned import Spectrum

_COLUMNS = ("x", "y", "bin_widths_1d")
# part of a bin by which neighbours may miss each other
_JOINT = 1e-3
# counts that far from whole numbers are not counts
_WHOLE = 0.1


@dataclass(frozen=True, kw_only=True)
class PublishedSpectrum:
    """What the numbers of a published table are.

    Attributes
    ----------
    is_density : bool
        Whether y is per GeV.
    exposure : float
        Events for each unit of y (times GeV for densities): an integrated luminosity, or 1.
    first_edge : float or None, GeV
        Lower end of the first bin, for tables whose widths do not join their bins.
    """

    is_density: bool
    exposure: float = 1.0
    first_edge: float | None = None


def read_published(path: Path, table: PublishedSpectrum) -> Spectrum:
    """Read a spectrum with columns x, y and bin_widths_1d.

    Parameters
    ----------
    path : Path
        CSV file: x in the middle of each bin in GeV.
    table : PublishedSpectrum
        What y is.

    Returns
    -------
    Spectrum
        Whole numbers of events.

    Raises
    ------
    InputError
        If the file is not such a table, its bins do not join, or y is not made of whole numbers of events.

    Notes
    -----
    With a first edge e_0 the others follow from the middles: e_(b+1) = 2 x_b - e_b.
    """
    values = _numbers(path)
    x, y, width = values["x"], values["y"], values["bin_widths_1d"]
    if table.first_edge is None:
        edges = np.append(x - width / 2.0, x[-1] + width[-1] / 2.0)
        gap = np.abs(x[:-1] + width[:-1] / 2.0 - edges[1:-1])
        if np.any(gap > _JOINT * width[:-1]):
            place = int(np.argmax(gap > _JOINT * width[:-1]))
            raise InputError(f"{path}: the bins at {x[place]:g} and {x[place + 1]:g} GeV do not join")
    else:
        edges = np.empty(len(x) + 1)
        edges[0] = table.first_edge
        for b, middle in enumerate(x):
            edges[b + 1] = 2.0 * middle - edges[b]
    events = y * table.exposure * (np.diff(edges) if table.is_density else 1.0)
    counts = np.round(events)
    # a table of five digits cannot give large counts to the last event
    off = np.abs(events - counts) > _WHOLE + 1e-4 * np.abs(events)
    if np.any(off):
        place = int(np.argmax(off))
        raise InputError(
            f"{path}: the bin at {x[place]:g} GeV has {events[place]:.3f} events; whole numbers are needed"
        )
    return Spectrum.of(path.name, edges, counts)


def _numbers(path: Path) -> dict[str, np.ndarray]:
    """Columns of the table."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if not rows:
        raise InputError(f"{path}: has no rows below its header")
    found = {}
    for name in _COLUMNS:
        if rows[0].get(name) is None:
            raise InputError(f"{path}: no column {name!r}; a published spectrum has {', '.join(_COLUMNS)}")
        try:
            found[name] = np.array([float(row[name]) for row in rows])
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: column {name!r} holds something that is no number") from error
        if not np.all(np.isfinite(found[name])):
            raise InputError(f"{path}: column {name!r} has a value that is NaN or infinite")
    return found
