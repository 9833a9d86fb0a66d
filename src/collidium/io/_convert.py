"""From files of any format to a dataset artifact whose shards mix the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collidium.artifact import InputError, Progress, SilentProgress, building, unknown
from collidium.cloud import Column, DatasetWriter, Jets, columns_of
from collidium.io._formats import FORMATS, Format, detect_format

JETS_PER_SHARD = 16_384
_STEPS_PER_SHARD = 4
_LARGEST_STEP = 4096
_SMALLEST_STEP = 64


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """What decides the content of a converted dataset, besides the input files.

    Attributes
    ----------
    formats : tuple of str
        Format of each input.
    collection : str or None
        Jet collection of formats that have several.
    classes : tuple of str or None
        The classes kept, in this order; None keeps all jets, unlabelled ones too.
    jets_per_shard : int
        Jets in each shard but the last.
    max_jets : int or None
        Jets in all.
    seed : int
        Decides the order of inputs of equal progress and of the jets in each shard.

    Raises
    ------
    InputError
        If a count is below 1, the seed negative, or a class named twice.
    """

    formats: tuple[str, ...]
    collection: str | None
    classes: tuple[str, ...] | None
    jets_per_shard: int
    max_jets: int | None
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("jets_per_shard", 1), ("max_jets", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}, at least {least} is needed")
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise InputError(f"classes {', '.join(self.classes)}: a class is named twice")


@dataclass(kw_only=True)
class _Source:
    """An input being read."""

    path: Path
    format: Format
    num_entries: int
    step: int
    rank: int
    parts: Iterator[Jets]
    first: Jets
    done: int = 0

    @property
    def place(self) -> tuple[float, int]:
        """Fraction of the entries that will be handed over after the next step, then the rank among equals."""
        return (self.done + self.step) / self.num_entries, self.rank

    def next(self) -> tuple[Jets, int]:
        """The next jets and the number of entries they come from."""
        jets = next(self.parts) if self.done else self.first
        num_entries = len(jets) if self.format.entry == "jet" else min(self.step, self.num_entries - self.done)
        self.done += num_entries
        if self.is_done:
            next(self.parts, None)
        return jets, num_entries

    @property
    def is_done(self) -> bool:
        """Whether every entry was handed over."""
        return self.done >= self.num_entries


def convert(
    inputs: Sequence[Path],
    out: Path,
    *,
    format: str | None = None,  # noqa: A002  (the word that the user types)
    collection: str | None = None,
    classes: Sequence[str] | None = None,
    jets_per_shard: int = JETS_PER_SHARD,
    max_jets: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Write files of any known format as a dataset artifact.

    Parameters
    ----------
    inputs : sequence of Path
        Data files or dataset folders; all must give the same columns. Classes are joined by name.
    out : Path
        The artifact to write; must not exist.
    format : str, optional
        Name in ``FORMATS``; found from each file's content by default.
    collection : str, optional
        For formats that offer several (NanoAOD): ``AK4`` (default), ``AK8``, ``event``, ...
    classes : sequence of str, optional
        Keep only jets of these classes and number them in this order; by default every jet is kept, unlabelled ones
        too.
    jets_per_shard : int
        Jets in each shard.
    max_jets : int, optional
        Stop after so many jets.
    seed : int
        Order of the jets within each shard.
    progress : Progress, optional
        Told of the entries read.
    command : sequence of str, optional
        Recorded in the manifest.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        If an input is missing, damaged, of no known format or given twice, lacks a column, holds invalid jets, or
        nothing is left to write. Nothing is left behind.

    Notes
    -----
    Inputs are read in small steps, always from the one that will then have given the smallest fraction of its entries,
    so every shard holds all inputs in about the proportion of their sizes. At most one shard and one step of each input
    are in memory. The content is a function of the inputs' content and order and of the arguments.

    Examples
    --------
    >>> convert([Path("no/such.root")], Path("out"))
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: no/such.root: no such file or folder
    """
    formats = _formats_of(inputs, format, collection)
    config = ConvertConfig(
        formats=tuple(item.name for item in formats),
        collection=collection,
        classes=None if classes is None else tuple(classes),
        jets_per_shard=jets_per_shard,
        max_jets=max_jets,
        seed=seed,
    )
    watcher = progress or SilentProgress()
    with building(out, kind="dataset", config=config, inputs=inputs, seed=seed, command=command) as folder:
        sources = _open_sources(inputs, formats, config)
        known, columns = _common_layout(sources)
        classes = _kept_classes(known, config)
        writer = DatasetWriter(folder, columns, classes)
        written = 0
        watcher.start("convert", sum(source.num_entries for source in sources), "entries")
        try:
            for index, shard in enumerate(_shards(sources, config, classes, watcher)):
                writer.write_shard(index, shard)
                written += len(shard)
        finally:
            watcher.finish()
        if not written:
            raise InputError(f"{', '.join(map(str, inputs))}: no jets to write")
    return out


def _formats_of(inputs: Sequence[Path], name: str | None, collection: str | None) -> list[Format]:
    """Format of each input, checked against the collection asked for."""
    if not inputs:
        raise InputError("inputs: none given, at least one file or dataset is needed")
    if name is not None and name not in FORMATS:
        raise unknown("format", name, FORMATS)
    resolved = [path.resolve() for path in inputs]
    twice = [path for i, path in enumerate(inputs) if resolved[i] in resolved[:i]]
    if twice:
        raise InputError(f"{twice[0]}: given twice; its jets would be counted twice")
    formats = []
    for path in inputs:
        item = detect_format(path)
        if name is not None and item.name != name:
            raise InputError(f"{path}: is in format {item.name}, not {name}")
        if collection is not None and collection not in item.collections:
            offered = ", ".join(item.collections) or "only one, which has no name"
            raise InputError(f"{path}: collection {collection!r} is not in format {item.name} (offered: {offered})")
        formats.append(item)
    return formats


def _open_sources(inputs: Sequence[Path], formats: Sequence[Format], config: ConvertConfig) -> list[_Source]:
    """Open the inputs that have entries, each with its first jets read; the seed ranks them."""
    step = int(np.clip(config.jets_per_shard // (_STEPS_PER_SHARD * len(inputs)), _SMALLEST_STEP, _LARGEST_STEP))
    ranks = np.random.default_rng([config.seed, 0]).permutation(len(inputs)).tolist()
    sources = []
    for path, item, rank in zip(inputs, formats, ranks, strict=True):
        num_entries = item.count(path, config.collection)
        if not num_entries:
            continue
        parts = item.read(path, config.collection, step)
        first = next(parts)
        sources.append(
            _Source(path=path, format=item, num_entries=num_entries, step=step, rank=rank, parts=parts, first=first)
        )
    if not sources:
        raise InputError(f"{', '.join(map(str, inputs))}: no entries")
    return sources


def _common_layout(sources: Sequence[_Source]) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    """The classes of all sources together and the columns that all must have."""
    first = sources[0]
    columns = columns_of(first.first)
    names = {column.name for column in columns}
    for source in sources:
        other = {column.name for column in columns_of(source.first)}
        for name in sorted(names ^ other):
            has, lacks = (first, source) if name in names else (source, first)
            raise InputError(f"{lacks.path}: column {name} is missing, {has.path} has it; convert them apart")
    return tuple(dict.fromkeys(name for source in sources for name in source.first.classes)), columns


def _kept_classes(known: tuple[str, ...], config: ConvertConfig) -> tuple[str, ...]:
    """Classes of the dataset."""
    for name in config.classes or ():
        if name not in known:
            raise unknown("class", name, known)
    return known if config.classes is None else config.classes


def _shards(
    sources: Sequence[_Source], config: ConvertConfig, classes: tuple[str, ...], progress: Progress
) -> Iterator[Jets]:
    """Full shards of mixed jets, and a smaller last one."""
    left = np.inf if config.max_jets is None else config.max_jets
    pending: list[Jets] = []
    number = 0
    for jets in _mixed(sources, progress):
        pending.append(_relabelled(jets, classes, is_selection=config.classes is not None))
        while sum(map(len, pending)) >= min(config.jets_per_shard, left) and left > 0:
            size = int(min(config.jets_per_shard, left))
            shard, rest = _cut(Jets.concat(pending), size, np.random.default_rng([config.seed, 1, number]))
            yield shard
            pending, number, left = [rest], number + 1, left - size
        if left <= 0:
            return
    if sum(map(len, pending)):
        jets = Jets.concat(pending)
        yield _cut(jets, len(jets), np.random.default_rng([config.seed, 1, number]))[0]


def _mixed(sources: Sequence[_Source], progress: Progress) -> Iterator[Jets]:
    """Jets of all sources, the next step always from the one that it takes least far."""
    active = list(sources)
    while active:
        source = min(active, key=lambda item: item.place)
        jets, num_entries = source.next()
        progress.advance(num_entries)
        if source.is_done:
            active.remove(source)
        yield jets


def _cut(jets: Jets, size: int, generator: np.random.Generator) -> tuple[Jets, Jets]:
    """A random part of ``size`` jets, and the rest in its order."""
    order = generator.permutation(len(jets))
    return jets.take(order[:size]), jets.take(np.sort(order[size:]))


def _relabelled(jets: Jets, classes: tuple[str, ...], *, is_selection: bool) -> Jets:
    """The jets with labels that count in ``classes``; in a selection only those that have one."""
    table = np.array([classes.index(name) if name in classes else -1 for name in jets.classes] + [-1])
    label = table[jets.scalars["label"]]
    relabelled = Jets(jets.offsets, jets.particles, {**jets.scalars, "label": label}, classes)
    return relabelled.take(np.flatnonzero(label >= 0)) if is_selection else relabelled
