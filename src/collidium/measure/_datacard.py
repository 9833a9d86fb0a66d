"""Text datacards of CMS Combine: counting, templates in ROOT files, and densities."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from collidium.artifact import InputError
from collidium.measure._card_columns import Column, stacked, varied
from collidium.measure._card_rates import RateLine, multiply_rates
from collidium.measure._card_shapes import DATA, CardShapes, Density, Events
from collidium.measure._card_statistics import StatisticsLine, statistics_modifiers
from collidium.measure._card_words import constrained, factors, freed, number, settings
from collidium.measure._custom import BinFactor
from collidium.measure._parameters import Parameter
from collidium.measure._parametric import Observable
from collidium.measure._pointer import Place
from collidium.measure._templates import Template
from collidium.measure._workspace import (
    Channel,
    Measurement,
    Modifier,
    ParameterSettings,
    Sample,
    Workspace,
)

SIGNAL_STRENGTH = "r"
_SIGNAL_BOUNDS = (0.0, 20.0)
_HEADS = ("imax", "jmax", "kmax")
_SYSTEMATICS = ("lnN", "gmN", "shape")
_OTHERS = ("rateParam", "param", "flatParam", "group", "autoMCStats")
_RATE_TOLERANCE = 0.05
# relative difference of a rate and the integral of its template
_INTEGRAL_TOLERANCE = 0.01


def is_datacard(text: str) -> bool:
    """Tell a datacard from other text: its first word is ``imax``, after comments and rules.

    Examples
    --------
    >>> is_datacard("# a card" + chr(10) + "imax 1"), is_datacard("{}")
    (True, False)
    """
    return next((words[0] for _, words in _lines(text)), "") in _HEADS


def parse_datacard(text: str, *, source: str = "datacard", folder: Path | None = None) -> Workspace:
    """Read a datacard.

    Parameters
    ----------
    text : str
        The card.
    source : str
        Named in messages.
    folder : Path, optional
        Where relative paths of ``shapes`` lines begin, by default where the program runs.

    Returns
    -------
    Workspace
        Channels with the bins of their templates, one bin where events are counted, or the bins of an observable (320
        if it states none) where processes are densities. Processes with a number of zero or less carry the signal
        strength ``r``.

    Raises
    ------
    InputError
        With the number of the line that is wrong or not supported.

    Notes
    -----
    ``lnN k`` scales a rate by k^theta, ``lnN down/up`` by exp(theta [a + h p(2 theta)]) with the mean a and half the
    difference h of ln up and -ln down, and p a smooth step from -1 to 1 over |theta| < 1/2. ``gmN N alpha`` is
    alpha times the expectation of a sideband in which N events were seen. ``shape`` changes the parts of the bins by
    code 4p and the rate as an lnN. ``rateParam`` is a free factor or a formula of others; ``param`` constrains a
    parameter of a density or a rateParam, ``flatParam`` frees one; ``group`` names sets of parameters; for
    ``autoMCStats`` see :func:`statistics_modifiers`. A bin that variations make negative counts as empty with all its
    processes, where Combine empties the process.

    References
    ----------
    CMS Collaboration, The CMS statistical analysis and combination tool: Combine, Comput. Softw. Big Sci. 8 (2024) 19,
    arXiv:2404.06614, section 3.

    Examples
    --------
    >>> lines = "imax 1|bin a|observation 3|bin a a|process s b|process 0 1|rate 2 1.5|lumi lnN 1.1 -"
    >>> [sample.name for sample in parse_datacard(lines.replace("|", chr(10))).channels[0].samples]
    ['s', 'b']
    """
    card = _Card(source, Path() if folder is None else folder)
    for count, words in _lines(text):
        card.read(Place(source, f"line {count}", None), words)
    return card.workspace(text)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Words of the lines that say something, with their numbers."""
    found = []
    for count, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words and not words[0].startswith("--"):
            found.append((count, words))
    return found


class _Card:
    """A datacard while it is read, line by line."""

    def __init__(self, source: str, folder: Path) -> None:
        self.source = source
        self.counts: dict[str, tuple[Place, str]] = {}
        self.bins: list[str] = []
        self.observed: list[float] = []
        self.observation = Place(source, "the card", None)
        self.columns: list[Column] = []
        self.num_process_lines = 0
        self.has_rates = False
        self.settings: dict[str, ParameterSettings] = {}
        self.systematics: dict[str, Place] = {}
        self.shapes = CardShapes(folder)
        self.rates: list[RateLine] = []
        self.constraints: dict[str, Parameter] = {}
        self.statistics: list[StatisticsLine] = []
        self.groups: dict[str, tuple[Place, tuple[str, ...]]] = {}

    def read(self, line: Place, words: Sequence[str]) -> None:
        """Take a line."""
        key = words[0]
        if key in _HEADS:
            self.counts[key] = (line, words[1] if len(words) > 1 else "")
        elif key == "bin":
            self._bins(line, words[1:])
        elif key == "observation":
            self.observation = line
            self.observed = [-1.0 if word == "-1" else number(line, word, least=0.0) for word in words[1:]]
            self.bins = self.bins or [f"bin{i + 1}" for i in range(len(self.observed))]
            if len(self.observed) != len(self.bins):
                raise line.error(f"has {len(self.observed)} observations for {len(self.bins)} bins")
        elif key == "process":
            self._processes(line, words[1:])
        elif key == "rate":
            for column, word in zip(self.columns, self._row(line, words[1:]), strict=True):
                self._rate(line, column, word)
            self.has_rates = True
        elif key == "shapes":
            if self.has_rates:
                raise line.error("has shapes; they have to come before the rates")
            self.shapes.add(line, words[1:])
        else:
            self._systematic(line, words)

    def _rate(self, line: Place, column: Column, word: str) -> None:
        """Rate of a process, with its template."""
        if self.shapes.find(column.channel, column.process) is None:
            column.rate = number(line, word, least=0.0)
            return
        found = self.shapes.load(column.channel, column.process)
        if isinstance(found, Events):
            raise line.error(f"belongs to {column.process!r} in {column.channel!r}, whose shape is a set of events")
        column.shape = found
        if isinstance(found, Density):
            column.rate = number(line, word, least=0.0)
            return
        integral = float(found.values.sum())
        column.rate = integral if word == "-1" else number(line, word, least=0.0)
        if abs(column.rate - integral) > _INTEGRAL_TOLERANCE * max(column.rate, integral):
            raise line.error(
                f"has the rate {word} of {column.process!r} in {column.channel!r}, whose template has {integral:g}"
            )

    def _bins(self, line: Place, words: Sequence[str]) -> None:
        if not self.bins and not self.observed:
            self.bins = list(words)
            if len(set(words)) < len(words):
                raise line.error("names a bin twice")
            return
        self.columns = [Column(channel=word) for word in words]
        if len(self.bins) == 1 and self.bins == ["bin1"] and set(words) != {"bin1"} and len(set(words)) == 1:
            self.bins = [words[0]]
        for word in words:
            if word not in self.bins:
                raise line.error(f"has the bin {word!r}, which has no observation")

    def _processes(self, line: Place, words: Sequence[str]) -> None:
        row = self._row(line, words)
        self.num_process_lines += 1
        for column, word in zip(self.columns, row, strict=True):
            if self.num_process_lines == 1:
                column.process = word
            else:
                column.number = int(number(line, word))
        if self.num_process_lines > 1:
            pairs = [(column.channel, column.process) for column in self.columns]
            if len(set(pairs)) < len(pairs):
                raise line.error("names a process twice in one bin")

    def _row(self, line: Place, words: Sequence[str]) -> Sequence[str]:
        """The entries of a line with one for each column."""
        if not self.columns:
            raise line.error("comes before the line of bins and processes")
        if len(words) < len(self.columns):
            raise line.error(f"has {len(words)} entries for {len(self.columns)} processes")
        return words[: len(self.columns)]

    def _systematic(self, line: Place, words: Sequence[str]) -> None:
        name, kind = words[0], words[1] if len(words) > 1 else ""
        if kind in _OTHERS:
            self._other(line, name, kind, words[2:])
            return
        if kind not in _SYSTEMATICS:
            allowed = ", ".join((*_SYSTEMATICS, *_OTHERS))
            raise line.error(f"has the systematic {name!r} of type {kind!r}; allowed are {allowed}")
        self._take_name(line, name)
        if not self.has_rates:
            raise line.error("comes before the rates")
        if kind == "gmN":
            events = number(line, words[2] if len(words) > 2 else "", least=0.0)
            self._gamma(line, name, events, self._row(line, words[3:]))
            return
        for column, word in zip(self.columns, self._row(line, words[2:]), strict=True):
            if word in ("-", "0") and (kind == "shape" or word == "-"):
                continue
            if kind == "shape":
                column.modifiers += varied(line, name, column, number(line, word, least=0.0), self.shapes)
                continue
            down, up = factors(line, word)
            column.modifiers.append(Modifier(name=name, type="normsys", low=(down,), high=(up,), place=line))

    def _take_name(self, line: Place, name: str) -> None:
        if name in self.systematics or name == SIGNAL_STRENGTH:
            raise line.error(f"names a systematic {name!r}, which is taken")
        self.systematics[name] = line

    def _other(self, line: Place, name: str, kind: str, words: Sequence[str]) -> None:
        """Lines that have no entry for each process."""
        if kind == "rateParam":
            self.rates.append(RateLine.read(line, name, words, self.columns))
        elif kind == "param":
            self._take_name(line, name)
            self.constraints[name] = constrained(line, name, words)
        elif kind == "flatParam":
            self._take_name(line, name)
        elif kind == "group":
            if len(words) < 2 or words[0] not in ("=", "+="):
                raise line.error("has a group; NAME group = MEMBERS is needed")
            known = self.groups[name][1] if words[0] == "+=" and name in self.groups else ()
            self.groups[name] = (line, (*known, *words[1:]))
        else:
            threshold = number(line, words[0] if words else "", least=-1.0)
            mode = words[2] if len(words) > 2 else "1"
            if mode != "1":
                raise line.error(f"has the mode {mode!r} of histograms; 1 is understood")
            has_signal = len(words) > 1 and number(line, words[1]) != 0.0
            if threshold >= 0.0:
                item = StatisticsLine(place=line, channel=name, threshold=threshold, has_signal=has_signal)
                self.statistics.append(item)

    def _gamma(self, line: Place, name: str, events: float, row: Sequence[str]) -> None:
        for column, word in zip(self.columns, row, strict=True):
            if word == "-":
                continue
            alpha = number(line, word, least=0.0)
            if abs(alpha * events - column.rate) > _RATE_TOLERANCE * max(column.rate, alpha):
                raise line.error(
                    f"says {events:g} times {alpha:g} of process {column.process!r}, whose rate is {column.rate:g}"
                )
            if any(modifier.type == "gamma" for modifier in column.modifiers):
                raise line.error(f"is a second gmN of process {column.process!r}")
            column.rate = alpha * max(events, 1.0)
            column.modifiers.append(Modifier(name=name, type="gamma", data=(events,), place=line))

    def workspace(self, text: str) -> Workspace:
        """What was read."""
        if not self.observed or not self.has_rates or self.num_process_lines < 2:
            raise InputError(
                f"{self.source}: a datacard needs the lines bin, observation, bin, process (twice) and rate"
            )
        self._check_counts()
        start = Place(self.source, "the card", None)
        signal = Modifier(name=SIGNAL_STRENGTH, type="normfactor", place=start)
        for column in self.columns:
            if column.number <= 0:
                column.modifiers.insert(0, signal)
        self.settings.update(multiply_rates(self.rates, self.constraints, self._num_bins))
        channels = [self._channel(name, count) for name, count in zip(self.bins, self.observed, strict=True)]
        self.settings[SIGNAL_STRENGTH] = settings(start, init=1.0, bounds=_SIGNAL_BOUNDS)
        return Workspace(
            source=self.source,
            channels=tuple(sorted(channels, key=lambda channel: channel.name)),
            measurements=(Measurement(name="card", poi=SIGNAL_STRENGTH, settings=self.settings, place=start),),
            document=self.shapes.absolute(text),
            norm_code="combine",
            groups=self._checked_groups(channels),
        )

    def _observable(self, channel: str) -> Observable | None:
        """The variable of a channel whose processes are densities."""
        shapes = [column.shape for column in self.columns if column.channel == channel]
        densities = [shape for shape in shapes if isinstance(shape, Density)]
        if not densities:
            return None
        if len(densities) < len(shapes):
            raise self.observation.error(
                f"is of bin {channel!r}, in which some processes are densities and some are not"
            )
        return densities[0].document.shape(densities[0].name, settings={}).observable

    def _num_bins(self, column: Column) -> int:
        observable = self._observable(column.channel)
        return column.num_bins if observable is None else observable.num_bins

    def _channel(self, name: str, count: float) -> Channel:
        columns = [column for column in self.columns if column.channel == name]
        observable = self._observable(name)
        observed = self._observed(name, count, observable)
        for column in columns:
            if observable is None and column.num_bins != len(observed):
                raise self.observation.error(
                    f"is of {len(observed)} bins of {name!r}, where {column.process!r} has {column.num_bins}"
                )
        statistics = self._statistics(name, columns)
        samples = []
        for column, own in zip(columns, statistics, strict=True):
            modifiers = [*column.modifiers, *own]
            data = tuple((column.rate * column.parts).tolist())
            if observable is not None:
                data = (column.rate,) * observable.num_bins
                modifiers.append(self._density(column))
            samples.append(Sample(name=column.process, data=data, modifiers=tuple(modifiers)))
        return Channel(name=name, observed=observed, samples=tuple(samples))

    def _density(self, column: Column) -> Modifier:
        assert isinstance(column.shape, Density)
        free = {name: Parameter(name=name, init=0.0) for name in self.systematics}
        document, name = column.shape.document, column.shape.name
        known = document.formulas.parameters
        settings = {name: self.constraints.get(name, freed(known.get(name, free[name]))) for name in self.systematics}
        factor: BinFactor = document.shape(name, settings=settings)
        line = self.shapes.find(column.channel, column.process)
        assert line is not None
        return Modifier(name=name, type="custom", place=line.place, factor=factor)

    def _observed(self, name: str, count: float, observable: Observable | None) -> tuple[float, ...]:
        """Counts of a channel, from its data or from the card."""
        if self.shapes.find(name, DATA) is None:
            if count < 0.0:
                raise self.observation.error(f"has -1 for {name!r}, which has no shapes of {DATA}")
            return (count,)
        found = self.shapes.load(name, DATA)
        if isinstance(found, Template):
            counts = tuple(found.values.tolist())
        elif isinstance(found, Events) and observable is not None and found.observable == observable.name:
            counts = observable.counts(found.x)
        else:
            raise self.observation.error(f"is of bin {name!r}, whose data do not fit its shapes")
        for b, value in enumerate(counts):
            if value < 0.0:
                raise self.observation.error(f"is of bin {name!r}, whose data have {value:g} events in bin {b}")
        if count >= 0.0 and abs(sum(counts) - count) > 0.5:
            raise self.observation.error(f"has {count:g} for {name!r}, whose data have {sum(counts):g} events")
        return counts

    def _statistics(self, channel: str, columns: Sequence[Column]) -> list[list[Modifier]]:
        for line in self.statistics:
            if fnmatch.fnmatchcase(channel, line.channel):
                return statistics_modifiers(line, channel, list(stacked(line, columns)))
        return [[] for _ in columns]

    def _checked_groups(self, channels: Sequence[Channel]) -> dict[str, tuple[str, ...]]:
        known = {SIGNAL_STRENGTH}
        for channel in channels:
            for sample in channel.samples:
                for modifier in sample.modifiers:
                    own = () if modifier.factor is None else modifier.factor.parameters
                    known.update([modifier.name], (parameter.name for parameter in own))
        for name, (line, members) in self.groups.items():
            for member in members:
                if member not in known:
                    raise line.error(f"has the group {name!r} with {member!r}, which the card does not hold")
        return {name: members for name, (_, members) in self.groups.items()}

    def _check_counts(self) -> None:
        found = {
            "imax": len(self.bins),
            "jmax": len({column.process for column in self.columns}) - 1,
            "kmax": len(self.systematics),
        }
        for key, (line, stated) in self.counts.items():
            if stated not in ("*", str(found[key])):
                raise line.error(f"states {key} {stated}, the card has {found[key]}")
