"""Text datacards of CMS Combine: counting experiments in one or many channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from collidium.artifact import InputError
from collidium.measure._pointer import Place
from collidium.measure._workspace import (
    Channel,
    Measurement,
    Modifier,
    ModifierType,
    ParameterSettings,
    Sample,
    Workspace,
)

SIGNAL_STRENGTH = "r"
_SIGNAL_BOUNDS = (0.0, 20.0)
_HEADS = ("imax", "jmax", "kmax")
_SYSTEMATICS = ("lnN", "gmN")
_RATE_TOLERANCE = 0.05


def is_datacard(text: str) -> bool:
    """Tell a datacard from other text: its first word is ``imax``, after comments and rules.

    Examples
    --------
    >>> is_datacard("# a card" + chr(10) + "imax 1"), is_datacard("{}")
    (True, False)
    """
    return next((words[0] for _, words in _lines(text)), "") in _HEADS


def parse_datacard(text: str, *, source: str = "datacard") -> Workspace:
    """Read a counting datacard.

    Parameters
    ----------
    text : str
        The card.
    source : str
        Named in messages.

    Returns
    -------
    Workspace
        One bin a channel; processes with a number of zero or less carry the signal strength ``r``.

    Raises
    ------
    InputError
        With the number of the line that is wrong or not supported.

    Notes
    -----
    ``lnN k`` scales a rate by k^theta, ``lnN down/up`` by exp(theta [a + h p(2 theta)]) with the mean a and half the
    difference h of ln up and -ln down, and p a smooth step from -1 to 1 over |theta| < 1/2. ``gmN N alpha`` is
    alpha times the expectation of a sideband in which N events were seen. ``rateParam`` is a free factor.

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
    card = _Card(source)
    for number, words in _lines(text):
        card.read(Place(source, f"line {number}", None), words)
    return card.workspace(text)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Words of the lines that say something, with their numbers."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words and not words[0].startswith("--"):
            found.append((number, words))
    return found


@dataclass
class _Column:
    """One process in one channel."""

    channel: str
    process: str = ""
    number: int = 1
    rate: float = 0.0
    modifiers: list[Modifier] = field(default_factory=list)


class _Card:
    """A datacard while it is read, line by line."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.counts: dict[str, tuple[Place, str]] = {}
        self.bins: list[str] = []
        self.observed: list[float] = []
        self.columns: list[_Column] = []
        self.num_process_lines = 0
        self.has_rates = False
        self.settings: dict[str, ParameterSettings] = {}
        self.systematics: dict[str, Place] = {}

    def read(self, line: Place, words: Sequence[str]) -> None:
        """Take a line."""
        key = words[0]
        if key in _HEADS:
            self.counts[key] = (line, words[1] if len(words) > 1 else "")
        elif key == "bin":
            self._bins(line, words[1:])
        elif key == "observation":
            self.observed = [_number(line, word, least=0.0) for word in words[1:]]
            self.bins = self.bins or [f"bin{i + 1}" for i in range(len(self.observed))]
            if len(self.observed) != len(self.bins):
                raise line.error(f"has {len(self.observed)} observations for {len(self.bins)} bins")
        elif key == "process":
            self._processes(line, words[1:])
        elif key == "rate":
            for column, word in zip(self.columns, self._row(line, words[1:]), strict=True):
                column.rate = _number(line, word, least=0.0)
            self.has_rates = True
        elif key == "shapes":
            if "FAKE" not in words:
                raise line.error("has shapes; only counting cards are read")
        else:
            self._systematic(line, words)

    def _bins(self, line: Place, words: Sequence[str]) -> None:
        if not self.bins and not self.observed:
            self.bins = list(words)
            if len(set(words)) < len(words):
                raise line.error("names a bin twice")
            return
        self.columns = [_Column(channel=word) for word in words]
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
                column.number = int(_number(line, word))
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
        if kind == "rateParam":
            self._rate_parameter(line, name, words[2:])
            return
        if kind not in _SYSTEMATICS:
            raise line.error(
                f"has the systematic {name!r} of type {kind!r}; allowed are {', '.join(_SYSTEMATICS)}, rateParam"
            )
        if name in self.systematics or name == SIGNAL_STRENGTH:
            raise line.error(f"names a systematic {name!r}, which is taken")
        if not self.has_rates:
            raise line.error("comes before the rates")
        self.systematics[name] = line
        if kind == "gmN":
            events = _number(line, words[2] if len(words) > 2 else "", least=0.0)
            self._gamma(line, name, events, self._row(line, words[3:]))
            return
        for column, word in zip(self.columns, self._row(line, words[2:]), strict=True):
            if word != "-":
                down, up = _factors(line, word)
                column.modifiers.append(_modifier(line, name, "normsys", low=(down,), high=(up,)))

    def _gamma(self, line: Place, name: str, events: float, row: Sequence[str]) -> None:
        for column, word in zip(self.columns, row, strict=True):
            if word == "-":
                continue
            alpha = _number(line, word, least=0.0)
            if abs(alpha * events - column.rate) > _RATE_TOLERANCE * max(column.rate, alpha):
                raise line.error(
                    f"says {events:g} times {alpha:g} of process {column.process!r}, whose rate is {column.rate:g}"
                )
            if any(modifier.type == "gamma" for modifier in column.modifiers):
                raise line.error(f"is a second gmN of process {column.process!r}")
            column.rate = alpha * max(events, 1.0)
            column.modifiers.append(_modifier(line, name, "gamma", data=(events,)))

    def _rate_parameter(self, line: Place, name: str, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise line.error("has a rateParam; bin, process and start are needed")
        bounds = (0.0, max(10.0, 10.0 * _number(line, words[2])))
        if len(words) > 3:
            low, _, high = words[3].strip("[]").partition(",")
            bounds = (_number(line, low), _number(line, high))
        self.settings[name] = _settings(line, init=_number(line, words[2]), bounds=bounds)
        chosen = [c for c in self.columns if words[0] in (c.channel, "*") and words[1] in (c.process, "*")]
        if not chosen:
            raise line.error(f"has a rateParam of process {words[1]!r} in bin {words[0]!r}, which does not exist")
        for column in chosen:
            column.modifiers.append(_modifier(line, name, "normfactor"))

    def workspace(self, text: str) -> Workspace:
        """What was read."""
        if not self.observed or not self.has_rates or self.num_process_lines < 2:
            raise InputError(
                f"{self.source}: a datacard needs the lines bin, observation, bin, process (twice) and rate"
            )
        self._check_counts()
        start = Place(self.source, "the card", None)
        signal = _modifier(start, SIGNAL_STRENGTH, "normfactor")
        for column in self.columns:
            if column.number <= 0:
                column.modifiers.insert(0, signal)
        channels = [
            Channel(
                name=name,
                observed=(count,),
                samples=tuple(
                    Sample(name=column.process, data=(column.rate,), modifiers=tuple(column.modifiers))
                    for column in self.columns
                    if column.channel == name
                ),
            )
            for name, count in zip(self.bins, self.observed, strict=True)
        ]
        self.settings[SIGNAL_STRENGTH] = _settings(start, init=1.0, bounds=_SIGNAL_BOUNDS)
        return Workspace(
            source=self.source,
            channels=tuple(sorted(channels, key=lambda channel: channel.name)),
            measurements=(Measurement(name="card", poi=SIGNAL_STRENGTH, settings=self.settings, place=start),),
            document=text,
            norm_code="combine",
        )

    def _check_counts(self) -> None:
        found = {
            "imax": len(self.bins),
            "jmax": len({column.process for column in self.columns}) - 1,
            "kmax": len(self.systematics),
        }
        for key, (line, stated) in self.counts.items():
            if stated not in ("*", str(found[key])):
                raise line.error(f"states {key} {stated}, the card has {found[key]}")


def _modifier(
    line: Place,
    name: str,
    kind: ModifierType,
    *,
    low: tuple[float, ...] = (),
    high: tuple[float, ...] = (),
    data: tuple[float, ...] = (),
) -> Modifier:
    return Modifier(name=name, type=kind, low=low, high=high, data=data, place=line)


def _settings(line: Place, *, init: float, bounds: tuple[float, float]) -> ParameterSettings:
    return ParameterSettings(
        inits=(init,), bounds=(bounds,), auxdata=None, factors=None, sigmas=None, fixed=None, place=line
    )


def _factors(line: Place, word: str) -> tuple[float, float]:
    """Factors down and up of an lnN."""
    down, slash, up = word.partition("/")
    first = _number(line, down, least=0.0)
    pair = (first, _number(line, up, least=0.0)) if slash else (1.0 / first if first else 0.0, first)
    if min(pair) <= 0.0:
        raise line.error(f"has the factor {word!r}; positive ones are needed")
    return pair


def _number(line: Place, word: str, *, least: float | None = None) -> float:
    try:
        value = Place(line.source, line.pointer, float(word)).number()
    except ValueError as error:
        raise line.error(f"has {word!r} where a finite number is needed") from error
    if least is not None and value < least:
        raise line.error(f"has {word} where a number of at least {least:g} is needed")
    return value
