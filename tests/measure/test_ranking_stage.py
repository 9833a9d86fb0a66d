from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, RankConfig, rank_workspace, ranking


@pytest.fixture
def path(every_modifier: dict[str, Any], tmp_path: Path) -> Path:
    written = tmp_path / "workspace.json"
    written.write_text(json.dumps(every_modifier))
    return written


def test_a_ranking_is_that_of_the_library(path: Path, likelihood: HistFactory, tmp_path: Path) -> None:
    rank = RankConfig(parameters=("jes", "theory"))
    written = json.loads(rank_workspace(path, tmp_path / "out", rank=rank).read_text())
    impacts = ranking(likelihood, "mu", names=("jes", "theory"))
    assert [impact["name"] for impact in written["impacts"]] == [impact.name for impact in impacts]
    assert [impact["up"] for impact in written["impacts"]] == [impact.up for impact in impacts]
    assert written["poi"] == "mu"


def test_all_free_parameters_by_default(path: Path, likelihood: HistFactory, tmp_path: Path) -> None:
    written = json.loads(rank_workspace(path, tmp_path / "out").read_text())
    sizes = [impact["size"] for impact in written["impacts"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {impact["name"] for impact in written["impacts"]} == {i.name for i in ranking(likelihood, "mu")}


def test_held_parameters_have_no_impact(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="parameter 'norm_tt' is held"):
        rank_workspace(path, tmp_path / "out", rank=RankConfig(parameters=("norm_tt",)))
    assert not (tmp_path / "out").exists()
