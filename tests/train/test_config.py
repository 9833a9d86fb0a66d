"""Configurations: what they refuse, and JSON there and back."""

from __future__ import annotations

import json

import pytest

from collidium.artifact import InputError, json_dumps
from collidium.models import BACKBONES
from collidium.train import RunConfig, TrainConfig, read_config


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_survives_the_way_to_json_and_back(name, tmp_path):
    config = RunConfig(
        model=BACKBONES[name].config,
        features="full",
        train=TrainConfig(steps=7, clip=None, ema_decay=0.999, patience=3, lr=1.25e-4),
    )
    path = tmp_path / "config.json"
    path.write_text(json_dumps(config))
    assert read_config(path) == config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0), ("steps", 0), ("batch_size", -1), ("lr", 0.0), ("lr", float("nan")), ("lr", float("inf")),
        ("weight_decay", -0.1), ("warmup", 1.0), ("decay", 0.0), ("clip", 0.0), ("ema_decay", 1.0), ("seed", -1),
        ("patience", 0), ("keep_checkpoints", 0), ("log_every", 0), ("checkpoint_every", 0), ("max_particles", 0),
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(field, value):
    with pytest.raises(InputError, match=rf"train\.{field} is .* needed"):
        TrainConfig(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [("schedule", "cosin", "cosine"), ("optimizer", "moun", "muon"), ("precision", "bfloat32", "bfloat16"),
     ("device", "cudo", "cuda"), ("class_balance", "invers", "inverse")],
)  # fmt: skip
def test_unknown_names_offer_the_nearest(field, value, nearest):
    with pytest.raises(InputError, match=f"did you mean .*{nearest}"):
        TrainConfig(**{field: value})


def test_unknown_feature_set_offers_the_nearest():
    with pytest.raises(InputError, match="unknown feature set 'kinpit': did you mean kinpid"):
        RunConfig(model=BACKBONES["mlp"].config, features="kinpit")


@pytest.mark.parametrize("damage", ["truncated", "other type", "unknown field", "wrong value", "text", "no run"])
def test_damaged_files_are_refused_by_name(damage, tmp_path):
    document = json_dumps(RunConfig(model=BACKBONES["mlp"].config))
    content = json.loads(document)
    if damage == "other type":
        content["model"]["type"] = "os.system"
    elif damage == "unknown field":
        content["train"]["momentums"] = 1
    elif damage == "wrong value":
        content["train"]["epochs"] = "many"
    elif damage == "no run":
        content = content["train"]
    path = tmp_path / "config.json"
    path.write_text({"truncated": document[:-40], "text": "[1, 2]"}.get(damage, json.dumps(content)))
    with pytest.raises(InputError, match=r"config\.json"):
        read_config(path)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
