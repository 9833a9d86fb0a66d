"""The page of a search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collidium.artifact import InputError, building, read_manifest
from collidium.report import build_search_report, search_sections
from collidium.report._search import _areas
from collidium.trigger import SearchPoint, SearchResult, SearchTrial, front_of

REST = {"ebops": 100.0, "ff": 7, "latency_cycles": 3, "latency_ns": 15.0}


def trial(number: int, points: list[tuple[int, float]], *, failure: str = "") -> SearchTrial:
    made = [
        SearchPoint(trial=number, epoch=e + 1, lut=lut, merit=merit, **REST) for e, (lut, merit) in enumerate(points)
    ]
    values = {"depth": 1, "width_1": 8, "width_2": 99, "kind_last": "lut", "bits": -1, "pressure": 0.4321}
    return SearchTrial(number=number, values=values, points=tuple(made), failure=failure)


TRIALS = (
    trial(0, [(4096, 0.6), (1024, 0.5)]),
    trial(1, [], failure="no network was better than a constant answer"),
    trial(2, [(2048, 0.7)]),
)


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """A search of three trials on disk."""
    config = {
        "recipe": {"network": {"type": "MLPConfig"}, "fit": {"objective": "cross_entropy"}},
        "space": {"type": "MLPSpace", "depth": [1, 2], "widths": [8, 99]},
        "search": {"population": 2, "seed": 5},
    }
    with building(tmp_path / "search", kind="trigger-search", config=config) as folder:
        (folder / "trials.jsonl").write_text("".join(json.dumps(_plain(item)) + "\n" for item in TRIALS))
        front = front_of(TRIALS, is_higher_better=True)
        points = [vars(point) for point in front]
        (folder / "front.json").write_text(json.dumps({"is_higher_better": True, "points": points}))
    return tmp_path / "search"


def _plain(item: SearchTrial) -> dict[str, object]:
    return {**vars(item), "points": [vars(point) for point in item.points]}


def test_page_has_the_front_its_networks_and_what_failed(search: Path, tmp_path: Path) -> None:
    page = build_search_report(search, tmp_path / "report").read_text()
    for title in ("Headline", "Front", "Course", "Space", "Failed trials", "To reproduce"):
        assert f"{title}</h2>" in page
    for words in (
        "2,048",
        "0.7",
        "depth 1, width_1 8, kind_last lut, bits -1, pressure 0.432",
        "no network was better",
    ):
        assert words in page
    assert "trials/0002 --epoch 1" in page
    assert "width_2" not in page
    plots = {path.name for path in (tmp_path / "report" / "plots").glob("*.png")}
    assert plots == {"search.png", "course.png"}
    assert read_manifest(tmp_path / "report", "report").inputs


def test_equal_searches_give_equal_pages(search: Path, tmp_path: Path) -> None:
    first, second = (build_search_report(search, tmp_path / name) for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_area_grows_to_its_end(search: Path) -> None:
    found = SearchResult.open(search)
    # octaves below 4096 times merit above 0.5: first 0 + 0, then 1 x 0.2
    assert _areas(found) == [0.0, 0.0, 1.0]
    assert "Failed trials" in [section.title for section in search_sections(found)]


def test_damaged_searches_are_refused(search: Path, tmp_path: Path) -> None:
    (search / "trials.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="no record of a trial"):
        build_search_report(search, tmp_path / "report")
    (search / "front.json").write_text("{")
    with pytest.raises(InputError, match=r"front\.json"):
        SearchResult.open(search)
