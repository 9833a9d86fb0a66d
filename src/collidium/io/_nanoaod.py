"""What the NanoAOD readers share: the event tree, true flavours, weights, links between collections."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, unknown
from collidium.cloud import Jets, jet_ids
from collidium.io._kinematics import momenta
from collidium.io._root import Block, Tree, open_tree, summary_of
from collidium.io._source import container_of

TREE = "Events"
FLAVOURS = ("uds", "g", "c", "b")
MM_PER_CM = 10.0
_GLUON, _LIGHT = 21, (1, 2, 3)
_log = logging.getLogger(__name__)


def has_event_branch(path: Path, names: Iterable[str]) -> bool:
    """Tell whether a file is a ROOT file whose ``Events`` tree has one of these branches."""
    if container_of(path) != "root":
        return False
    summary = summary_of(path, TREE)
    return summary is not None and not set(summary.branches).isdisjoint(names)


@contextmanager
def events_of(path: Path) -> Iterator[Tree]:
    """The ``Events`` tree of a file."""
    with open_tree(path, TREE) as tree:
        if tree is None:
            raise InputError(f"{path}: tree {TREE} is missing")
        yield tree


def count_events(path: Path, collection: str | None) -> int:
    """Number of events in the file."""
    summary = summary_of(path, TREE)
    if summary is None:
        raise InputError(f"{path}: tree {TREE} is missing")
    return summary.num_entries


def chosen_collection(path: Path, collection: str | None, allowed: tuple[str, ...]) -> str:
    """The collection to read: the first allowed one by default."""
    if collection is None:
        return allowed[0]
    if collection not in allowed:
        raise unknown(f"collection for {path}:", collection, allowed)
    return collection


def weights(block: Block, owner: NDArray[np.int64]) -> NDArray[Any]:
    """Generator weight of the event of each jet, 1 in data; ``owner`` (N,) is the jets' event in the block."""
    if "genWeight" not in block.arrays:
        return np.ones(len(owner))
    return np.asarray(block.scalar("genWeight")[owner])


def jet_numbers(stream: int, block: Block, owner: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number jets so that those of one event share a split.

    Parameters
    ----------
    stream : int
        Identity of the file and collection.
    block : Block
        Events.
    owner : ndarray of int64, (N,)
        Event of each jet in the block, ascending.

    Returns
    -------
    ndarray of uint64, (N,)
        As :func:`collidium.cloud.jet_ids`.
    """
    member = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return jet_ids(stream, block.start + owner, member)


def flavour_labels(hadron: NDArray[np.integer], parton: NDArray[np.integer]) -> NDArray[np.int64]:
    """Index into ``FLAVOURS`` from CMS's two flavour definitions.

    Parameters
    ----------
    hadron : ndarray of int, (N,)
        5 with a b hadron in the jet, else 4 with a c hadron, else 0.
    parton : ndarray of int, (N,)
        Signed PDG number of the matched parton, 0 without one.

    Returns
    -------
    ndarray of int64, (N,)
        b and c from the hadrons; gluon and light quark from the parton where there is no heavy hadron; -1 where
        neither is defined (pile-up, or a heavy parton without its hadron).

    Examples
    --------
    >>> flavour_labels(np.array([5, 4, 0, 0, 0, 0]), np.array([21, 4, 21, -1, 0, 5])).tolist()
    [3, 2, 1, 0, -1, -1]
    """
    light = np.isin(np.abs(parton), _LIGHT)
    return np.select([hadron == 5, hadron == 4, parton == _GLUON, light], [3, 2, 1, 0], default=-1)


def linked(
    block: Block, branch: str, owner: NDArray[np.int64], target: NDArray[np.int64], target_name: str
) -> NDArray[np.int64]:
    """Turn an index within the event into a row of the target's flat columns.

    Parameters
    ----------
    block : Block
        Events.
    branch : str
        Branch with the index.
    owner : ndarray of int64, (M,)
        Event of each entry of the branch.
    target : ndarray of int64, (number of events + 1,)
        Offsets of the target collection.
    target_name : str
        Named in messages.

    Returns
    -------
    ndarray of int64, (M,)
        Rows, -1 where the index is negative (no link).

    Raises
    ------
    InputError
        If an index points behind the end of the target's list.
    """
    index = block.flat(branch).astype(np.int64)
    beyond = np.flatnonzero(index >= np.diff(target)[owner])
    if len(beyond):
        raise InputError(
            f"{block.source}: branch {branch} is {index[beyond[0]]} in event {block.start + owner[beyond[0]]}, "
            f"which has {np.diff(target)[owner[beyond[0]]]} {target_name}"
        )
    return np.where(index < 0, -1, target[:-1][owner] + index)


def owners(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Event of each entry of a list column, (T,)."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def raw_jets(block: Block, name: str) -> dict[str, NDArray[np.float64]]:
    """Jet columns before the energy correction: what the constituents add up to.

    Parameters
    ----------
    block : Block
        Events with the branches pt, eta, phi, mass, rawFactor of the collection.
    name : str
        ``Jet`` or ``FatJet``.

    Returns
    -------
    dict of str to ndarray of float64, (N,)
        ``jet_pt``, ``jet_eta``, ``jet_phi``, ``jet_energy``.
    """
    pt, eta, phi, mass, correction = (
        block.flat(f"{name}_{part}").astype(np.float64) for part in ("pt", "eta", "phi", "mass", "rawFactor")
    )
    pt, mass = pt * (1 - correction), mass * (1 - correction)
    return {"jet_pt": pt, "jet_eta": eta, "jet_phi": phi, "jet_energy": momenta(pt, eta, phi, mass)["part_energy"]}


def report_dropped(path: Path, dropped: int, total: int, what: str) -> None:
    """Log how many clouds had no particles and were left out."""
    if dropped:
        _log.warning("%s: %d of %d %s left out", path, dropped, total, what)


def without_empty(jets: Jets) -> Jets:
    """The jets that have particles."""
    return jets.take(np.flatnonzero(jets.lengths > 0))
