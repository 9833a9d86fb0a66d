from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.cloud import SPLITS, Dataset, Jets, split_of
from collidium.evaluate import EvaluateConfig, Predictions, evaluate, evaluate_predictions
from collidium.models import DeepSetsConfig
from collidium.report import PAGE_NAME, Section, build_report
from collidium.report._calibration import calibration_section
from collidium.report._gallery import gallery_section
from collidium.report._inputs import inputs_section
from collidium.train import Run, RunConfig, TrainConfig, train

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


@pytest.mark.slow
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
    assert "trained on another dataset" not in section_of(text, "input-features")
    assert "in train and test" in section_of(text, "input-features")
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


CONFIG = EvaluateConfig(num_replicas=5, device="cpu")


def test_a_run_or_dataset_that_the_predictions_do_not_come_from_is_refused(
    two_classes: Inputs, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", [make_jets(200, seed=9, longest=5)])
    with pytest.raises(InputError, match=r"other: .*predictions was not made from it; the dataset that was evaluated"):
        build_report(two_classes.run, two_classes.predictions, other, tmp_path / "r")
    config = replace(Run.open(two_classes.run).config, train=TrainConfig(steps=1, batch_size=50, device="cpu"))
    train(config, two_classes.dataset, tmp_path / "run2")
    with pytest.raises(InputError, match=r"run2: .*predictions was not made from it; the run that was evaluated"):
        build_report(tmp_path / "run2", two_classes.predictions, None, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_predictions_without_labels_are_refused_in_one_line(
    two_classes: Inputs, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    jets = Dataset.open(two_classes.dataset).read_shard(0)
    jets = replace(jets, scalars={**jets.scalars, "label": np.full(len(jets), -1)})
    recorded = make_dataset(tmp_path / "recorded", [jets])
    out = evaluate(two_classes.run, recorded, tmp_path / "p", config=CONFIG)
    with pytest.raises(InputError, match=r"/p: no jet has a label") as caught:
        build_report(two_classes.run, out, recorded, tmp_path / "r")
    assert "\n" not in str(caught.value)


def test_a_split_of_one_class_and_no_train_split_gives_a_page_without_them(
    two_classes: Inputs, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    jets = make_jets(400, seed=5, longest=12)
    is_test = split_of(jets.scalars["event_id"]) == SPLITS.index("test")
    chosen = np.flatnonzero(is_test & (jets.scalars["label"] == 1))
    signal = make_dataset(tmp_path / "signal", [jets.take(chosen)])
    out = evaluate(two_classes.run, signal, tmp_path / "p", config=CONFIG)
    path = build_report(two_classes.run, out, signal, tmp_path / "r")
    assert parse(path).anchors == [anchor for anchor in SECTIONS if anchor != "input-features"]
    headline = section_of(path.read_text(encoding="utf-8"), "headline")
    assert "not defined" in headline


def text_of(dataset: Path, run: Path, split: str) -> str:
    return inputs_section(Dataset.open(dataset), Run.open(run).schema, split, 10, is_training_data=True).html


def test_samples_that_share_jets_are_not_tested_for_agreement(
    two_classes: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collidium.report._inputs.make_plot", lambda *arguments, **options: None)
    for split in ("train", "all"):
        html = text_of(two_classes.dataset, two_classes.run, split)
        assert "χ²" not in html
        assert "<th scope='col'>p</th>" not in html
        assert "KS distance" in html
    assert "χ²" in text_of(two_classes.dataset, two_classes.run, "val")


def test_data_that_the_model_was_not_trained_on_are_not_called_training(
    two_classes: Inputs, make_jets: Callable[..., Jets], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", [make_jets(300, seed=9, longest=5)])
    out = evaluate(two_classes.run, other, tmp_path / "p", config=CONFIG)
    page = build_report(two_classes.run, out, other, tmp_path / "r")
    section = section_of(page.read_text(encoding="utf-8"), "input-features")
    assert "The model was trained on another dataset" in section
    assert "in train split, not trained on and test" in section
    assert "constant or too few jets" in section


@pytest.mark.parametrize("changes", [{"split": "half"}, {"max_particles": None}])
def test_metrics_without_their_context_are_refused(
    two_classes: Inputs, tmp_path: Path, changes: dict[str, object]
) -> None:
    document = two_classes.predictions / "metrics.json"
    document.write_text(json.dumps(json.loads(document.read_text()) | changes))
    with pytest.raises(InputError, match=r"metrics\.json: split or max_particles"):
        build_report(two_classes.run, two_classes.predictions, None, tmp_path / "r")


def test_an_interruption_ends_the_progress_and_leaves_nothing(
    two_classes: Inputs, tmp_path: Path, recorder: Any
) -> None:
    def interrupt_at_the_third_section() -> None:
        if recorder.advanced == 3:
            raise KeyboardInterrupt

    recorder.on_advance = interrupt_at_the_third_section
    with pytest.raises(KeyboardInterrupt):
        build_report(two_classes.run, two_classes.predictions, None, tmp_path / "r", progress=recorder)
    assert recorder.num_ends == 1
    assert not list(tmp_path.glob("r.partial"))


def test_calibration_bars_follow_the_effective_number_of_jets(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    drawn: list[np.ndarray] = []
    original = Axes.errorbar
    monkeypatch.setattr(
        Axes,
        "errorbar",
        lambda self, x, y, yerr, **options: drawn.append(yerr) or original(self, x, y, yerr, **options),
    )
    generator = np.random.default_rng(0)
    p, label = generator.uniform(0.05, 0.95, 3000), generator.integers(0, 2, 3000)
    ids, both = np.arange(3000, dtype=np.uint64), np.stack([1 - p, p], axis=1)
    for weight in (np.ones(3000), np.where(ids % 2 == 0, 1.0, 3.0)):
        jets = Predictions(ids, label, weight, both, ("QCD", "top"))
        calibration_section(jets, evaluate_predictions(jets, num_replicas=2))
    same, weighted = drawn[0], drawn[2]
    np.testing.assert_allclose(weighted / same, np.sqrt(5.0) / 2.0, rtol=0.1)  # sqrt(mean(w^2)) / mean(w)
