"""The registry of formats and how a file's format is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.io import _pfnano, _plain_nanoaod
from collidium.io._energyflow import count_energyflow, read_energyflow, recognise_energyflow
from collidium.io._hls4ml import count_hls4ml, read_hls4ml, recognise_hls4ml
from collidium.io._jetclass import count_jetclass, read_jetclass, recognise_jetclass
from collidium.io._nanoaod import count_events
from collidium.io._own import count_own, read_own, recognise_own
from collidium.io._source import container_of
from collidium.io._toptagging import count_toptagging, read_toptagging, recognise_toptagging


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that can be read.

    Attributes
    ----------
    name : str
        Key of the registry.
    suffixes : tuple of str
        Usual endings of file names; the content decides, not the name.
    description : str
        One line for people.
    collections : tuple of str
        What a file offers, the default first; empty where there is only one.
    entry : {"jet", "event"}
        What one entry of a file is; an event may hold any number of jets.
    recognise : callable
        ``recognise(path) -> bool``; InputError for a damaged file.
    count : callable
        ``count(path, collection) -> int``: entries in the file.
    read : callable
        ``read(path, collection, step) -> Iterator[Jets]``: the jets of ``step`` entries at a time, checked and with
        particles sorted by pT, with the same columns and classes in every part.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    collections: tuple[str, ...] = ()
    entry: Literal["jet", "event"] = "jet"
    recognise: Callable[[Path], bool]
    count: Callable[[Path, str | None], int]
    read: Callable[[Path, str | None, int], Iterator[Jets]]


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format(
            name="collidium",
            suffixes=("",),
            description="our own dataset folder: re-shard, merge, select",
            recognise=recognise_own,
            count=count_own,
            read=read_own,
        ),
        Format(
            name="jetclass",
            suffixes=(".root",),
            description="JetClass ROOT layout: tree `tree` with part_*, jet_*, label_*",
            recognise=recognise_jetclass,
            count=count_jetclass,
            read=read_jetclass,
        ),
        Format(
            name="toptagging",
            suffixes=(".h5", ".hdf5"),
            description="top-tagging reference HDF5: pandas table of E_i, PX_i, PY_i, PZ_i, is_signal_new",
            recognise=recognise_toptagging,
            count=count_toptagging,
            read=read_toptagging,
        ),
        Format(
            name="hls4ml",
            suffixes=(".h5", ".hdf5"),
            description="hls4ml 150-particle HDF5: jetConstituentList, jets",
            recognise=recognise_hls4ml,
            count=count_hls4ml,
            read=read_hls4ml,
        ),
        Format(
            name="energyflow",
            suffixes=(".npz",),
            description="EnergyFlow quark-gluon npz: X (pT, rapidity, phi, PDG number), y",
            recognise=recognise_energyflow,
            count=count_energyflow,
            read=read_energyflow,
        ),
        Format(
            name="pfnano",
            suffixes=(".root",),
            description="NanoAOD with particle-flow candidates: jets as clouds of candidates",
            collections=tuple(_pfnano.COLLECTIONS),
            entry="event",
            recognise=_pfnano.recognise_pfnano,
            count=count_events,
            read=_pfnano.read_pfnano,
        ),
        Format(
            name="nanoaod",
            suffixes=(".root",),
            description="plain NanoAOD: jets by their composition, or events of reconstructed objects",
            collections=tuple(_plain_nanoaod.COLLECTIONS),
            entry="event",
            recognise=_plain_nanoaod.recognise_nanoaod,
            count=count_events,
            read=_plain_nanoaod.read_nanoaod,
        ),
    )
}


def detect_format(path: Path) -> Format:
    """Find the format of a file by its content.

    Parameters
    ----------
    path : Path
        A data file or the folder of a dataset.

    Returns
    -------
    Format
        The first of ``FORMATS`` that recognises it.

    Raises
    ------
    InputError
        If there is no such file, it is empty, damaged or truncated, or of no known format.

    Examples
    --------
    >>> detect_format(Path("no/such.root"))
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: no/such.root: no such file or folder
    """
    container = container_of(path)
    for item in FORMATS.values():
        if item.recognise(path):
            return item
    found = f"a {container} file of another layout" if container else "neither ROOT, HDF5 nor npz"
    raise InputError(f"{path}: unknown format ({found}; readable: {', '.join(FORMATS)})")
