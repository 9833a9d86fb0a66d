"""Lepton pairs from tables of open data: masses, charges, and which rows to trust."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.measure._cutflow import Cutflow
from collidium.measure._parameters import Vector

MUON_MASS, ELECTRON_MASS = 0.1056583755, 0.51099895e-3
SAME_SIGN, OPPOSITE_SIGN = "same sign", "opposite sign"
_FOUR_MOMENTA = ("E1", "px1", "py1", "pz1", "E2", "px2", "py2", "pz2", "M")
_ANGLES = ("pt1", "eta1", "phi1", "pt2", "eta2", "phi2")
# four-momenta of six digits carry the mass of a fast light pair to about this part
_MASS_AGREEMENT = 0.01
_TRACK_AGREEMENT = 0.01


@dataclass(frozen=True, kw_only=True)
class Dileptons:
    """Pairs of leptons.

    Attributes
    ----------
    path : Path
        File they are from.
    columns : dict of str to ndarray, (N,)
        Numbers of the file; momenta in GeV, angles in rad, charges in e.
    texts : dict of str to tuple of str
        Columns that hold no numbers.
    mass : ndarray, (N,), GeV
        Mass of the pair.
    is_opposite : ndarray of bool, (N,)
        Whether the charges are opposite.
    """

    path: Path
    columns: Mapping[str, Vector] = field(repr=False)
    texts: Mapping[str, tuple[str, ...]] = field(repr=False)
    mass: Vector = field(repr=False)
    is_opposite: NDArray[np.bool_] = field(repr=False)

    def __len__(self) -> int:
        return len(self.mass)


def read_dileptons(path: Path, lepton_mass: float) -> Dileptons:
    """Read a CSV with two leptons in each row.

    Parameters
    ----------
    path : Path
        Columns pt, eta, phi, Q with 1 or 2 behind; or E, px, py, pz as well, and the mass M.
    lepton_mass : float, GeV
        Mass of the leptons, for files without the mass of the pair.

    Returns
    -------
    Dileptons
        All rows.

    Raises
    ------
    InputError
        If the file is not such a table, or a number in it is missing, NaN or infinite.

    Notes
    -----
    m^2 = 2 m_l^2 + 2 [E1 E2 - p1 p2 cos(angle)] where only transverse momenta and directions are there.
    """
    columns, texts = read_table(path)
    for name in ("Run", "Event", *_ANGLES, "Q1", "Q2"):
        if name not in columns:
            raise InputError(
                f"{path}: no column of numbers {name!r}; a table of lepton pairs has {', '.join(_ANGLES)}, Q1, Q2"
            )
    if "px1" in columns:
        for name in _FOUR_MOMENTA:
            if name not in columns:
                raise InputError(f"{path}: no column {name!r} beside px1; needed are {', '.join(_FOUR_MOMENTA)}")
        mass = columns["M"]
    else:
        mass = _mass_of_angles(columns, lepton_mass)
    return Dileptons(
        path=path, columns=columns, texts=texts, mass=mass, is_opposite=columns["Q1"] * columns["Q2"] < 0.0
    )


def read_table(path: Path) -> tuple[dict[str, Vector], dict[str, tuple[str, ...]]]:
    """Read a CSV by columns.

    Parameters
    ----------
    path : Path
        A header and rows of as many cells.

    Returns
    -------
    tuple of dict
        Columns of numbers (N,), and of texts.

    Raises
    ------
    InputError
        If it is no such table, or a number is NaN or infinite.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if len(lines) < 2:
        raise InputError(f"{path}: has no rows below its header")
    header, rows = lines[0], lines[1:]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: line {number} has {len(row)} cells, the header {len(header)}")
    numbers: dict[str, Vector] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for name, cells in zip(header, zip(*rows, strict=True), strict=True):
        try:
            numbers[name] = np.array(cells, dtype=np.float64)
        except ValueError:
            texts[name] = tuple(cells)
            continue
        if not np.all(np.isfinite(numbers[name])):
            line = int(np.flatnonzero(~np.isfinite(numbers[name]))[0]) + 2
            raise InputError(f"{path}: column {name!r} is NaN or infinite in line {line}")
    return numbers, texts


def _mass_of_angles(columns: Mapping[str, Vector], lepton_mass: float) -> Vector:
    """Mass of the pair from transverse momenta and directions."""
    momenta, energies = [], []
    for i in "12":
        pt, eta, phi = (columns[f"{name}{i}"] for name in ("pt", "eta", "phi"))
        momenta.append(np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]))
        energies.append(np.sqrt((pt * np.cosh(eta)) ** 2 + lepton_mass**2))
    product = energies[0] * energies[1] - np.sum(momenta[0] * momenta[1], axis=0)
    return np.asarray(np.sqrt(2.0 * lepton_mass**2 + 2.0 * product))


def quality_cuts(pairs: Dileptons) -> list[tuple[str, NDArray[np.bool_]]]:
    """Tests that rows of trustworthy pairs pass.

    Parameters
    ----------
    pairs : Dileptons
        N pairs.

    Returns
    -------
    list of (str, ndarray of bool, (N,))
        What is asked for, and which rows pass.

    Notes
    -----
    Rows with four-momenta hold the same muon twice: as E and p, from which M is made, and as pt, eta, phi. Where the
    two are of different track fits by more than 1 % (or 0.01 in angle) the muon is badly measured, or not one. Apart
    from that E and p must give M within 1 %: E has six digits, which are too few for a few fast and light pairs.
    """
    columns = pairs.columns
    identity = np.stack([columns["Run"], columns["Event"]], axis=1)
    is_first = np.zeros(len(pairs), dtype=bool)
    is_first[np.unique(identity, axis=0, return_index=True)[1]] = True
    cuts = [("one row an event", is_first)]
    if "px1" not in columns:
        return cuts
    square = (columns["E1"] + columns["E2"]) ** 2
    square -= sum((columns[f"{axis}1"] + columns[f"{axis}2"]) ** 2 for axis in ("px", "py", "pz"))
    of_momenta = np.sqrt(np.maximum(square, 0.0))
    cuts.append(("E and p give M within 1 %", np.abs(of_momenta - pairs.mass) <= _MASS_AGREEMENT * pairs.mass))
    is_one = np.ones(len(pairs), dtype=bool)
    for i in "12":
        px, py, pz, pt = (columns[f"{name}{i}"] for name in ("px", "py", "pz", "pt"))
        momentum = np.hypot(px, py)
        turn = np.arctan2(py, px) - columns[f"phi{i}"]
        tilt = np.arcsinh(pz / np.maximum(momentum, 1e-9)) - columns[f"eta{i}"]
        is_one &= np.abs(pt - momentum) <= _TRACK_AGREEMENT * momentum
        is_one &= np.hypot(np.sin(turn / 2.0) * 2.0, tilt) <= _TRACK_AGREEMENT
    cuts.append(("pt, eta, phi agree with p within 1 %", is_one))
    return cuts


def isolated_muons(pairs: Dileptons) -> NDArray[np.bool_]:
    """Both muons have less than a tenth of their transverse momentum around them, (N,)."""
    return np.logical_and(*(pairs.columns[f"iso{i}"] < 0.1 * pairs.columns[f"pt{i}"] for i in "12"))


def identified_electrons(pairs: Dileptons) -> NDArray[np.bool_]:
    """Both electrons have a narrow shower, little energy behind it and few tracks around it, (N,).

    sigma_eta_eta < 0.01 and H/E < 0.04 in the barrel, 0.03 and 0.025 in the endcaps; tracks below a tenth of pt.
    """
    passed = np.ones(len(pairs), dtype=bool)
    for i in "12":
        is_barrel = np.array(pairs.texts[f"type{i}"]) == "EB"
        narrow = pairs.columns[f"sigmaEtaEta{i}"] < np.where(is_barrel, 0.01, 0.03)
        electromagnetic = pairs.columns[f"HoverE{i}"] < np.where(is_barrel, 0.04, 0.025)
        passed &= narrow & electromagnetic & (pairs.columns[f"isoTrack{i}"] < 0.1 * pairs.columns[f"pt{i}"])
    return passed


def barrel_electrons(pairs: Dileptons) -> NDArray[np.bool_]:
    """Both electrons are in the barrel of the calorimeter, (N,)."""
    return np.array([pair == ("EB", "EB") for pair in zip(pairs.texts["type1"], pairs.texts["type2"], strict=True)])


def apply_cuts(pairs: Dileptons, cuts: Sequence[tuple[str, NDArray[np.bool_]]]) -> tuple[NDArray[np.bool_], Cutflow]:
    """Which rows pass all cuts, and the table of what each leaves of either charge.

    Parameters
    ----------
    pairs : Dileptons
        N pairs.
    cuts : sequence of (str, ndarray of bool, (N,))
        Names and decisions.

    Returns
    -------
    tuple
        Decisions (N,) and the cutflow.
    """
    samples = {OPPOSITE_SIGN: pairs.is_opposite}
    if not pairs.is_opposite.all():
        samples[SAME_SIGN] = ~pairs.is_opposite
    flow = Cutflow.of(
        {name: np.ones(int(chosen.sum())) for name, chosen in samples.items()},
        [(name, {sample: cut[chosen] for sample, chosen in samples.items()}) for name, cut in cuts],
        start="rows of the file",
    )
    passed = np.ones(len(pairs), dtype=bool)
    for _, cut in cuts:
        passed &= cut
    return passed, flow
