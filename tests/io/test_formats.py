from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.io import FORMATS, convert, detect_format


def test_registry_is_consistent() -> None:
    for name, item in FORMATS.items():
        assert item.name == name
        assert item.description
        assert item.suffixes
        assert (item.entry == "event") == bool(item.collections)


@pytest.fixture
def one_of_each(tmp_path, write_root, jetclass_branches, top_frame, write_hls4ml, write_energyflow) -> dict[str, Path]:
    files = tmp_path / "files"
    files.mkdir()
    top_frame(20, num_particles=10).to_hdf(files / "toptagging.h5", key="table", format="table")
    return {
        "jetclass": write_root(files / "jetclass.root", "tree", **jetclass_branches(50)),
        "toptagging": files / "toptagging.h5",
        "hls4ml": write_hls4ml(files / "hls4ml.h5", 5),
        "energyflow": write_energyflow(files / "energyflow.npz", 20),
    }


def test_each_file_is_recognised_by_one_format_whatever_its_name(tmp_path, one_of_each) -> None:
    for name, path in one_of_each.items():
        assert [item.name for item in FORMATS.values() if item.recognise(path)] == [name]
        renamed = tmp_path / f"{name}.dat"
        renamed.write_bytes(path.read_bytes())
        assert detect_format(renamed).name == name


@pytest.mark.parametrize("name", ["jetclass", "toptagging", "hls4ml", "energyflow"])
def test_truncated_file_is_one_line(tmp_path, one_of_each, name: str) -> None:
    content = one_of_each[name].read_bytes()
    path = tmp_path / one_of_each[name].name
    for length in sorted({1, 3, 4, 8, 19, 64, 100, 300, 512, 2048, *np.linspace(1, len(content) - 1, 25, dtype=int)}):
        path.write_bytes(content[:length])
        with pytest.raises(InputError) as caught:
            convert([path], tmp_path / "out")
        assert str(path) in str(caught.value), length
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "out.partial").exists()


def refusal(path: Path, out: Path) -> str:
    """Why a file is refused; empty if it is not."""
    try:
        convert([path], out)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["jetclass", "toptagging", "hls4ml", "energyflow"])
def test_overwritten_bytes_never_escape_as_another_error(tmp_path, one_of_each, name: str) -> None:
    """A file of the right length with a damaged stretch is read, or refused in one line."""
    content = one_of_each[name].read_bytes()
    rng = np.random.default_rng(5)
    for trial in range(25):
        damaged = bytearray(content)
        start = int(rng.integers(0, len(content) - 64))
        damaged[start : start + 64] = rng.bytes(64)
        path = tmp_path / f"{trial}{one_of_each[name].suffix}"
        path.write_bytes(bytes(damaged))
        message = refusal(path, tmp_path / f"out{trial}")
        assert "\n" not in message
        assert (tmp_path / f"out{trial}").exists() == (not message)


def test_truncated_nanoaod_is_one_line(tmp_path, shared_data) -> None:
    content = shared_data("format-samples/pfnano_mc_10evts.root").read_bytes()
    path = tmp_path / "nano.root"
    for length in (10, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"nano\.root: damaged or truncated ROOT file"):
            detect_format(path)


def test_empty_absent_special_and_foreign_files_are_refused(tmp_path) -> None:
    (tmp_path / "empty.root").touch()
    (tmp_path / "text.root").write_text("no data here")
    os.mkfifo(tmp_path / "pipe")
    for name, message in {
        "empty.root": "is empty",
        "absent.root": "no such file",
        "text.root": "unknown format",
        "pipe": "not a regular file",
        ".": "is a folder without",
    }.items():
        with pytest.raises(InputError, match=message):
            detect_format(tmp_path / name)


@pytest.mark.parametrize("name", ["scouting_nano_mc_40evts", "atlas_physlite_100evts", "delphes_10evts"])
def test_other_root_layouts_are_not_recognised(shared_data, name: str) -> None:
    with pytest.raises(InputError, match=r"unknown format \(a root file of another layout"):
        detect_format(shared_data(f"format-samples/{name}.root"))
