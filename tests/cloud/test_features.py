"""Features: the published table, wrapping and folding (P12), inverse (P13), schemas that refuse."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.cloud import (
    COLUMNS,
    FEATURE_SETS,
    FEATURES,
    FeatureSchema,
    Jets,
    ParticleColumns,
    columns_of,
    feature_set,
    make_cloud,
)

# shift and scale of the seventeen JetClass inputs as published with the Particle Transformer
PUBLISHED = {
    "part_pt_log": (1.7, 0.7),
    "part_e_log": (2.0, 0.7),
    "part_logptrel": (-4.7, 0.7),
    "part_logerel": (-4.7, 0.7),
    "part_deltaR": (0.2, 4.0),
    "part_charge": None,
    "part_isChargedHadron": None,
    "part_isNeutralHadron": None,
    "part_isPhoton": None,
    "part_isElectron": None,
    "part_isMuon": None,
    "part_d0": None,
    "part_d0err": (0.0, 1.0),
    "part_dz": None,
    "part_dzerr": (0.0, 1.0),
    "part_deta": None,
    "part_dphi": None,
}


def _columns(jets: Jets) -> ParticleColumns:
    lengths = jets.lengths
    columns = {name: torch.from_numpy(value.astype(np.float64)) for name, value in jets.particles.items()}
    for name in ("jet_pt", "jet_eta", "jet_phi", "jet_energy"):
        columns[name] = torch.from_numpy(np.repeat(jets.scalars[name].astype(np.float64), lengths))
    return ParticleColumns(columns)


def test_full_set_is_the_published_one_in_order() -> None:
    schema = feature_set("full")
    assert schema.names == tuple(PUBLISHED)
    for feature in schema.particle:
        assert (feature.shift, feature.scale) == (PUBLISHED[feature.name] or (0.0, 1.0))
    assert [len(feature_set(name).names) for name in ("kin", "kinpid", "full")] == [7, 13, 17]


def test_values_of_a_hand_computed_particle() -> None:
    px, py, pz, energy = 3.0, 4.0, -12.0, 13.5
    jet = {"jet_pt": 100.0, "jet_eta": -1.5, "jet_phi": 1.0, "jet_energy": 250.0}
    jets = Jets(
        np.array([0, 1]),
        {
            "part_px": np.array([px]),
            "part_py": np.array([py]),
            "part_pz": np.array([pz]),
            "part_energy": np.array([energy]),
            "part_d0val": np.array([0.3]),
            "part_d0err": np.array([2.0]),
        },
        {name: np.array([value]) for name, value in jet.items()},
    )
    names = ("part_pt_log", "part_e_log", "part_logptrel", "part_logerel", "part_deltaR", "part_d0", "part_d0err")
    schema = FeatureSchema(tuple(FEATURES[name][0] for name in (*names, "part_deta", "part_dphi")))
    x = schema.compute(_columns(jets))[0].tolist()
    deta = -(math.asinh(pz / 5.0) + 1.5)
    dphi = math.atan2(py, px) - 1.0
    expected = [
        (math.log(5.0) - 1.7) * 0.7,
        (math.log(energy) - 2.0) * 0.7,
        (math.log(5.0 / 100.0) + 4.7) * 0.7,
        (math.log(energy / 250.0) + 4.7) * 0.7,
        (math.hypot(deta, dphi) - 0.2) * 4.0,
        math.tanh(0.3),
        1.0,
        deta,
        dphi,
    ]
    assert x == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("turns", [1, -1])
def test_turning_the_azimuth_changes_nothing(make_jets: Callable[..., Jets], turns: int) -> None:
    jets = make_jets(50)
    phi = jets.scalars["jet_phi"].astype(np.float64)
    moved = dataclasses.replace(jets, scalars={**jets.scalars, "jet_phi": phi + turns * 2 * np.pi})
    schema = feature_set("full")
    assert torch.allclose(schema.compute(_columns(moved)), schema.compute(_columns(jets)), rtol=0, atol=1e-6)


def test_rotating_the_event_over_the_cut_changes_nothing(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(50)
    angle = 2.5
    c, s = np.cos(angle), np.sin(angle)
    px, py = (jets.particles[name].astype(np.float64) for name in ("part_px", "part_py"))
    phi = jets.scalars["jet_phi"].astype(np.float64) + angle
    rotated = Jets(
        jets.offsets,
        {**jets.particles, "part_px": c * px - s * py, "part_py": s * px + c * py},
        {**jets.scalars, "jet_phi": np.arctan2(np.sin(phi), np.cos(phi))},
    )
    schema = feature_set("full")
    assert torch.allclose(schema.compute(_columns(rotated)), schema.compute(_columns(jets)), rtol=0, atol=1e-6)


def test_reflection_in_eta_is_folded_away(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(50)
    mirrored = Jets(
        jets.offsets,
        {**jets.particles, "part_pz": -jets.particles["part_pz"]},
        {**jets.scalars, "jet_eta": -jets.scalars["jet_eta"]},
    )
    schema = feature_set("full")
    assert torch.allclose(schema.compute(_columns(mirrored)), schema.compute(_columns(jets)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_inverse_returns_the_raw_value_inside_the_clip(make_jets: Callable[..., Jets], name: str) -> None:
    feature, raw_of = FEATURES[name]
    raw = raw_of(_columns(make_jets(200)))
    kept = ~feature.is_clipped(raw)
    assert kept.any()
    back = feature.inverse(feature.transform(raw))
    assert torch.allclose(back[kept], raw[kept], rtol=1e-12, atol=1e-12)
    clipped = feature.is_clipped(raw)
    assert bool((feature.transform(raw)[clipped] != (raw[clipped] - feature.shift) * feature.scale).all())


def test_logarithm_of_nothing_goes_to_the_lower_clip() -> None:
    zero = ParticleColumns({"part_px": torch.zeros(1), "part_py": torch.zeros(1)})
    feature, raw = FEATURES["part_pt_log"]
    assert feature.transform(raw(zero)).item() == -5.0


@pytest.mark.parametrize("name", sorted(FEATURE_SETS))
def test_schema_survives_json(name: str) -> None:
    schema = feature_set(name)
    again = FeatureSchema.from_json(schema.to_json())
    assert again == schema
    assert again.hash == schema.hash


def test_hash_sees_a_changed_scale() -> None:
    schema = feature_set("kin")
    changed = FeatureSchema((dataclasses.replace(schema.particle[0], scale=0.71), *schema.particle[1:]))
    assert changed.hash != schema.hash


def test_missing_columns_are_named(make_jets: Callable[..., Jets]) -> None:
    columns = {c.name: c for c in columns_of(make_jets(2))}
    del columns["part_d0val"]
    with pytest.raises(InputError, match=r"data: column part_d0val missing; needed by part_d0$"):
        feature_set("full").check(columns, "data")
    columns["part_d0val"] = dataclasses.replace(COLUMNS["part_d0val"], unit="cm")
    with pytest.raises(InputError, match="column part_d0val is in cm, mm is needed"):
        feature_set("full").check(columns, "data")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean kinpid"):
        feature_set("kinpd")
    document = feature_set("kin").to_json().replace("part_deltaR", "part_deltaS")
    with pytest.raises(InputError, match="unknown particle feature 'part_deltaS': did you mean part_deltaR"):
        FeatureSchema.from_json(document)
    with pytest.raises(InputError, match="damaged document"):
        FeatureSchema.from_json("[]")


def test_cloud_has_the_jets_in_order(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(20)
    cloud = make_cloud(jets, feature_set("full"))
    assert cloud.y.tolist() == jets.scalars["label"].tolist()
    assert cloud.event_id.numpy().view(np.uint64).tolist() == jets.scalars["event_id"].tolist()
    assert torch.equal(cloud.p4[:, 0], torch.from_numpy(jets.particles["part_energy"]))
    assert cloud.x.shape == (int(jets.offsets[-1]), 17)
    assert cloud.g.shape == (20, 0)
