"""Particle features: name, unit, formula, transform and its inverse, together as data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import torch
from torch import Tensor

from collidium.artifact import InputError, config_hash, unknown
from collidium.cloud._angles import delta_phi
from collidium.cloud._columns import COLUMNS, Column
from collidium.cloud._observables import OBSERVABLES, jet_observables


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of a model: a formula on columns and the transform to the model's scale.

    Attributes
    ----------
    name : str
        Key of the registry ``FEATURES`` or of the jet observables.
    unit : str
        Unit of the raw value; logarithms are of the value over its unit.
    formula : str
        How the raw value follows from the columns, for people.
    columns : tuple of str
        The columns it needs.
    shift, scale : float
        ``x = (raw - shift) * scale``.
    low, high : float or None
        Clip of the transformed value.
    """

    name: str
    unit: str
    formula: str
    columns: tuple[str, ...]
    shift: float = 0.0
    scale: float = 1.0
    low: float | None = None
    high: float | None = None

    def transform(self, raw: Tensor) -> Tensor:
        """Bring raw values to the model's scale.

        Parameters
        ----------
        raw : Tensor, (...), ``unit``
            Raw values; minus infinity (a logarithm of zero) goes to the lower clip.

        Returns
        -------
        Tensor, (...), 1
            ``clip((raw - shift) * scale, low, high)``.
        """
        x = raw if self.shift == 0.0 and self.scale == 1.0 else (raw - self.shift) * self.scale
        return x if self.low is None and self.high is None else x.clamp(self.low, self.high)

    def inverse(self, x: Tensor) -> Tensor:
        """Undo the transform; exact inside the clip range.

        Parameters
        ----------
        x : Tensor, (...), 1
            Transformed values.

        Returns
        -------
        Tensor, (...), ``unit``
            Raw values.
        """
        return x / self.scale + self.shift

    def is_clipped(self, raw: Tensor) -> Tensor:
        """Tell which raw values the clip changes; Tensor of bool, the shape of ``raw``."""
        x = (raw - self.shift) * self.scale
        return (x < (-torch.inf if self.low is None else self.low)) | (
            x > (torch.inf if self.high is None else self.high)
        )


class ParticleColumns:
    """Columns of packed particles with the kinematics that several features share.

    Parameters
    ----------
    columns : mapping of str to Tensor, (T,)
        Particle columns and, repeated for each particle, the jet columns that formulas use; floating point.

    Examples
    --------
    >>> columns = {name: torch.ones(1) for name in ("part_px", "part_py", "part_pz", "part_energy", "jet_pt")}
    >>> round(float(ParticleColumns(columns).pt), 3)
    1.414
    """

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Tensor:
        return self._columns[name]

    @cached_property
    def pt(self) -> Tensor:
        """Transverse momentum, (T,), GeV."""
        return torch.hypot(self["part_px"], self["part_py"])

    @cached_property
    def eta_relative(self) -> Tensor:
        """Pseudorapidity from the jet's, folded by the sign of the jet's (sign(0) is +1), (T,), 1."""
        eta = torch.asinh(self["part_pz"] / self.pt.clamp(min=1e-20))
        jet_eta = self["jet_eta"]
        return torch.where(jet_eta < 0, jet_eta - eta, eta - jet_eta)

    @cached_property
    def phi_relative(self) -> Tensor:
        """Azimuth from the jet's, (T,), rad."""
        return delta_phi(torch.atan2(self["part_py"], self["part_px"]), self["jet_phi"])


_PT = ("part_px", "part_py")
_ETA = ("part_px", "part_py", "part_pz", "jet_eta")
_PHI = ("part_px", "part_py", "jet_phi")


def _feature(
    name: str,
    unit: str,
    formula: str,
    columns: tuple[str, ...],
    transform: tuple[float, float] | None = None,
    clip: tuple[float, float] | None = None,
) -> Feature:
    shift, scale = transform or (0.0, 1.0)
    low, high = clip or ((-5.0, 5.0) if transform else (None, None))
    return Feature(name=name, unit=unit, formula=formula, columns=columns, shift=shift, scale=scale, low=low, high=high)


FEATURES: dict[str, tuple[Feature, Callable[[ParticleColumns], Tensor]]] = {
    feature.name: (feature, raw)
    for feature, raw in (
        (_feature("part_pt_log", "1", "ln(pT/GeV)", _PT, (1.7, 0.7)), lambda c: c.pt.log()),
        (_feature("part_e_log", "1", "ln(E/GeV)", ("part_energy",), (2.0, 0.7)), lambda c: c["part_energy"].log()),
        (
            _feature("part_logptrel", "1", "ln(pT/pT_jet)", (*_PT, "jet_pt"), (-4.7, 0.7)),
            lambda c: (c.pt / c["jet_pt"]).log(),
        ),
        (
            _feature("part_logerel", "1", "ln(E/E_jet)", ("part_energy", "jet_energy"), (-4.7, 0.7)),
            lambda c: (c["part_energy"] / c["jet_energy"]).log(),
        ),
        (
            _feature("part_deltaR", "1", "hypot(deta, dphi)", (*_ETA, "jet_phi"), (0.2, 4.0)),
            lambda c: torch.hypot(c.eta_relative, c.phi_relative),
        ),
        (_feature("part_charge", "e", "electric charge", ("part_charge",)), lambda c: c["part_charge"]),
        *(
            (_feature(name, "1", COLUMNS[name].description, (name,)), lambda c, name=name: c[name])
            for name in (
                "part_isChargedHadron",
                "part_isNeutralHadron",
                "part_isPhoton",
                "part_isElectron",
                "part_isMuon",
            )
        ),
        (_feature("part_d0", "1", "tanh(d0/mm)", ("part_d0val",)), lambda c: c["part_d0val"].tanh()),
        (_feature("part_d0err", "mm", "sigma(d0)", ("part_d0err",), (0.0, 1.0), (0.0, 1.0)), lambda c: c["part_d0err"]),
        (_feature("part_dz", "1", "tanh(dz/mm)", ("part_dzval",)), lambda c: c["part_dzval"].tanh()),
        (_feature("part_dzerr", "mm", "sigma(dz)", ("part_dzerr",), (0.0, 1.0), (0.0, 1.0)), lambda c: c["part_dzerr"]),
        (
            _feature("part_deta", "1", "(eta - eta_jet) sign(eta_jet), sign(0) = +1", _ETA),
            lambda c: c.eta_relative,
        ),
        (_feature("part_dphi", "rad", "phi - phi_jet, wrapped", _PHI), lambda c: c.phi_relative),
        (_feature("part_pt", "GeV", "pT", _PT, (0.0, 0.01), (0.0, 5.0)), lambda c: c.pt),
    )
}

_KIN = ("part_pt_log", "part_e_log", "part_logptrel", "part_logerel", "part_deltaR")
_PID = (
    "part_charge",
    "part_isChargedHadron",
    "part_isNeutralHadron",
    "part_isPhoton",
    "part_isElectron",
    "part_isMuon",
)
_TRACK = ("part_d0", "part_d0err", "part_dz", "part_dzerr")
_ANGLES = ("part_deta", "part_dphi")


@dataclass(frozen=True)
class FeatureSchema:
    """The inputs of a model, in order; it travels with the weights.

    Attributes
    ----------
    particle : tuple of Feature
        The F features of each particle.
    jet : tuple of Feature
        The G features of each jet.
    """

    particle: tuple[Feature, ...]
    jet: tuple[Feature, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the particle features, in order."""
        return tuple(feature.name for feature in self.particle)

    @property
    def hash(self) -> str:
        """SHA-256 over everything that defines the inputs."""
        return config_hash(asdict(self))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a dataset must carry: those of the formulas and the four momenta."""
        needed = {"part_px", "part_py", "part_pz", "part_energy"}
        needed.update(*(feature.columns for feature in (*self.particle, *self.jet)))
        return tuple(name for name in COLUMNS if name in needed)

    def to_json(self) -> str:
        """Write the schema as a JSON document."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(document: str) -> FeatureSchema:
        """Read a schema back.

        Parameters
        ----------
        document : str
            As :meth:`to_json` wrote it.

        Returns
        -------
        FeatureSchema
            Equal to the written one.

        Raises
        ------
        InputError
            If the document is damaged, or names a feature that this version does not know.
        """
        try:
            content = json.loads(document)
            parts = [
                tuple(Feature(**{**item, "columns": tuple(item["columns"])}) for item in content[scope])
                for scope in ("particle", "jet")
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"feature schema: damaged document ({error})") from error
        schema = FeatureSchema(*parts)
        for feature in schema.particle:
            if feature.name not in FEATURES:
                raise unknown("particle feature", feature.name, FEATURES)
        for feature in schema.jet:
            if feature.name not in OBSERVABLES:
                raise unknown("jet feature", feature.name, OBSERVABLES)
        return schema

    def check(self, columns: Mapping[str, Column], source: str) -> None:
        """Refuse data that cannot give these features.

        Parameters
        ----------
        columns : mapping of str to Column
            Columns of the data.
        source : str
            Named in the message.

        Raises
        ------
        InputError
            Naming every column that is missing or has another unit.
        """
        missing = [name for name in self.columns if name not in columns]
        if missing:
            users = ", ".join(self._needing(missing)) or "the pair features"
            raise InputError(f"{source}: column {', '.join(missing)} missing; needed by {users}")
        for name in self.columns:
            if columns[name].unit != COLUMNS[name].unit:
                raise InputError(f"{source}: column {name} is in {columns[name].unit}, {COLUMNS[name].unit} is needed")

    def _needing(self, columns: list[str]) -> list[str]:
        """Features that use any of these columns."""
        return [feature.name for feature in (*self.particle, *self.jet) if set(feature.columns) & set(columns)]

    def raw(self, columns: ParticleColumns) -> dict[str, Tensor]:
        """Compute the raw particle features; name to Tensor (T,) in each feature's unit."""
        return {name: FEATURES[name][1](columns) for name in self.names}

    def compute(self, columns: ParticleColumns) -> Tensor:
        """Compute the transformed particle features.

        Parameters
        ----------
        columns : ParticleColumns
            T packed particles.

        Returns
        -------
        Tensor, (T, F), 1
            The model's input.
        """
        if not self.particle:
            return torch.zeros(len(columns.pt), 0)
        return torch.stack([feature.transform(FEATURES[feature.name][1](columns)) for feature in self.particle], 1)

    def compute_jet(self, p4: Tensor, offsets: Tensor) -> Tensor:
        """Compute the transformed jet features.

        Parameters
        ----------
        p4 : Tensor, (T, 4), GeV
            E, px, py, pz of packed particles.
        offsets : Tensor of int64, (N + 1,)
            Rows of each jet.

        Returns
        -------
        Tensor, (N, G), 1
            The model's input.
        """
        if not self.jet:
            return p4.new_zeros(len(offsets) - 1, 0)
        observables = jet_observables(p4, offsets)
        return torch.stack([feature.transform(observables[feature.name]) for feature in self.jet], 1)


def _schema(names: tuple[str, ...]) -> FeatureSchema:
    return FeatureSchema(tuple(FEATURES[name][0] for name in names))


_JET16 = FeatureSchema(
    (),
    tuple(
        Feature(
            name=name,
            unit=unit,
            formula=formula,
            columns=("part_px", "part_py", "part_pz", "part_energy"),
            shift=shift,
            scale=scale,
            low=-5.0,
            high=5.0,
        )
        for name, (unit, formula, shift, scale) in OBSERVABLES.items()
    ),
)

FEATURE_SETS: dict[str, FeatureSchema] = {
    "kin": _schema((*_KIN, *_ANGLES)),
    "kinpid": _schema((*_KIN, *_PID, *_ANGLES)),
    "full": _schema((*_KIN, *_PID, *_TRACK, *_ANGLES)),
    "trigger3": _schema(("part_pt", "part_deta", "part_dphi")),
    "jet16": _JET16,
}


def feature_set(name: str) -> FeatureSchema:
    """Look a named feature set up.

    Parameters
    ----------
    name : str
        ``kin`` (7), ``kinpid`` (13), ``full`` (17 features of JetClass), ``trigger3`` or ``jet16`` (jet level).

    Returns
    -------
    FeatureSchema
        The set.

    Raises
    ------
    InputError
        For an unknown name, with the nearest ones.

    Examples
    --------
    >>> len(feature_set("full").names)
    17
    """
    if name not in FEATURE_SETS:
        raise unknown("feature set", name, FEATURE_SETS)
    return FEATURE_SETS[name]
