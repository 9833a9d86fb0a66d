from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from collidium.artifact import InputError
from collidium.evaluate import Predictions


def make(num_jets: int = 50, classes: tuple[str, ...] = ("QCD", "Tbqq", "W→qq")) -> Predictions:
    generator = np.random.default_rng(0)
    return Predictions(
        generator.integers(0, 2**64, num_jets, dtype=np.uint64),
        generator.integers(-1, len(classes), num_jets),
        generator.normal(size=num_jets),
        generator.dirichlet(np.ones(len(classes)), num_jets),
        classes,
    )


def test_parquet_round_trip_is_exact(tmp_path: Path) -> None:
    written = make()
    written.write(tmp_path / "predictions.parquet")
    for read in (Predictions.read(tmp_path / "predictions.parquet"), Predictions.read(tmp_path)):
        assert read.classes == written.classes
        for name in ("event_id", "label", "weight", "probabilities"):
            np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


def test_equal_predictions_give_equal_bytes(tmp_path: Path) -> None:
    make().write(tmp_path / "a.parquet")
    make().write(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_one_clear_line(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "predictions.parquet"
    make().write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"predictions\.parquet: not a complete Parquet file") as caught:
        Predictions.read(path)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_program_is_read_by_its_columns(tmp_path: Path) -> None:
    table = pa.table({"event_id": [1], "label": [0], "weight": [1.0], "score_a": [0.25], "score_b": [0.75]})
    parquet.write_table(table, tmp_path / "theirs.parquet")
    read = Predictions.read(tmp_path / "theirs.parquet")
    assert read.classes == ("a", "b")
    assert read.probabilities.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("classes", [b"\xff", b"{", b'{"a": 1}', b'"ab"', b"[1]", b"[" * 100_000])
def test_a_damaged_list_of_classes_is_one_clear_line(tmp_path: Path, classes: bytes) -> None:
    path = tmp_path / "predictions.parquet"
    make().write(path)
    table = parquet.read_table(path).replace_schema_metadata({b"collidium.classes": classes})
    parquet.write_table(table, path)
    with pytest.raises(InputError, match=r"predictions\.parquet: the list of classes in its metadata is damaged"):
        Predictions.read(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ["top"]}, "column label has type string"),
        ({"label": [[0]]}, "column label has type list"),
        ({"label": [None]}, "column label has 1 empty values"),
        ({"label": [0.5]}, "column label has values that are no int64"),
        ({"event_id": [-1]}, "column event_id has values that are no uint64"),
        ({"label": [7]}, "labels run from 7 to 7"),
        ({"weight": [float("nan")]}, "weight holds NaN"),
        ({"score_a": [None]}, "column score_a has"),
    ],
)
def test_impossible_columns_are_named_with_their_file(
    tmp_path: Path, changes: dict[str, list[object]], message: str
) -> None:
    columns = {"event_id": [1], "label": [0], "weight": [1.0], "score_a": [0.25], "score_b": [0.75]}
    parquet.write_table(pa.table(columns | changes), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=rf"p\.parquet: .*{message}"):
        Predictions.read(tmp_path / "p.parquet")


@pytest.mark.parametrize("dropped", ["event_id", "label", "weight"])
def test_a_missing_column_is_named(tmp_path: Path, dropped: str) -> None:
    table = pa.table({"event_id": [1], "label": [0], "weight": [1.0], "score_a": [0.5]}).drop_columns([dropped])
    parquet.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(InputError, match=f"column {dropped} is missing"):
        Predictions.read(tmp_path / "p.parquet")


def test_files_without_scores_or_absent_are_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"event_id": [1], "label": [0], "weight": [1.0]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="score_"):
        Predictions.read(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="no such file"):
        Predictions.read(tmp_path / "absent")


def test_impossible_contents_are_refused() -> None:
    p = make(4)
    for changes, message in (
        ({"label": np.array([0, 1, 2, 3])}, "0 to 3"),
        ({"weight": np.array([1.0, np.nan, 1.0, 1.0])}, "weight holds NaN"),
        ({"probabilities": np.ones((4, 2))}, r"shape \(4, 2\)"),
    ):
        fields = {n: getattr(p, n) for n in ("event_id", "label", "weight", "probabilities", "classes")}
        with pytest.raises(InputError, match=message):
            Predictions(**(fields | changes))


def test_background_is_qcd_or_the_first_class_or_the_named_one() -> None:
    assert make(classes=("top", "qcd", "W")).background_index() == 1
    assert make(classes=("top", "W")).background_index() == 0
    assert make(classes=("top", "W")).background_index("W") == 1
    with pytest.raises(InputError, match="did you mean"):
        make(classes=("top", "Wqq")).background_index("Wq")
