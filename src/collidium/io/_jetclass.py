"""The ROOT layout of the JetClass dataset: reader and writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, missing_extra
from collidium.cloud import COLUMNS, MOMENTUM_COLUMNS, Dataset, Jets, SplitName, event_ids
from collidium.io._root import Block, open_tree, summary_of
from collidium.io._source import checked_jets, container_of, stream_of

TREE = "tree"
_LABEL = "label_"
_JET_MOMENTUM = ("jet_pt", "jet_eta", "jet_phi", "jet_energy")
_FLAG = "part_is"


def recognise_jetclass(path: Path) -> bool:
    """Tell whether a file is a ROOT file with a tree ``tree`` that has ``part_`` branches."""
    if container_of(path) != "root":
        return False
    summary = summary_of(path, TREE)
    return summary is not None and any(name.startswith("part_") for name in summary.branches)


def count_jetclass(path: Path, collection: str | None) -> int:
    """Number of jets in the file."""
    summary = summary_of(path, TREE)
    if summary is None:
        raise InputError(f"{path}: tree {TREE} is missing")
    return summary.num_entries


def read_jetclass(path: Path, collection: str | None, step: int) -> Iterator[Jets]:
    """Read a file in the ROOT layout of JetClass.

    Parameters
    ----------
    path : Path
        File with the tree ``tree``.
    collection : None
        The format has only one.
    step : int
        Jets at a time.

    Yields
    ------
    Jets
        All ``part_*`` and ``jet_*`` columns that the file has and the registry knows. The class is the ``label_*``
        branch that is set. ``weight`` and ``event_id`` are read where they exist (files by :func:`write_jetclass`);
        else the weight is 1 and the number follows from the file's content and the entry.

    Raises
    ------
    InputError
        If a branch is missing, two labels are set at once, or the jets are invalid.

    References
    ----------
    Qu, Li, Qian, "JetClass: A large-scale dataset for deep learning in jet physics", Zenodo 6619768 (2022).
    """
    with open_tree(path, TREE) as tree:
        if tree is None:
            raise InputError(f"{path}: tree {TREE} is missing")
        tree.require((*MOMENTUM_COLUMNS, *_JET_MOMENTUM))
        labels = [name for name in tree.branches if name.startswith(_LABEL)]
        columns = [name for name in COLUMNS if name in tree.branches and name != "label"]
        stream = stream_of(path)
        for block in tree.blocks([*columns, *labels], step):
            yield _jets(block, columns, labels, stream)


def _jets(block: Block, columns: list[str], labels: list[str], stream: int) -> Jets:
    """One block as jets."""
    source = f"{block.source} (counting from entry {block.start})"
    of_particles = [name for name in columns if COLUMNS[name].scope == "particle"]
    scalars = {name: block.scalar(name) for name in columns if COLUMNS[name].scope == "jet"}
    scalars["label"] = _label(source, [block.scalar(name) for name in labels], len(block))
    scalars.setdefault("weight", np.ones(len(block)))
    scalars.setdefault("event_id", event_ids(stream, len(block), start=block.start))
    return checked_jets(
        source,
        block.shared_offsets(of_particles),
        {name: block.flat(name) for name in of_particles},
        scalars,
        tuple(name.removeprefix(_LABEL) for name in labels),
    )


def _label(source: str, one_hot: list[NDArray[Any]], count: int) -> NDArray[np.int64]:
    """Index of the label that is set; -1 where none is."""
    if not one_hot:
        return np.full(count, -1, dtype=np.int64)
    is_set = np.stack([column != 0 for column in one_hot], axis=1)
    several = np.flatnonzero(is_set.sum(axis=1) > 1)
    if len(several):
        raise InputError(f"{source}: jet {several[0]} has several {_LABEL} branches set, one is allowed")
    return np.where(is_set.any(axis=1), is_set.argmax(axis=1), -1)


def write_jetclass(dataset: Dataset, path: Path, *, split: SplitName = "all") -> Path:
    """Write a dataset in the ROOT layout of JetClass, e.g. for weaver-core.

    Parameters
    ----------
    dataset : Dataset
        The jets.
    path : Path
        The file to write; must not exist.
    split : {"train", "val", "test", "all"}
        Which part.

    Returns
    -------
    Path
        ``path``. Its tree ``tree`` has one entry per jet: ``part_*`` lists (float32 momenta, charge and impact
        parameters, boolean species flags), the derived ``part_deta`` (folded by the sign of the jet's
        pseudorapidity) and ``part_dphi``, ``jet_*`` numbers (float32), one boolean ``label_*`` per class, and
        ``weight`` and ``event_id``, so that :func:`read_jetclass` gives the same jets back.

    Raises
    ------
    InputError
        If ``path`` exists, its folder does not, or the split has no jets.
    """
    try:
        import uproot
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "io") from error
    if path.exists():
        raise InputError(f"{path}: output exists already; choose another name or remove it")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    written = 0
    try:
        with uproot.recreate(temporary) as file:
            for index in range(dataset.num_shards):
                rows = dataset.rows(index, split)
                if not len(rows):
                    continue
                content = _tree_content(dataset.read_shard(index).take(rows))
                if not written:
                    file.mktree(TREE, {name: _branch_type(value) for name, value in content.items()})
                file[TREE].extend(content)
                written += len(rows)
        if not written:
            raise InputError(f"{dataset.path}: the {split} split has no jets")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _branch_type(value: Any) -> Any:
    """What uproot needs to make a branch: the type of a list column, the dtype of a number."""
    return value.type.content if hasattr(value, "layout") else value.dtype


def _tree_content(jets: Jets) -> dict[str, Any]:
    """The branches of a tree: one record of lists under ``part``, numbers under their own names."""
    import awkward as ak

    particles = {
        name: column.astype(bool if name.startswith(_FLAG) else np.float32)
        for name, column in (jets.particles | _derived(jets)).items()
    }
    record = ak.zip({name.removeprefix("part_"): ak.contents.NumpyArray(column) for name, column in particles.items()})
    content: dict[str, Any] = {
        "part": ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(jets.offsets), record.layout))
    }
    for name, column in jets.scalars.items():
        if name == "label":
            content |= {f"{_LABEL}{known}": column == i for i, known in enumerate(jets.classes)}
        else:
            content[name] = np.ascontiguousarray(column)
    return content


def _derived(jets: Jets) -> dict[str, NDArray[np.float64]]:
    """``part_deta`` and ``part_dphi`` of JetClass, from momenta and the jet's direction."""
    px, py, pz = (jets.particles[name].astype(np.float64) for name in MOMENTUM_COLUMNS[:3])
    jet_eta, jet_phi = (
        np.repeat(jets.scalars[name].astype(np.float64), jets.lengths) for name in ("jet_eta", "jet_phi")
    )
    eta = np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-20))
    dphi = np.arctan2(py, px) - jet_phi
    return {
        "part_deta": np.where(jet_eta < 0, jet_eta - eta, eta - jet_eta),
        "part_dphi": dphi - 2 * np.pi * np.floor((dphi + np.pi) / (2 * np.pi)),
    }
