from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.io import FORMATS, convert, detect_format

READ = FORMATS["energyflow"].read


def test_values_species_and_classes(tmp_path, write_energyflow) -> None:
    path = write_energyflow(tmp_path / "QG_jets.npz", 30)
    assert detect_format(path).name == "energyflow"
    assert FORMATS["energyflow"].count(path, None) == 30
    jets = Jets.concat(list(READ(path, None, 7)))
    with np.load(path) as file:
        X, y = file["X"], file["y"]
    assert jets.classes == ("gluon", "quark")
    assert np.array_equal(jets.scalars["label"], y)
    for i in (0, 6, 7, 29):
        row = X[i][X[i, :, 0] > 0]
        row = row[np.argsort(-row[:, 0])]
        rows = slice(jets.offsets[i], jets.offsets[i + 1])
        px, py, pz, energy = (jets.particles[n][rows] for n in ("part_px", "part_py", "part_pz", "part_energy"))
        np.testing.assert_allclose(np.hypot(px, py), row[:, 0], rtol=1e-5)
        np.testing.assert_allclose(np.arctanh(pz.astype(float) / energy), row[:, 1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.cos(np.arctan2(py, px) - row[:, 2]), 1, atol=1e-6)
        assert np.array_equal(jets.particles["part_isPhoton"][rows], row[:, 3] == 22)
        assert np.array_equal(jets.particles["part_isMuon"][rows], np.abs(row[:, 3]) == 13)
        assert np.array_equal(jets.particles["part_isNeutralHadron"][rows], np.isin(row[:, 3], [130, 2112]))
        charge = np.select([np.isin(row[:, 3], [211, 321, -13]), np.isin(row[:, 3], [-211, -321, -2212, 11])], [1, -1])
        assert np.array_equal(jets.particles["part_charge"][rows], charge)


def test_pickled_objects_are_refused(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", X=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(InputError, match="array X has type object"):
        next(READ(tmp_path / "a.npz", None, 10))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((2, 3)), np.zeros(2), "are not"),
        (np.ones((2, 3, 4)), np.zeros(3), "are not"),
        (np.full((2, 3, 4), 22.0), np.full(2, 3), "y is 3 in jet 0"),
        (np.full((2, 3, 4), 12.0), np.zeros(2), "PDG number 12 "),
        (np.full((2, 3, 4), 22.5), np.zeros(2), "PDG number 22.5 "),
    ],
)
def test_faults_are_named(tmp_path, X, y, message: str) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=y)
    with pytest.raises(InputError, match=message):
        next(READ(tmp_path / "a.npz", None, 10))


def test_other_archives_are_not_recognised(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", weights=np.zeros(3))
    with pytest.raises(InputError, match="unknown format"):
        detect_format(tmp_path / "a.npz")


def archive_with(path: Path, offset: int, value: int) -> Path:
    """Set a byte of every entry, in the local headers and in the directory, whose layout is two bytes further on."""
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        start = content.find(signature)
        while start >= 0:
            content[start + place] = value
            start = content.find(signature, start + 1)
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(("offset", "value", "message"), [(6, 1, "encrypted"), (8, 97, "compression")])
def test_encrypted_and_strangely_compressed_archives_are_one_line(
    tmp_path: Path, offset: int, value: int, message: str
) -> None:
    np.savez(tmp_path / "a.npz", X=np.full((2, 3, 4), 22.0), y=np.zeros(2))
    path = archive_with(tmp_path / "a.npz", offset, value)
    for fails in (lambda: FORMATS["energyflow"].count(path, None), lambda: next(READ(path, None, 10))):
        with pytest.raises(InputError, match=rf"a\.npz: .*{message}") as caught:
            fails()
        assert "\n" not in str(caught.value)


def test_a_label_that_is_no_list_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.full((2, 3, 4), 22.0), y=np.float64(1.0))
    with pytest.raises(InputError, match=r"a\.npz: y \(\) is not \(jets,\)"):
        convert([tmp_path / "a.npz"], tmp_path / "out")
    with pytest.raises(InputError, match=r"y \(\) are not"):
        next(READ(tmp_path / "a.npz", None, 10))
