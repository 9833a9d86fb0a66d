from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.cloud import Dataset, Jets, feature_set, make_cloud, split_of
from collidium.collide import GROOMED_OBSERVABLES, groom, groomed_observables, jet_arrays


@pytest.fixture
def dataset(dataset_path: Path) -> Dataset:
    return Dataset.open(dataset_path)


def test_jet_features_are_standard_over_the_training_split(dataset: Dataset) -> None:
    arrays = jet_arrays(dataset)
    training = arrays.x[arrays.split == 0].astype(np.float64)
    assert arrays.x.shape == (600, 16)
    assert arrays.x.dtype == np.float32
    np.testing.assert_allclose(training.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(training.std(0), 1, atol=1e-4)
    assert arrays.features == tuple(feature.name for feature in feature_set("jet16").jet)


def test_rows_stay_with_their_jets(dataset: Dataset) -> None:
    jets = dataset.read_split("all")
    arrays = jet_arrays(dataset)
    assert (arrays.y == jets.scalars["label"]).all()
    assert (arrays.event_id == jets.scalars["event_id"]).all()
    assert (arrays.split == split_of(jets.scalars["event_id"])).all()
    features = make_cloud(jets, feature_set("jet16")).g.numpy()
    np.testing.assert_allclose(arrays.x * arrays.scale + arrays.shift, features, atol=1e-4)


def test_groomed_observables(dataset: Dataset) -> None:
    arrays = jet_arrays(dataset, "groomed16")
    jets = dataset.read_split("all")
    expected = groomed_observables(jets, groom(jets))
    assert arrays.features == tuple(GROOMED_OBSERVABLES)
    for column, values in enumerate(expected.values()):
        found = arrays.x[:, column] * arrays.scale[column] + arrays.shift[column]
        np.testing.assert_allclose(found, values, rtol=1e-3, atol=1e-3 * np.std(values))


@pytest.mark.parametrize("num_particles", [1, 8, 64])
def test_particles_are_the_hardest_and_padding_is_zero(dataset: Dataset, num_particles: int) -> None:
    arrays = jet_arrays(dataset, "trigger3", num_particles=num_particles)
    cloud = make_cloud(dataset.read_split("all"), feature_set("trigger3"))
    lengths = cloud.lengths.numpy()
    assert arrays.x.shape == (600, num_particles, 3)
    assert (arrays.num_particles == np.minimum(lengths, num_particles)).all()
    assert (arrays.shift == 0).all()
    for jet in range(0, 600, 37):
        count = arrays.num_particles[jet]
        start = int(cloud.offsets[jet])
        found = arrays.x[jet] * arrays.scale
        np.testing.assert_allclose(found[:count], cloud.x[start : start + count].numpy(), atol=1e-5)
        assert not found[count:].any()
    is_real = np.arange(num_particles) < arrays.num_particles[:, None]
    training = arrays.x[is_real & (arrays.split == 0)[:, None]].astype(np.float64)
    np.testing.assert_allclose(np.sqrt((training**2).mean(0)), 1, atol=1e-4)


def test_scales_come_from_the_training_split_alone(
    tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[[Path, list[Jets]], Path]
) -> None:
    jets = make_jets(300)
    training = split_of(jets.scalars["event_id"]) == 0
    all_of_them = Dataset.open(make_dataset(tmp_path / "all", [jets]))
    only_training = Dataset.open(make_dataset(tmp_path / "training", [jets.take(np.flatnonzero(training))]))
    whole, part = (jet_arrays(dataset) for dataset in (all_of_them, only_training))
    np.testing.assert_allclose(whole.shift, part.shift, rtol=1e-6)
    np.testing.assert_allclose(whole.x[training], part.x, atol=1e-5)


def test_bad_requests_are_refused(
    dataset: Dataset,
    tmp_path: Path,
    make_jets: Callable[..., Jets],
    make_dataset: Callable[[Path, list[Jets]], Path],
) -> None:
    with pytest.raises(InputError, match="num_particles is 0"):
        jet_arrays(dataset, "trigger3", num_particles=0)
    with pytest.raises(InputError, match="jet17"):
        jet_arrays(dataset, "jet17")
    jets = make_jets(300)
    rows = np.flatnonzero(split_of(jets.scalars["event_id"]) == 2)
    testing = Dataset.open(make_dataset(tmp_path / "test", [jets.take(rows)]))
    with pytest.raises(InputError, match="training split"):
        jet_arrays(testing)
