from __future__ import annotations

import h5py
import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.io import FORMATS, convert, detect_format

READ = FORMATS["hls4ml"].read


@pytest.mark.parametrize("has_names", [True, False])
def test_values_and_classes(tmp_path, write_hls4ml, has_names: bool) -> None:
    path = write_hls4ml(tmp_path / "jetImage_7_150p_0_10000.h5", 25, has_names=has_names)
    assert detect_format(path).name == "hls4ml"
    jets = Jets.concat(list(READ(path, None, 10)))
    with h5py.File(path) as file:
        particles, labels = file["jetConstituentList"][:], file["jets"][:, -6:-1]
    assert jets.classes == ("g", "q", "w", "z", "t")
    assert np.array_equal(jets.scalars["label"], labels.argmax(axis=1))
    assert np.array_equal(jets.lengths, (particles[:, :, 3] > 0).sum(axis=1))
    pt = np.sort(np.hypot(particles[4, :, 0], particles[4, :, 1]))[::-1][: jets.lengths[4]]
    found = slice(jets.offsets[4], jets.offsets[5])
    np.testing.assert_allclose(
        np.hypot(jets.particles["part_px"][found], jets.particles["part_py"][found]), pt, rtol=1e-6
    )
    np.testing.assert_allclose(jets.scalars["jet_energy"], particles[:, :, 3].sum(axis=1), rtol=1e-6)


def test_names_decide_the_columns(tmp_path, write_hls4ml) -> None:
    path = write_hls4ml(tmp_path / "a.h5", 10)
    expected = next(READ(path, None, 10))
    with h5py.File(path, "a") as file:
        particles, names = file["jetConstituentList"][:], file["particleFeatureNames"][:]
        file["jetConstituentList"][:] = particles[:, :, ::-1]
        file["particleFeatureNames"][:] = np.concatenate([names[15::-1], names[16:]])
    turned = next(READ(path, None, 10))
    assert np.array_equal(expected.particles["part_pz"], turned.particles["part_pz"])
    assert np.array_equal(expected.particles["part_energy"], turned.particles["part_energy"])


def test_faults_are_named(tmp_path, write_hls4ml) -> None:
    path = write_hls4ml(tmp_path / "a.h5", 10)
    with h5py.File(path, "a") as file:
        file["jets"][3, -6:-4] = 1
    with pytest.raises(InputError, match="jet 3 has several classes"):
        next(READ(path, None, 10))
    with h5py.File(path, "a") as file:
        file["jets"][3, -6:] = 0
        file["jetConstituentList"][2] = 0
    with pytest.raises(InputError, match="jet 2 has no particles"):
        next(READ(path, None, 10))
    with h5py.File(path, "a") as file:
        names = file["particleFeatureNames"][:]
        names[3] = b"j1_x"
        file["particleFeatureNames"][:] = names
    with pytest.raises(InputError, match="feature j1_e is missing in particleFeatureNames"):
        next(READ(path, None, 10))
    with h5py.File(path, "a") as file:
        del file["jets"]
    with pytest.raises(InputError, match="dataset jets is missing"):
        next(READ(path, None, 10))
    with h5py.File(path, "a") as file:
        file["jets"] = np.zeros((9, 59))
    with pytest.raises(InputError, match=r"dataset jets has shape \(9, 59\)"):
        next(READ(path, None, 10))


def test_no_class_is_unlabelled(tmp_path, write_hls4ml) -> None:
    path = write_hls4ml(tmp_path / "a.h5", 4)
    with h5py.File(path, "a") as file:
        file["jets"][1, -6:] = 0
    assert next(READ(path, None, 10)).scalars["label"][1] == -1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("jetConstituentList", None, "jetConstituentList is a group, a dataset is needed"),
        ("jetConstituentList", 3.0, "dataset jetConstituentList has no rows"),
        ("jetConstituentList", np.full((4, 2, 4), b"x"), "dataset jetConstituentList has type"),
        ("jets", None, "jets is a group"),
        ("particleFeatureNames", None, "particleFeatureNames is a group"),
        (
            "particleFeatureNames",
            np.array([b"\xff"]),
            "dataset particleFeatureNames holds names that are no UTF-8 text",
        ),
        ("jetFeatureNames", np.array([b"j_\xff"]), "dataset jetFeatureNames holds names that are no UTF-8 text"),
        ("jetFeatureNames", b"j_g", "dataset jetFeatureNames has no rows"),
    ],
)
def test_a_member_of_another_kind_is_one_line(tmp_path, write_hls4ml, name: str, content, message: str) -> None:
    path = write_hls4ml(tmp_path / "a.h5", 4)
    with h5py.File(path, "a") as file:
        del file[name]
        if content is None:
            file.create_group(name)
        else:
            file[name] = content
    with pytest.raises(InputError, match=rf"a\.h5: {message}") as caught:
        convert([path], tmp_path / "out")
    assert "\n" not in str(caught.value)
