"""HistFactory workspaces in pyhf's JSON: read, checked, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from collidium.artifact import InputError, unknown
from collidium.measure._custom import CUSTOM_TYPES, BinFactor, BinFactorReader
from collidium.measure._interpolation import NormCode
from collidium.measure._patch import apply_patch, read_patch
from collidium.measure._pointer import Place, read_json

ModifierType: TypeAlias = Literal[
    "custom", "gamma", "histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror"
]
# "gamma", a rate from a sideband count, is Combine's: the JSON has no word for it
_JSON_TYPES = tuple(name for name in get_args(ModifierType) if name not in ("gamma", "custom"))
_SETTINGS = ("inits", "bounds", "auxdata", "factors", "sigmas", "fixed")


@dataclass(frozen=True, kw_only=True)
class Modifier:
    """One modifier of a sample.

    Attributes
    ----------
    name : str
        Parameter it belongs to.
    type : str
        Type in HistFactory, or ``custom``.
    low, high : tuple of float
        Variations at -1 and +1: templates (histosys, events) or one factor each (normsys, 1).
    data : tuple of float
        Absolute uncertainty of each bin (shapesys and staterror, events), or the count in the sideband (gamma).
    place : Place
        Where it stands in the document.
    scale : float
        Factor of the parameter in normsys and histosys: 0.5 where the variations are two standard deviations.
    factor : BinFactor or None
        The function of a custom modifier.
    """

    name: str
    type: ModifierType
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    data: tuple[float, ...] = ()
    place: Place
    scale: float = 1.0
    factor: BinFactor | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample of a channel: its template in events, and what modifies it."""

    name: str
    data: tuple[float, ...]
    modifiers: tuple[Modifier, ...]


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A region: samples stacked bin by bin, and the observed counts."""

    name: str
    samples: tuple[Sample, ...]
    observed: tuple[float, ...]

    @property
    def num_bins(self) -> int:
        """Number of bins."""
        return len(self.observed)


@dataclass(frozen=True, kw_only=True)
class ParameterSettings:
    """What a measurement says of a parameter; None where it says nothing."""

    inits: tuple[float, ...] | None
    bounds: tuple[tuple[float, float], ...] | None
    auxdata: tuple[float, ...] | None
    factors: tuple[float, ...] | None
    sigmas: tuple[float, ...] | None
    fixed: bool | None
    place: Place


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A parameter of interest and settings of parameters."""

    name: str
    poi: str
    settings: Mapping[str, ParameterSettings]
    place: Place


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A HistFactory workspace.

    Attributes
    ----------
    source : str
        Named in messages.
    channels : tuple of Channel
        Sorted by name, as in pyhf.
    measurements : tuple of Measurement
        In the document's order.
    document : object
        The JSON that it was parsed from, or the text of a datacard.
    norm_code : str
        Interpolation of its normsys.
    groups : mapping of str to tuple of str
        Sets of parameters by name, where the source names any.

    References
    ----------
    L. Heinrich, M. Feickert, G. Stark, K. Cranmer, pyhf, JOSS 6 (2021) 2823, JSON schema 1.0.0.
    """

    source: str
    channels: tuple[Channel, ...]
    measurements: tuple[Measurement, ...]
    document: object = field(repr=False)
    norm_code: NormCode = "code4"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        patch: Path | None = None,
        patch_name: str | None = None,
        custom: Mapping[str, BinFactorReader] = CUSTOM_TYPES,
    ) -> Workspace:
        """Read a workspace, patched if wanted.

        Parameters
        ----------
        path : Path
            JSON of pyhf's schema 1.0.0.
        patch : Path, optional
            JSON Patch or patch set, e.g. the signal for a background-only workspace.
        patch_name : str, optional
            Which patch of a set.
        custom : mapping of str to callable
            Types of modifiers beside those of the schema, and what reads their data.

        Returns
        -------
        Workspace
            Checked.

        Raises
        ------
        InputError
            With the JSON pointer to the place where the document is wrong.
        """
        document, source = read_json(path), str(path)
        if patch is not None:
            operations = read_patch(patch, patch_name, document=document)
            document, source = apply_patch(document, operations, source=str(patch)), f"{path} with {patch}"
        return cls.parse(document, source=source, custom=custom)

    @classmethod
    def parse(
        cls,
        document: object,
        *,
        source: str = "workspace",
        custom: Mapping[str, BinFactorReader] = CUSTOM_TYPES,
    ) -> Workspace:
        """Check a document and take it apart.

        Parameters
        ----------
        document : object
            Decoded JSON.
        source : str
            Named in messages.
        custom : mapping of str to callable
            Types of modifiers beside those of the schema, and what reads their data: name of the modifier, place of
            its data and number of bins in, :class:`BinFactor` out.

        Returns
        -------
        Workspace
            Checked.

        Raises
        ------
        InputError
            With the JSON pointer to the place where the document is wrong.

        Examples
        --------
        >>> sample = {"name": "background", "data": [50.0], "modifiers": []}
        >>> document = {
        ...     "channels": [{"name": "sr", "samples": [sample]}],
        ...     "observations": [{"name": "sr", "data": [55.0]}],
        ...     "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        ...     "version": "1.0.0",
        ... }
        >>> Workspace.parse(document).channels[0].observed
        (55.0,)
        """
        root = Place(source, "", document)
        root.object(["channels", "measurements", "observations", "version"])
        if root.get("version").value != "1.0.0":
            raise root.get("version").needs("'1.0.0'")
        observed = _observations(root.get("observations"))
        channels = [_channel(place, observed, custom) for place in root.get("channels").items(at_least=1)]
        _check_unique(root.get("channels"), [channel.name for channel in channels])
        measurements = [_measurement(place) for place in root.get("measurements").items(at_least=1)]
        _check_unique(root.get("measurements"), [measurement.name for measurement in measurements])
        return cls(
            source=source,
            channels=tuple(sorted(channels, key=lambda channel: channel.name)),
            measurements=tuple(measurements),
            document=document,
        )

    def measurement(self, name: str | None = None) -> Measurement:
        """A measurement by name, the first by default.

        Raises
        ------
        InputError
            For an unknown name.
        """
        if name is None:
            return self.measurements[0]
        by_name = {measurement.name: measurement for measurement in self.measurements}
        if name not in by_name:
            raise unknown("measurement", name, by_name)
        return by_name[name]


def _check_unique(place: Place, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(f"{place.source}: {place.pointer}/{i} is named {name!r}, as an earlier one is")


def _observations(place: Place) -> dict[str, Place]:
    """Places of the observed counts by channel."""
    found: dict[str, Place] = {}
    for item in place.items(at_least=1):
        item.object(["name", "data"])
        name = item.get("name").text()
        if name in found:
            raise item.error(f"observes the channel {name!r} a second time")
        for count in item.get("data").items(at_least=1):
            if count.number() < 0.0:
                raise count.needs("a count that is not negative")
        found[name] = item.get("data")
    return found


def _channel(place: Place, observed: Mapping[str, Place], custom: Mapping[str, BinFactorReader]) -> Channel:
    place.object(["name", "samples"])
    name = place.get("name").text()
    if name not in observed:
        raise place.error(f"is the channel {name!r}, for which there is no observation")
    counts = observed[name].numbers()
    samples = [_sample(item, len(counts), custom) for item in place.get("samples").items(at_least=1)]
    _check_unique(place.get("samples"), [sample.name for sample in samples])
    return Channel(name=name, samples=tuple(samples), observed=counts)


def _sample(place: Place, num_bins: int, custom: Mapping[str, BinFactorReader]) -> Sample:
    place.object(["name", "data", "modifiers"])
    data = place.get("data").numbers(num_bins)
    modifiers, seen = [], set()
    for item in place.get("modifiers").items():
        modifier = _modifier(item, num_bins, custom)
        if (modifier.type, modifier.name) in seen:
            raise item.error(f"is a second {modifier.type} named {modifier.name!r} in its sample")
        seen.add((modifier.type, modifier.name))
        modifiers.append(modifier)
    return Sample(name=place.get("name").text(), data=data, modifiers=tuple(modifiers))


def _modifier(place: Place, num_bins: int, custom: Mapping[str, BinFactorReader]) -> Modifier:
    place.object(["name", "type", "data"])
    name, kind, data = place.get("name").text(), place.get("type").text(), place.get("data")
    if kind in custom:
        return Modifier(name=name, type="custom", place=place, factor=custom[kind](name, data, num_bins))
    if kind not in _JSON_TYPES:
        raise place.get("type").needs(f"one of {', '.join([*_JSON_TYPES, *custom])}")
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    absolute: tuple[float, ...] = ()
    if kind == "histosys":
        data.object(["lo_data", "hi_data"])
        low, high = data.get("lo_data").numbers(num_bins), data.get("hi_data").numbers(num_bins)
    elif kind == "normsys":
        data.object(["lo", "hi"])
        low, high = (data.get("lo").number(),), (data.get("hi").number(),)
    elif kind in ("shapesys", "staterror"):
        absolute = data.numbers(num_bins)
        for i, value in enumerate(absolute):
            if value < 0.0:
                raise place.error(f"has the uncertainty {value:g} in bin {i}; a number that is not negative is needed")
    elif data.value is not None:
        raise data.needs("null")
    if kind == "lumi" and name != "lumi":
        raise place.get("name").needs("'lumi'")
    return Modifier(name=name, type=cast("ModifierType", kind), low=low, high=high, data=absolute, place=place)


def _measurement(place: Place) -> Measurement:
    place.object(["name", "config"])
    config = place.get("config")
    config.object(["poi", "parameters"])
    settings: dict[str, ParameterSettings] = {}
    for item in config.get("parameters").items():
        item.object(["name"], _SETTINGS)
        name = item.get("name").text()
        if name in settings:
            raise item.error(f"sets the parameter {name!r} a second time")
        settings[name] = _settings(item)
    return Measurement(name=place.get("name").text(), poi=config.get("poi").text(), settings=settings, place=place)


def _settings(place: Place) -> ParameterSettings:
    assert isinstance(place.value, Mapping)

    def numbers(key: str) -> tuple[float, ...] | None:
        assert isinstance(place.value, Mapping)
        return place.get(key).numbers() if key in place.value else None

    bounds = None
    if "bounds" in place.value:
        pairs = [pair.numbers(2) for pair in place.get("bounds").items(at_least=1)]
        bounds = tuple((low, high) for low, high in pairs)
    return ParameterSettings(
        inits=numbers("inits"),
        bounds=bounds,
        auxdata=numbers("auxdata"),
        factors=numbers("factors"),
        sigmas=numbers("sigmas"),
        fixed=place.get("fixed").flag() if "fixed" in place.value else None,
        place=place,
    )
