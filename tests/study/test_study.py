from __future__ import annotations

import multiprocessing
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from collidium.artifact import InputError, read_manifest
from collidium.cli import main
from collidium.report import Plot
from collidium.study import STUDY_NAME, Sources, Study, StudyConfig, Trial, _plots, next_trials, run_study, write_page
from collidium.study._crew import Workplace, gather
from collidium.study._trial import read_trial


@pytest.mark.slow
def test_two_members_on_all_tasks(
    tmp_path: Path, tiny: StudyConfig, sources: Sources, capsys: pytest.CaptureFixture[str], recorder: Any
) -> None:
    study = run_study(tiny, tmp_path / "study", sources=sources, workers=0, progress=recorder)
    assert recorder.begun == [("optimizers", 2 * 4 * (3 + 2 + 2), "runs")]
    assert recorder.advanced == len(study.runs)
    assert recorder.advanced + recorder.skipped == 2 * 4 * (3 + 2 + 2)
    assert recorder.num_ends == 1
    assert {(row["task"], row["member"]) for row in study.summary} == {(t, m) for t in tiny.tasks for m in tiny.members}
    finals = Counter((run["task"], run["member"]) for run in study.runs if run["purpose"] == "final")
    assert set(finals.values()) == {2}
    manifest = read_manifest(study.path, "study")
    assert len(manifest.inputs) == 2
    assert not any("tim" in Path(name).name for name in manifest.files)
    assert {"study.json", "tail-recall.png", "loss-against-steps-jets.pdf"} <= set(manifest.files)
    assert (study.path / "table.csv").read_text().count("\n") == 1 + len(study.summary)

    page = write_page(study, tmp_path / "docs")
    text = page.read_text()
    assert text.count("](images/") == 4 + 4
    for link in (part.split(")")[0] for part in text.split("](")[1:]):
        with Image.open(tmp_path / "docs" / link) as few, Image.open(study.path / Path(link).name) as all_colours:
            assert (few.format, few.mode, few.size) == ("PNG", "P", all_colours.size)
            difference = ImageChops.difference(few.convert("RGB"), all_colours.convert("RGB"))
        assert ImageStat.Stat(difference).rms < [12] * 3
    (loss,) = (row["loss"] for row in study.summary if (row["task"], row["member"]) == ("jets", "muon"))
    assert f"{loss:.4f}" in text
    assert "`muon` | language | adamw's final loss in at most 60% of its steps" in text

    assert main(["show", str(study.path)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("(study)", "memory_hidden", "muon"))


def _draw_one(patch: pytest.MonkeyPatch) -> None:
    """Have studies write one small picture in place of all plots, which take most of the time."""
    picture = BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    patch.setattr(_plots, "draw_plots", lambda runs, rows, timings: [Plot("plot", "", "", picture.getvalue(), b"pdf")])


@pytest.fixture(scope="module")
def memory(tiny: StudyConfig) -> StudyConfig:
    """Two members on the linear memory."""
    return replace(tiny, tasks=("memory",))


@pytest.fixture(scope="module")
def whole(memory: StudyConfig, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """An uninterrupted study of the memory, made in this process."""
    with pytest.MonkeyPatch.context() as patch:
        _draw_one(patch)
        return run_study(memory, tmp_path_factory.mktemp("whole") / "study", sources=Sources(), workers=0)


def test_an_interrupted_study_goes_on_to_the_same_end(
    tmp_path: Path, memory: StudyConfig, whole: Study, monkeypatch: pytest.MonkeyPatch, recorder: Any
) -> None:
    _draw_one(monkeypatch)

    def stop_after_five() -> None:
        if recorder.advanced == 5:
            raise KeyboardInterrupt

    recorder.on_advance = stop_after_five
    with pytest.raises(KeyboardInterrupt):
        run_study(memory, tmp_path / "cut", sources=Sources(), workers=0, progress=recorder)
    partial = tmp_path / "cut.partial"
    before = {path: path.stat().st_mtime_ns for path in partial.rglob("result.json")}
    assert 5 <= len(before) < len(whole.runs)
    torn = next(iter(before)).with_name(".result.json.1.tmp")
    torn.write_text("{")
    recorder.advanced = recorder.skipped = 0
    recorder.on_advance = lambda: None
    again = run_study(memory, tmp_path / "cut", sources=Sources(), workers=0, progress=recorder)
    assert recorder.advanced == len(whole.runs) - len(before)
    assert recorder.advanced + recorder.skipped == 2 * (3 + 2 + 2)
    kept = {tmp_path / "cut" / path.relative_to(partial): at for path, at in before.items()}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (again.path / STUDY_NAME).read_bytes() == (whole.path / STUDY_NAME).read_bytes()
    assert read_manifest(again.path).content_hash == read_manifest(whole.path).content_hash


@pytest.mark.slow
def test_workers_give_the_same_numbers_and_end(tmp_path: Path, memory: StudyConfig, whole: Study) -> None:
    workplace = Workplace(config=memory, sources=Sources(), folder=tmp_path)
    trials = [trial for member in memory.members for trial in next_trials(memory, "memory", member, {})]
    with gather(workplace, 2) as crew:
        for trial in trials:
            crew.submit(trial)
        assert {crew.wait() for _ in trials} == set(trials)
    for trial in trials:
        assert read_trial(tmp_path / trial.folder) == read_trial(whole.path / trial.folder)
    assert not multiprocessing.active_children()


def test_a_member_that_always_diverges_is_told(
    tmp_path: Path, tiny: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _draw_one(monkeypatch)
    sizes = replace(tiny.memory, rate_scale=9e5)
    config = replace(tiny, tasks=("memory",), members=("adamw",), memory=sizes)
    study = run_study(config, tmp_path / "study", sources=Sources(), workers=0)
    (row,) = study.summary
    assert (row["rate"], row["loss"], row["num_sweep_diverged"]) == (None, None, 5)
    assert [run["final_loss"] for run in study.runs] == [None] * 5
    assert "diverged at every rate" in write_page(study, tmp_path / "docs").read_text()


def test_seeds_follow_at_the_best_rate() -> None:
    config = StudyConfig(num_seeds=2)
    sweep = next_trials(config, "language", "adamw", {})
    results = {trial: {"final_loss": abs(trial.index) + 1.0} for trial in sweep}
    finals = next_trials(config, "language", "adamw", results)
    assert [(final.purpose, final.rate, final.seed) for final in finals] == [("final", 0.003, 1), ("final", 0.003, 2)]
    done = {**results, finals[0]: {"final_loss": 1.0}}
    assert next_trials(config, "language", "adamw", done) == finals[1:]
    lost: dict[Trial, dict[str, object]] = {trial: {"final_loss": None} for trial in sweep}
    assert [trial.index for trial in next_trials(config, "language", "adamw", lost)] == [-2]


def test_bad_input(tmp_path: Path, tiny: StudyConfig, text: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("ab", encoding="utf-8")
    language = replace(tiny, tasks=("language",))
    for config, sources, words in (
        (tiny, Sources(), "needs --text PATH"),
        (language, Sources(text=tmp_path / "none.txt"), "none.txt: no such text file"),
        (language, Sources(text=short), "has 2 characters; about 9[01] are needed"),
        (tiny, Sources(text=text), "needs --jets PATH"),
    ):
        with pytest.raises(InputError, match=words):
            run_study(config, tmp_path / "study", sources=sources, workers=0)
    assert not (tmp_path / "study.partial").exists()
    for changes in ({"members": ("mun",)}, {"tasks": ()}, {"members": ("muon", "muon")}, {"grid_factor": 1.0}):
        with pytest.raises(InputError):
            replace(tiny, **changes)
    (tmp_path / "broken").mkdir()
    with pytest.raises(InputError, match="it has no manifest"):
        Study.open(tmp_path / "broken")
