from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from collidium.artifact import InputError, read_manifest
from collidium.cloud import Dataset, Jets
from collidium.evaluate import EvaluateConfig, Predictions, evaluate
from collidium.models import DeepSetsConfig
from collidium.report import PAGE_NAME, Section, build_report
from collidium.report._gallery import gallery_section
from collidium.train import RunConfig, TrainConfig, train

SECTIONS = [
    "headline",
    "roc",
    "score-distributions",
    "confusion-matrix",
    "calibration",
    "learning-curves",
    "input-features",
    "gallery-of-jets",
    "configuration",
    "to-reproduce",
]
VOID = {"meta", "link", "img", "br"}


@dataclass(frozen=True)
class Inputs:
    dataset: Path
    run: Path
    predictions: Path


def make_inputs(folder: Path, make_jets, make_dataset, classes: tuple[str, ...]) -> Inputs:
    dataset = make_dataset(
        folder / "data", [make_jets(250, seed=seed, longest=12, classes=classes) for seed in range(2)]
    )
    config = RunConfig(
        model=DeepSetsConfig(particle_widths=(16,), jet_widths=(16,)),
        features="trigger3",
        train=TrainConfig(epochs=2, batch_size=100, max_particles=10, device="cpu"),
    )
    train(config, dataset, folder / "run", command=["collidium", "train", "x"])
    evaluate(folder / "run", dataset, folder / "predictions", config=EvaluateConfig(num_replicas=20, device="cpu"))
    return Inputs(dataset, folder / "run", folder / "predictions")


@pytest.fixture
def two_classes(tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path]) -> Inputs:
    return make_inputs(tmp_path, make_jets, make_dataset, ("QCD", "Tbqq"))


class Page(HTMLParser):
    """Collects what the page refers to, and fails on a tag that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.anchors: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.links += [value for name in ("src", "href") if (value := given.get(name)) is not None]
        if tag == "img":
            self.images.append(given)
        if tag == "section":
            self.anchors.append(given["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def section_of(text: str, anchor: str) -> str:
    """The part of a page that is one section."""
    return text[text.index(f"<section id='{anchor}'") :].partition("</section>")[0]


def test_the_page_is_whole_and_self_contained_and_its_sections_are_the_same_twice(
    two_classes: Inputs, tmp_path: Path
) -> None:
    inputs = two_classes.run, two_classes.predictions
    path = build_report(*inputs, two_classes.dataset, tmp_path / "a", command=["again"])
    assert path == tmp_path / "a" / PAGE_NAME
    page = parse(path)
    assert page.anchors == SECTIONS
    assert all(link.startswith(("data:", "#")) for link in page.links)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import", text)
    assert not page.tags & {"script", "iframe", "object", "embed"}
    assert all(image["alt"] and image["width"] for image in page.images)
    assert "collidium train x\nagain" in text
    again = build_report(*inputs, None, tmp_path / "b", command=["again"]).read_text(encoding="utf-8")
    for anchor in (*SECTIONS[:6], "configuration"):
        assert section_of(text, anchor) == section_of(again, anchor)
    first, second = (read_manifest(tmp_path / name, "report").files for name in ("a", "b"))
    assert all(first[name] == digest for name, digest in second.items() if name.startswith("plots/"))
    plots = tmp_path / "a" / "plots"
    assert len(list(plots.glob("*.png"))) == len(list(plots.glob("*.pdf"))) == len(page.images)
    embedded = {base64.b64decode((image["src"] or "").partition(",")[2]) for image in page.images}
    assert embedded == {file.read_bytes() for file in plots.glob("*.png")}


def test_many_classes_without_a_dataset_and_with_a_later_section(
    tmp_path: Path, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path]
) -> None:
    names = ("QCD", *(f"signal{k}" for k in range(5)))
    inputs = make_inputs(tmp_path, make_jets, make_dataset, names)
    extra = Section("Limits", "<p>None yet.</p>")
    page = parse(build_report(inputs.run, inputs.predictions, None, tmp_path / "report", extra=[extra]))
    assert page.anchors == [*SECTIONS[:6], "limits", *SECTIONS[8:]]


def test_what_does_not_fit_together_is_refused(
    two_classes: Inputs, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", [make_jets(200, seed=9, longest=5)])
    with pytest.raises(InputError, match="the dataset that was evaluated is needed"):
        gallery_section(Predictions.read(two_classes.predictions), Dataset.open(other))
    with pytest.raises(InputError, match=r"is a run artifact|no such file"):
        build_report(two_classes.run, two_classes.run, None, tmp_path / "r")
    with pytest.raises(InputError, match="exists already"):
        build_report(two_classes.run, two_classes.predictions, None, two_classes.dataset)
    (two_classes.predictions / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match=r"metrics\.json: metrics: damaged"):
        build_report(two_classes.run, two_classes.predictions, None, tmp_path / "r")
    assert not list(tmp_path.glob("r.partial"))
