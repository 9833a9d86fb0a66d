from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import Dataset, Jets, feature_set, make_cloud
from collidium.trigger import jet_samples


def test_jet_features_come_with_their_split(dataset_path: Path) -> None:
    dataset = Dataset.open(dataset_path)
    data = jet_samples(dataset, feature_set("jet16"))
    assert data.x["x"].shape == (600, 16)
    for index, name in enumerate(("train", "val", "test")):
        jets = dataset.read_split(name)
        part = data.split == index
        assert np.array_equal(data.y[part], jets.scalars["label"])
        wanted = make_cloud(jets, feature_set("jet16")).g.numpy()
        np.testing.assert_allclose(data.x["x"][part], wanted, rtol=0, atol=1e-4)  # sums in another order


def test_particles_are_padded_and_cut(dataset_path: Path) -> None:
    data = jet_samples(Dataset.open(dataset_path), feature_set("trigger3"), num_particles=8, limit=300)
    assert data.x["x"].shape == (300, 8, 3)
    assert data.x["valid"].dtype == np.bool_
    assert (data.x["x"][~data.x["valid"]] == 0).all()
    assert data.x["valid"][:, 0].all()


def test_what_cannot_be_read_is_refused(
    dataset_path: Path, tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path]
) -> None:
    dataset = Dataset.open(dataset_path)
    with pytest.raises(InputError, match="no jet features"):
        jet_samples(dataset, feature_set("trigger3"))
    with pytest.raises(InputError, match="no particle features"):
        jet_samples(dataset, feature_set("jet16"), num_particles=4)
    jets = make_jets(50)
    unlabelled = dataclasses.replace(jets, scalars={**jets.scalars, "label": np.full(50, -1, np.int64)})
    with pytest.raises(InputError, match="50 jets have no class"):
        jet_samples(Dataset.open(make_dataset(tmp_path / "none", [unlabelled])), feature_set("jet16"))
