from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from collidium.artifact import InputError
from collidium.cloud import Jets
from collidium.io import FORMATS, convert, detect_format

READ = FORMATS["toptagging"].read


@pytest.mark.parametrize("options", [{}, {"complib": "blosc", "complevel": 5}, {"data_columns": ["is_signal_new"]}])
def test_pandas_table_reads_back(tmp_path, top_frame, options) -> None:
    frame = top_frame(30)
    path = tmp_path / "val.h5"
    frame.to_hdf(path, key="table", mode="w", format="table", **options)
    assert detect_format(path).name == "toptagging"
    assert FORMATS["toptagging"].count(path, None) == 30
    jets = Jets.concat(list(READ(path, None, 8)))
    assert jets.classes == ("QCD", "top")
    assert np.array_equal(jets.scalars["label"], frame["is_signal_new"])
    for i in (0, 7, 8, 29):
        row = frame.iloc[i]
        p4 = np.array([[row[f"{axis}_{k}"] for axis in ("PX", "PY", "PZ", "E")] for k in range(200)], dtype=np.float32)
        p4 = p4[p4[:, 3] > 0]
        p4 = p4[np.argsort(-np.hypot(p4[:, 0], p4[:, 1]), kind="stable")]
        rows = slice(jets.offsets[i], jets.offsets[i + 1])
        found = [jets.particles[name][rows] for name in ("part_px", "part_py", "part_pz", "part_energy")]
        assert np.array_equal(np.stack(found, 1), p4)
        total = p4.astype(np.float64).sum(axis=0)
        assert jets.scalars["jet_pt"][i] == pytest.approx(np.hypot(total[0], total[1]), rel=1e-5)
        assert jets.scalars["jet_energy"][i] == pytest.approx(total[3], rel=1e-5)
        assert jets.scalars["jet_phi"][i] == pytest.approx(np.arctan2(total[1], total[0]), rel=1e-5)


def test_the_truth_columns_are_not_particles(tmp_path, top_frame) -> None:
    frame = top_frame(3, num_particles=2)
    frame.to_hdf(tmp_path / "a.h5", key="table", format="table")
    jets = next(READ(tmp_path / "a.h5", None, 10))
    assert set(jets.particles) == {"part_px", "part_py", "part_pz", "part_energy"}
    assert jets.lengths.max() <= 2


@pytest.mark.parametrize("name", ["PY_3", "is_signal_new"])
def test_missing_column_is_named(tmp_path, top_frame, name: str) -> None:
    top_frame(3, num_particles=5).drop(columns=name).to_hdf(tmp_path / "a.h5", key="table", format="table")
    with pytest.raises(InputError, match=rf"a\.h5: column {name} is missing"):
        next(READ(tmp_path / "a.h5", None, 10))


def test_fixed_format_and_strange_label_are_refused(tmp_path, top_frame) -> None:
    frame: pd.DataFrame = top_frame(3, num_particles=2)
    frame["is_signal_new"] = 2
    frame.to_hdf(tmp_path / "a.h5", key="table", format="table")
    with pytest.raises(InputError, match="is_signal_new is 2 in jet 0"):
        next(READ(tmp_path / "a.h5", None, 10))
    frame.to_hdf(tmp_path / "b.h5", key="table", mode="w", format="fixed")
    with pytest.raises(InputError, match=r"b\.h5: unknown format"):
        detect_format(tmp_path / "b.h5")


def test_column_names_are_never_unpickled(tmp_path, top_frame) -> None:
    """A pickle that would run a command must do nothing."""
    import h5py

    top_frame(3, num_particles=2).to_hdf(tmp_path / "a.h5", key="table", format="table")
    marker = tmp_path / "executed"
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["table/table"].attrs["values_block_0_kind"] = np.bytes_(f"cos\nsystem\n(S'touch {marker}'\ntR.".encode())
    with pytest.raises(InputError, match="column E_0 is missing"):
        next(READ(tmp_path / "a.h5", None, 10))
    assert not marker.exists()


@pytest.mark.parametrize("content", [None, 3.0, np.zeros((2, 3)), np.zeros(2), np.zeros((2, 2), dtype=[("a", float)])])
def test_a_table_of_another_kind_is_one_line(tmp_path, content) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        if content is None:
            file.create_group("table/table")
        else:
            file["table/table"] = content
    with pytest.raises(InputError, match=r"a\.h5: .*table/table (is a group|has no rows|is no pandas table)") as caught:
        convert([tmp_path / "a.h5"], tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changed", ["names", "text"])
def test_columns_that_are_not_what_their_names_say_are_one_line(tmp_path, top_frame, changed: str) -> None:
    import h5py

    frame = top_frame(3, num_particles=2)
    if changed == "text":
        frame["is_signal_new"] = ["a", "b", "c"]
    frame.to_hdf(tmp_path / "a.h5", key="table", format="table")
    if changed == "names":
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["table/table"].attrs["values_block_1_kind"] = pickle.dumps(["ttv", "x", "y", "is_signal_new"], 0)
    with pytest.raises(InputError, match=r"a\.h5") as caught:
        convert([tmp_path / "a.h5"], tmp_path / "out")
    assert "\n" not in str(caught.value)
