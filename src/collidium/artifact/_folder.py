"""Artifact folders that appear whole or not at all."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collidium.artifact._atomic import atomic_write
from collidium.artifact._errors import InputError
from collidium.artifact._hashing import config_hash, file_hash, json_dumps, to_plain
from collidium.artifact._manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest, installed_versions, read_manifest

_PLAN_NAME = ".plan.json"


@contextmanager
def building(
    path: Path,
    *,
    kind: str,
    config: object,
    inputs: Sequence[Path] = (),
    seed: int | None = None,
    command: Sequence[str] | None = None,
    resumable: bool = False,
    untracked: Sequence[str] = (),
) -> Iterator[Path]:
    """Build an artifact in ``PATH.partial`` and give it its name when it is complete.

    Parameters
    ----------
    path : Path
        Where the artifact will be; must not exist.
    kind : str
        Kind of artifact, e.g. ``"dataset"``.
    config : object
        The resolved configuration (dataclass or mapping); stored in the manifest.
    inputs : sequence of Path
        Artifacts or files read; their hashes are stored.
    seed : int, optional
        The seed of a random stage.
    command : sequence of str, optional
        The command that makes the artifact again.
    resumable : bool
        Keep the partial folder when the block fails, and hand it out again to the next call with the same kind,
        configuration, inputs and package versions.
    untracked : sequence of str
        Names of files whose bytes vary from run to run (timings); left out of the content hash.

    Yields
    ------
    Path
        The partial folder, to be filled.

    Raises
    ------
    InputError
        If ``path`` exists, or a partial folder of another configuration or of other package versions is in the way.

    Examples
    --------
    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "numbers"
    >>> with building(out, kind="example", config={"n": 3}) as folder:
    ...     _ = (folder / "n.txt").write_text("3")
    >>> sorted(file.name for file in out.iterdir())
    ['manifest.json', 'n.txt']
    """
    if path.exists():
        raise InputError(f"{path}: output exists already; choose another name or remove it")
    started = time.monotonic()
    recorded = {str(item): _input_hash(item) for item in inputs}
    packages = installed_versions()
    plan = {"kind": kind, "config": config_hash(config), "inputs": sorted(recorded.values()), "packages": packages}
    with _held(path) as partial:
        _claim(partial, plan, resumable=resumable)
        try:
            yield partial
            files = _file_hashes(partial, untracked)
            manifest = Manifest(
                kind=kind,
                schema_version=SCHEMA_VERSION,
                config=to_plain(config),
                inputs=recorded,
                packages=packages,
                seed=seed,
                seconds=round(time.monotonic() - started, 3),
                command=list(command) if command is not None else None,
                files=files,
                content_hash=hashlib.sha256(json_dumps(files).encode()).hexdigest(),
            )
            with atomic_write(partial / MANIFEST_NAME, "w") as stream:
                stream.write(json_dumps(dataclasses.asdict(manifest)))
            partial.rename(path)
            (path / _PLAN_NAME).unlink()
        except BaseException:
            if not resumable:
                shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def _held(path: Path) -> Iterator[Path]:
    """The partial folder's name, while no other process builds the same artifact."""
    if path.parent.exists() and not path.parent.is_dir():
        raise InputError(f"{path.parent}: is a file, a folder is needed")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{path}: another process is making it right now") from error
        try:
            yield path.with_name(path.name + ".partial")
        finally:
            lock.unlink(missing_ok=True)


def _claim(partial: Path, plan: dict[str, Any], *, resumable: bool) -> None:
    """Make the partial folder, or take up the one that an interrupted call left."""
    if partial.is_dir() and all(item.match(".*.tmp") for item in partial.iterdir()):
        shutil.rmtree(partial)  # killed before the plan was written
    if partial.exists():
        if difference := _difference(partial / _PLAN_NAME, plan):
            raise InputError(f"{partial}: left by a job {difference}; remove it or choose another name")
        if resumable:
            for leftover in partial.rglob(".*.tmp"):
                leftover.unlink()
            return
        shutil.rmtree(partial)
    partial.mkdir()
    try:
        with atomic_write(partial / _PLAN_NAME, "w") as stream:
            stream.write(json_dumps(plan))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _difference(written: Path, plan: dict[str, Any]) -> str | None:
    """How the job that left a plan differs from this one, in words; None if it does not."""
    try:
        left = json.loads(written.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "of another configuration"
    if left == plan:
        return None
    if {**left, "packages": None} != {**plan, "packages": None}:
        return "of another configuration"
    before, now = left["packages"], plan["packages"]
    return "with " + ", ".join(
        f"{name} {before.get(name, 'absent')} instead of {now.get(name, 'absent')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )


def _input_hash(item: Path) -> str:
    """Content hash of an artifact, or hash of a file."""
    if item.is_dir():
        return read_manifest(item).content_hash
    if not item.is_file():
        raise InputError(f"{item}: no such file or folder")
    return file_hash(item)


def _file_hashes(folder: Path, untracked: Sequence[str]) -> dict[str, str]:
    """Hashes of the files of a folder by relative path, without the untracked ones."""
    left_out = {*untracked, _PLAN_NAME, MANIFEST_NAME}
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    return {name: file_hash(folder / name) for name in names if Path(name).name not in left_out}
