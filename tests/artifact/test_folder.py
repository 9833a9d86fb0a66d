"""Artifact folders: whole or absent, resumable, hashed by content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collidium.artifact import InputError, atomic_write, building, read_manifest


def _disk_is_full() -> dict[str, str]:
    raise OSError("full")


def _build(path: Path, text: str = "3", **options: object) -> None:
    with building(path, kind="example", config={"n": 3}, **options) as folder:  # type: ignore[arg-type]
        (folder / "n.txt").write_text(text)


def test_a_job_killed_before_its_plan_was_written_is_in_nobodys_way(tmp_path: Path) -> None:
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / ".plan.json.7.tmp").write_text('{"ki')
    with building(tmp_path / "out", kind="example", config={"n": 1}, resumable=True) as folder:
        (folder / "n.txt").write_text("1")
    assert list(read_manifest(tmp_path / "out").files) == ["n.txt"]
    (tmp_path / "other.partial").mkdir()
    (tmp_path / "other.partial" / "data").write_text("somebody's")
    with (
        pytest.raises(InputError, match="left by a job"),
        building(tmp_path / "other", kind="example", config={"n": 1}, resumable=True),
    ):
        pass
    assert (tmp_path / "other.partial" / "data").exists()


def test_manifest_records_what_was_made(tmp_path: Path) -> None:
    _build(tmp_path / "a", seed=7, command=["collidium", "example"])
    manifest = read_manifest(tmp_path / "a", "example")
    assert manifest.config == {"n": 3}
    assert manifest.seed == 7
    assert manifest.command == ["collidium", "example"]
    assert list(manifest.files) == ["n.txt"]
    assert "torch" in manifest.packages


def test_content_hash_depends_on_content_alone(tmp_path: Path) -> None:
    for name, text in (("a", "3"), ("b", "3"), ("c", "4")):
        _build(tmp_path / name, text)
    a, b, c = (read_manifest(tmp_path / name).content_hash for name in "abc")
    assert a == b != c


def test_untracked_files_do_not_change_the_hash(tmp_path: Path) -> None:
    for name in "ab":
        with building(tmp_path / name, kind="example", config={}, untracked=["timings.jsonl"]) as folder:
            (folder / "timings.jsonl").write_text(name)
    assert read_manifest(tmp_path / "a").content_hash == read_manifest(tmp_path / "b").content_hash


def test_inputs_are_recorded_by_content(tmp_path: Path) -> None:
    _build(tmp_path / "a")
    _build(tmp_path / "b", inputs=[tmp_path / "a"])
    assert read_manifest(tmp_path / "b").inputs == {str(tmp_path / "a"): read_manifest(tmp_path / "a").content_hash}


def test_existing_output_is_refused_and_kept(tmp_path: Path) -> None:
    _build(tmp_path / "a")
    before = (tmp_path / "a" / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="output exists already"):
        _build(tmp_path / "a", "other")
    assert (tmp_path / "a" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), building(tmp_path / "a", kind="example", config={}) as folder:
        (folder / "half").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_resumable_failure_keeps_the_work(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        building(tmp_path / "a", kind="e", config={"n": 1}, resumable=True) as folder,
    ):
        (folder / "first").write_text("1")
        raise KeyboardInterrupt
    assert not (tmp_path / "a").exists()
    with building(tmp_path / "a", kind="e", config={"n": 1}, resumable=True) as folder:
        assert (folder / "first").read_text() == "1"
        (folder / "second").write_text("2")
    assert sorted(read_manifest(tmp_path / "a").files) == ["first", "second"]


def test_failure_while_closing_can_be_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a kill while the manifest is written must not make the finished work unusable."""
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):
        patch.setattr("collidium.artifact._folder.installed_versions", _disk_is_full)
        _build(tmp_path / "a", resumable=True)
    _build(tmp_path / "a", resumable=True)
    assert list(read_manifest(tmp_path / "a").files) == ["n.txt"]


def test_same_input_by_another_path_is_the_same_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _build(tmp_path / "in")
    with (
        pytest.raises(KeyboardInterrupt),
        building(tmp_path / "a", kind="e", config={}, inputs=[tmp_path / "in"], resumable=True),
    ):
        raise KeyboardInterrupt
    monkeypatch.chdir(tmp_path)
    with building(tmp_path / "a", kind="e", config={}, inputs=[Path("in")], resumable=True):
        pass
    assert read_manifest(tmp_path / "a").inputs.keys() == {"in"}


def test_partial_of_another_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), building(tmp_path / "a", kind="e", config={"n": 1}, resumable=True):
        raise KeyboardInterrupt
    with (
        pytest.raises(InputError, match="another configuration"),
        building(tmp_path / "a", kind="e", config={"n": 2}, resumable=True),
    ):
        pass


def test_partial_of_other_package_versions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"collidium": "0.1.0", "torch": "2.13.0"}
    monkeypatch.setattr("collidium.artifact._folder.installed_versions", lambda: versions)
    with pytest.raises(KeyboardInterrupt), building(tmp_path / "a", kind="data", config={}, resumable=True):
        raise KeyboardInterrupt
    versions["torch"] = "2.14.0"
    with (
        pytest.raises(InputError, match=r"left by a job with torch 2\.13\.0 instead of 2\.14\.0; remove it"),
        building(tmp_path / "a", kind="data", config={}, resumable=True),
    ):
        pass


def test_damaged_manifest_is_named(tmp_path: Path) -> None:
    _build(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest.json: damaged manifest"):
        read_manifest(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text(json.dumps({"kind": "x"}))
    with pytest.raises(InputError, match="damaged manifest"):
        read_manifest(tmp_path / "a")


def test_other_kind_is_refused(tmp_path: Path) -> None:
    _build(tmp_path / "a")
    with pytest.raises(InputError, match="is a example artifact, a dataset artifact is needed"):
        read_manifest(tmp_path / "a", "dataset")


def test_atomic_write_keeps_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path, "w") as stream:
        stream.write("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("resumable", [True, False])
def test_a_folder_of_somebody_else_s_is_never_touched(tmp_path: Path, resumable: bool) -> None:
    mine = tmp_path / "a.partial" / "thesis.tex"
    mine.parent.mkdir()
    mine.write_text("years of work")
    with pytest.raises(InputError, match="left by a job of another configuration"):
        _build(tmp_path / "a", resumable=resumable)
    assert mine.read_text() == "years of work"


_KILLED_INSIDE_A_WRITE = """
import os, sys
from pathlib import Path
from collidium.artifact import atomic_write, building
with building(Path(sys.argv[1]), kind="example", config={"n": 3}, resumable=True) as folder:
    with atomic_write(folder / "n.txt", "w") as stream:
        stream.write("half")
        stream.flush()
        os.kill(os.getpid(), 9)
"""


def test_kill_inside_a_write_leaves_no_trace_in_the_result(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED_INSIDE_A_WRITE, str(tmp_path / "a")]
    assert subprocess.run(command).returncode == -9
    assert [file.name for file in (tmp_path / "a.partial").iterdir() if file.name.startswith(".n.txt")] != []
    _build(tmp_path / "a", resumable=True)
    _build(tmp_path / "b", resumable=True)
    assert read_manifest(tmp_path / "a").content_hash == read_manifest(tmp_path / "b").content_hash
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["manifest.json", "n.txt"]


def test_two_processes_cannot_build_the_same(tmp_path: Path) -> None:
    with building(tmp_path / "a", kind="example", config={"n": 3}, resumable=True) as folder:
        (folder / "n.txt").write_text("3")
        with pytest.raises(InputError, match="another process is making it right now"):
            _build(tmp_path / "a", resumable=True)
    assert read_manifest(tmp_path / "a").kind == "example"


def test_unknown_schema_and_names_outside_the_folder_are_refused(tmp_path: Path) -> None:
    _build(tmp_path / "a")
    document = tmp_path / "a" / "manifest.json"
    content = json.loads(document.read_text())
    document.write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(InputError, match="schema version 99 is not known, 1 is needed"):
        read_manifest(tmp_path / "a")
    document.write_text(json.dumps({**content, "files": {"../x": "0"}}))
    with pytest.raises(InputError, match="names a file outside its folder"):
        read_manifest(tmp_path / "a")


def test_paths_that_are_no_text_and_numbers_that_are_none_can_be_written(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"in\xff.bin")
    odd.write_bytes(b"x")
    with building(tmp_path / "a", kind="example", config={"value": float("nan")}, inputs=[odd]):
        pass
    manifest = read_manifest(tmp_path / "a")
    assert [Path(name).name for name in manifest.inputs] == ["in\\udcff.bin"]
    assert manifest.config == {"value": None}
