"""Recipes: each builds, survives JSON, and files of the user's own work by path."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from collidium.artifact import InputError, to_plain
from collidium.cloud import feature_set
from collidium.recipes import RECIPES, find_recipe
from collidium.recipes._registry import CONFIGS_OF_KIND
from collidium.train import RunConfig
from collidium.trigger import TriggerConfig

TRAIN = sorted(name for name, recipe in RECIPES.items() if recipe.kind == "train")
TRIGGER = [name for name in TRAIN if name.startswith("trigger-")]
OWN = """
from collidium.models import MLPConfig
from collidium.train import RunConfig

def recipe():
    return RunConfig(model=MLPConfig(widths=(8,)), features="jet16")

def other():
    return 7
"""


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_give_full_configurations(name: str) -> None:
    kind = RECIPES[name].kind
    config = find_recipe(name, kind)
    assert isinstance(config, CONFIGS_OF_KIND[kind])
    assert dataclasses.is_dataclass(config)
    json.dumps(to_plain(config))


@pytest.mark.parametrize("name", sorted({*TRAIN} - {*TRIGGER}))
def test_training_recipes_build_on_their_features(name: str) -> None:
    config = find_recipe(name, "train")
    assert isinstance(config, RunConfig)
    schema = feature_set(config.features)
    model = config.model.build(len(schema.particle), len(schema.jet), 10, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


@pytest.mark.parametrize("name", TRIGGER)
def test_trigger_recipes_build(name: str) -> None:
    config = find_recipe(name, "train")
    assert isinstance(config, TriggerConfig)
    assert config.network.build(seed=0).ebops() > 0


def test_published_size_of_the_particle_transformer() -> None:
    config = find_recipe("part", "train")
    assert isinstance(config, RunConfig)
    model = config.model.build(17, 0, 10, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_143_486


def test_own_file_works_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    config = find_recipe(str(path), "train")
    assert isinstance(config, RunConfig)
    assert config.features == "jet16"
    with pytest.raises(InputError, match=r"other\(\) returned int, RunConfig or TriggerConfig is needed"):
        find_recipe(f"{path}:other", "train")
    with pytest.raises(InputError, match="has no function 'third'; functions there: recipe, other"):
        find_recipe(f"{path}:third", "train")
    with pytest.raises(InputError, match="returned RunConfig, GenerateConfig is needed"):
        find_recipe(str(path), "generate")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def recipe(:\n", r"mine.py:1: "),
        ("import nothing_like_this\n", r"mine.py:1: ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def recipe():\n    return 1 / 0\n", r"mine.py:2: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_in_own_files_are_one_line_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        find_recipe(str(path), "train")


def test_own_files_may_define_dataclasses(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    extra = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    path.write_text(extra + OWN)
    assert isinstance(find_recipe(str(path), "train"), RunConfig)
