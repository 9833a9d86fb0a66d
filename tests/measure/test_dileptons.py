from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import read_dileptons
from collidium.measure._dileptons import MUON_MASS, apply_cuts, quality_cuts

NAMES = ["E", "px", "py", "pz", "pt", "eta", "phi", "Q"]
HEADER = ["Run", "Event", *(f"{name}1" for name in NAMES), "Type1", *(f"{name}2" for name in NAMES), "M"]


def muon(pt: float, eta: float, phi: float, charge: int) -> list[float]:
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return [float(np.sqrt(px**2 + py**2 + pz**2 + MUON_MASS**2)), px, py, pz, pt, eta, phi, charge]


def row(event: int, charge: int = -1) -> list[object]:
    one, two = muon(20.0, 0.3, 0.1, 1), muon(15.0, -0.2, 0.4, charge)
    total = np.array(one[:4]) + np.array(two[:4])
    mass = float(np.sqrt(total[0] ** 2 - np.sum(total[1:] ** 2)))
    return [1, event, *one, "G", *two, mass]


def write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_masses_with_and_without_four_momenta(tmp_path: Path) -> None:
    full = read_dileptons(write(tmp_path / "a.csv", [row(1), row(2, charge=1)]), MUON_MASS)
    names = ["Run", "Event", "pt1", "eta1", "phi1", "Q1", "pt2", "eta2", "phi2", "Q2"]
    short = [[row(1)[HEADER.index(name)] for name in names]]
    angles = read_dileptons(write(tmp_path / "b.csv", short, names), MUON_MASS)
    assert full.mass[0] == pytest.approx(angles.mass[0], rel=1e-9)
    assert full.is_opposite.tolist() == [True, False]
    assert full.texts["Type1"] == ("G", "G")


def test_inconsistent_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    repeated, light, other_track, turned = row(1), row(2), row(3), row(4)
    light[-1] = 1.02 * float(light[-1])  # type: ignore[arg-type]
    other_track[HEADER.index("pt2")] = 15.3
    turned[HEADER.index("phi1")] = 0.12
    rows = [row(1), repeated, light, other_track, turned, row(5), row(6, charge=1)]
    pairs = read_dileptons(write(tmp_path / "a.csv", rows), MUON_MASS)
    passed, flow = apply_cuts(pairs, quality_cuts(pairs))
    assert passed.tolist() == [True, False, False, False, False, True, True]
    counts = [line.raw for line in flow.rows if line.sample == "opposite sign"]
    assert counts == [6, 5, 4, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header, rows: header.__setitem__(HEADER.index("pt1"), "pT"), "no column of numbers 'pt1'"),
        (lambda header, rows: header.__setitem__(HEADER.index("E2"), "e2"), "no column 'E2' beside px1"),
        (lambda header, rows: rows[0].__setitem__(3, "nan"), "column 'px1' is NaN or infinite in line 2"),
        (lambda header, rows: rows[1].pop(), "line 3 has 19 cells, the header 20"),
        (lambda header, rows: rows.clear(), "has no rows below its header"),
    ],
)
def test_tables_that_cannot_be_read(
    tmp_path: Path, change: Callable[[list[str], list[list[object]]], None], words: str
) -> None:
    header, rows = list(HEADER), [row(1), row(2)]
    change(header, rows)
    with pytest.raises(InputError, match=words):
        read_dileptons(write(tmp_path / "a.csv", rows, header), MUON_MASS)


def test_a_file_that_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_dileptons(tmp_path / "absent.csv", MUON_MASS)


@pytest.mark.parametrize(("name", "num_rejected"), [("phi_p4", 36), ("rho_omega_p4", 153), ("psi2s_p4", 0)])
def test_rows_whose_energies_do_not_give_their_mass(
    shared_data: Callable[[str], Path], name: str, num_rejected: int
) -> None:
    pairs = read_dileptons(shared_data(f"cms-dilepton-2011a/{name}.csv"), MUON_MASS)
    decisions = dict(quality_cuts(pairs))
    assert int((~decisions["E and p give M within 1 %"]).sum()) == num_rejected
    # the momenta with the muon's mass give M in every row
    columns = pairs.columns
    energy = sum(
        np.sqrt(columns[f"px{i}"] ** 2 + columns[f"py{i}"] ** 2 + columns[f"pz{i}"] ** 2 + MUON_MASS**2) for i in "12"
    )
    square = energy**2 - sum((columns[f"{axis}1"] + columns[f"{axis}2"]) ** 2 for axis in ("px", "py", "pz"))
    np.testing.assert_allclose(np.sqrt(square), pairs.mass, rtol=2e-4)
