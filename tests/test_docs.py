"""Documents name what exists: every recipe, verb and room."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import collidium
from collidium.cli._main import VERBS
from collidium.io import FORMATS
from collidium.recipes import RECIPES

ROOT = Path(__file__).parents[1]
ROOMS = sorted(p.parent.name for p in Path(collidium.__file__).parent.glob("*/__init__.py"))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/recipes.md", list(RECIPES)),
        ("docs/command-line.md", [f"collidium {verb}" for verb in VERBS]),
        ("docs/formats.md", list(FORMATS)),
        ("README.md", [f"collidium {verb}" for verb in VERBS]),
        ("mkdocs.yml", [f"api/{room}.md" for room in ROOMS if room not in ("cli", "recipes")]),
    ],
)
def test_pages_name_everything(page: str, names: list[str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in names if name not in text] == []


def test_the_lines_on_the_optimizers_train() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    inputs = torch.randn(256, 4)
    targets = (inputs[:, 0] > inputs[:, 1]).long()
    loss = nn.CrossEntropyLoss()
    lines = (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    before = loss(model(inputs), targets).item()
    given = {"model": model, "loss": loss, "batches": [(inputs, targets)] * 300}
    exec(lines, given)  # our own page
    assert {group["rule"] for group in given["optimizer"].param_groups} == {"normuon", "adamw"}
    assert loss(model(inputs), targets).item() < 0.5 * before


def test_links_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [target for target in targets if not target.startswith("http")]
    assert local
    assert [target for target in local if not (ROOT / target.split("#")[0]).exists()] == []
