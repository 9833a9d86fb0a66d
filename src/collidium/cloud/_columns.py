"""The columns a dataset may carry: JetClass's names, with units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Scope = Literal["particle", "jet"]
Dtype = Literal["float32", "int8", "int64", "uint64"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a dataset.

    Attributes
    ----------
    name : str
        The name in files and code.
    scope : {"particle", "jet"}
        One value per particle or per jet.
    dtype : str
        NumPy name of the stored type.
    unit : str
        GeV, mm, rad, e; 1 for dimensionless.
    description : str
        What it is.
    """

    name: str
    scope: Scope
    dtype: Dtype
    unit: str
    description: str

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The stored type as NumPy names it."""
        return np.dtype(self.dtype)


def _particle(name: str, dtype: Dtype, unit: str, description: str) -> Column:
    return Column(name=name, scope="particle", dtype=dtype, unit=unit, description=description)


def _jet(name: str, dtype: Dtype, unit: str, description: str) -> Column:
    return Column(name=name, scope="jet", dtype=dtype, unit=unit, description=description)


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        _particle("part_px", "float32", "GeV", "momentum along x"),
        _particle("part_py", "float32", "GeV", "momentum along y"),
        _particle("part_pz", "float32", "GeV", "momentum along the beam"),
        _particle("part_energy", "float32", "GeV", "energy"),
        _particle("part_charge", "int8", "e", "electric charge"),
        _particle("part_isChargedHadron", "int8", "1", "1 for a charged hadron"),
        _particle("part_isNeutralHadron", "int8", "1", "1 for a neutral hadron"),
        _particle("part_isPhoton", "int8", "1", "1 for a photon"),
        _particle("part_isElectron", "int8", "1", "1 for an electron or positron"),
        _particle("part_isMuon", "int8", "1", "1 for a muon"),
        _particle("part_d0val", "float32", "mm", "transverse impact parameter; 0 without a track"),
        _particle("part_d0err", "float32", "mm", "its standard error; 0 without a track"),
        _particle("part_dzval", "float32", "mm", "longitudinal impact parameter; 0 without a track"),
        _particle("part_dzerr", "float32", "mm", "its standard error; 0 without a track"),
        _jet("jet_pt", "float32", "GeV", "transverse momentum of the jet"),
        _jet("jet_eta", "float32", "1", "pseudorapidity of the jet"),
        _jet("jet_phi", "float32", "rad", "azimuth of the jet"),
        _jet("jet_energy", "float32", "GeV", "energy of the jet"),
        _jet("jet_nparticles", "float32", "1", "number of constituents"),
        _jet("jet_sdmass", "float32", "GeV", "soft-drop mass (beta 0, zcut 0.1)"),
        _jet("jet_tau1", "float32", "1", "1-subjettiness"),
        _jet("jet_tau2", "float32", "1", "2-subjettiness"),
        _jet("jet_tau3", "float32", "1", "3-subjettiness"),
        _jet("jet_tau4", "float32", "1", "4-subjettiness"),
        _jet("label", "int64", "1", "index into the dataset's classes, -1 for unlabelled"),
        _jet("weight", "float32", "1", "event weight, may be negative"),
        _jet("event_id", "uint64", "1", "number of the event (58 bits; decides the split) and of its jet (6 bits)"),
    )
}

MOMENTUM_COLUMNS = ("part_px", "part_py", "part_pz", "part_energy")
REQUIRED_SCALARS = ("jet_pt", "jet_eta", "jet_phi", "jet_energy", "label", "weight", "event_id")
