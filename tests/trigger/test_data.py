from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.trigger import ArrayData, Samples

X = np.arange(20, dtype=np.float64).reshape(10, 2)
Y = np.arange(10)
SPLIT = np.array([0] * 6 + [1] * 3 + [2], np.uint8)


def test_parts_are_the_splits() -> None:
    data = ArrayData({"x": X, "valid": X[:, 0] > 4}, Y, SPLIT)
    train, val, test = (data.part(name) for name in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (6, 3, 1)
    assert val.x[0].tolist() == X[6:9].tolist()
    assert val.x[0].dtype == val.x[1].dtype == torch.float32
    assert val.y.tolist() == [6, 7, 8]


def test_a_file_gives_the_same_data(tmp_path: Path) -> None:
    data = ArrayData({"x": X}, Y, SPLIT)
    data.save(tmp_path / "data.npz")
    again = ArrayData.load(tmp_path / "data.npz")
    assert again.hash == data.hash
    assert ArrayData({"x": X + 1}, Y, SPLIT).hash != data.hash


@pytest.mark.parametrize(
    ("x", "y", "split", "message"),
    [
        ({"x": X[:5]}, Y, SPLIT, "x has 5 samples"),
        ({"x": X}, Y[:5], SPLIT, "y has 5 samples"),
        ({"x": np.where(X == 4, np.nan, X)}, Y, SPLIT, "x holds NaN"),
        ({"x": X}, Y, np.zeros(10, np.uint8), "must occur"),
        ({"x": X}, Y, SPLIT * 3, "must occur"),
    ],
)
def test_what_is_no_data_is_refused(x: dict[str, np.ndarray], y: np.ndarray, split: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ArrayData(x, y, split)


def test_a_file_that_is_no_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"no")
    np.savez(tmp_path / "other.npz", a=X)
    for name in ("no.npz", "other.npz", "absent.npz"):
        with pytest.raises(InputError, match="no file of arrays"):
            ArrayData.load(tmp_path / name)


def test_batches_are_whole_and_a_function_of_seed_and_epoch() -> None:
    samples = Samples((torch.arange(10.0),), torch.arange(10))

    def order(**key: int) -> list[int]:
        batches = list(samples.shuffled(3, **key))
        assert all(torch.equal(x[0].long(), y) for x, y in batches)
        return [value for _, y in batches for value in y.tolist()]

    assert len(set(order(seed=1, epoch=0))) == 9
    assert order(seed=1, epoch=0) == order(seed=1, epoch=0)
    assert order(seed=1, epoch=0) != order(seed=1, epoch=1)
    assert len(list(samples.shuffled(100, seed=0, epoch=0))) == 1
    assert [len(y) for _, y in samples.batches(4)] == [4, 4, 2]
    assert len(samples.first(4)) == 4
