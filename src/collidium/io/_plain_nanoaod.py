"""Plain NanoAOD, without candidates: jets by what is known of their inside, or events of reconstructed objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Jets
from collidium.io._event_cloud import EVENT_BRANCHES, EVENT_OPTIONAL, event_clouds
from collidium.io._jet_composition import COMPOSITION_BRANCHES, COMPOSITION_OPTIONAL, jet_compositions
from collidium.io._nanoaod import (
    chosen_collection,
    events_of,
    has_event_branch,
    jet_numbers,
    report_dropped,
    weights,
    without_empty,
)
from collidium.io._pfnano import recognise_pfnano
from collidium.io._root import Block
from collidium.io._source import checked_jets, stream_of


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to see plain NanoAOD as clouds.

    Attributes
    ----------
    needed, optional : tuple of str
        Branches.
    build : callable
        From a block to its clouds (no ``weight`` and ``event_id`` yet) and the event of each.
    empty : str
        What a cloud without particles is called in the log.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[Block], tuple[Jets, NDArray[np.int64]]]
    empty: str


COLLECTIONS = {
    "AK4": View(
        needed=COMPOSITION_BRANCHES,
        optional=COMPOSITION_OPTIONAL,
        build=jet_compositions,
        empty="AK4 jets without energy",
    ),
    "event": View(
        needed=EVENT_BRANCHES,
        optional=EVENT_OPTIONAL,
        build=event_clouds,
        empty="events without an object",
    ),
}


def recognise_nanoaod(path: Path) -> bool:
    """Tell whether a file is a NanoAOD file without particle-flow candidates."""
    return has_event_branch(path, ["Jet_pt"]) and not recognise_pfnano(path)


def read_nanoaod(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read jets or events of plain NanoAOD.

    Parameters
    ----------
    path : Path
        ROOT file with the tree ``Events``.
    collection : {"AK4", "event"}, optional
        ``AK4`` (default): each jet as the electrons, muons and secondary vertices in it and what remains of its five
        particle-flow energy fractions. ``event``: each event as its jets, electrons, muons and photons.
    step : int
        Events at a time.

    Yields
    ------
    Jets
        The clouds of ``step`` events. Jets carry the flavours uds, g, c, b, the momenta and the species flags (a
        charge or an impact parameter is not known for most parts, so those columns are absent). Events carry the
        classes top, higgs, Z, W, other of their hard process and all columns. Data is unlabelled. Clouds without
        particles are left out and counted in the log.

    Raises
    ------
    InputError
        If a branch is missing, a link points nowhere, or a value is not finite.
    """
    name = chosen_collection(path, collection, tuple(COLLECTIONS))
    view = COLLECTIONS[name]
    stream, seen, dropped = stream_of(path, name), 0, 0
    with events_of(path) as tree:
        tree.require(view.needed)
        for block in tree.blocks((*view.needed, *(set(view.optional) & set(tree.branches))), step):
            jets, event = view.build(block)
            scalars = {"weight": weights(block, event), "event_id": jet_numbers(stream, block, event)}
            kept = without_empty(Jets(jets.offsets, jets.particles, {**jets.scalars, **scalars}, jets.classes))
            seen, dropped = seen + len(jets), dropped + len(jets) - len(kept)
            yield checked_jets(
                f"{path} (counting from event {block.start})", kept.offsets, kept.particles, kept.scalars, kept.classes
            )
    report_dropped(path, dropped, seen, view.empty)
