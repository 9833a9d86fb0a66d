"""Schemas: the inputs of a model, in order, and the named sets of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from collidium.artifact import InputError, config_hash, unknown
from collidium.cloud._columns import COLUMNS, MOMENTUM_COLUMNS, Column
from collidium.cloud._features import FEATURES, Feature, ParticleColumns
from collidium.cloud._observables import OBSERVABLES, jet_observables

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
        needed = set(MOMENTUM_COLUMNS)
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
            The model's input; it lies in memory feature by feature.
        """
        rows = columns["part_px"].new_empty(len(self.particle), len(columns["part_px"]))
        for feature, row in zip(self.particle, rows, strict=True):
            feature.transform(FEATURES[feature.name][1](columns), out=row)
        return rows.T

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
            columns=MOMENTUM_COLUMNS,
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
