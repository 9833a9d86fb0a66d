"""The manifest: what an artifact is and how to make it again."""

from __future__ import annotations

import dataclasses
import json
from importlib import metadata
from pathlib import Path

from collidium.artifact._errors import InputError
from collidium.artifact._hashing import Plain

MANIFEST_NAME = "manifest.json"
SCHEMA_VERSION = 1
RECORDED_PACKAGES = ("collidium", "numpy", "torch", "awkward", "pyarrow", "uproot", "fastjet", "pythia8mc")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Content of ``manifest.json``.

    Attributes
    ----------
    kind : str
        ``dataset``, ``run``, ``predictions``, ``report``, ...
    schema_version : int
        Version of this layout.
    config : dict
        The resolved configuration that made the artifact.
    inputs : dict of str to str
        Content hash of each input artifact, or SHA-256 of each input file, by path.
    packages : dict of str to str
        Versions of the packages that took part.
    seed : int or None
        The seed, where the stage is random.
    seconds : float
        Wall time of the stage.
    command : list of str or None
        The command that makes the artifact again.
    files : dict of str to str
        SHA-256 of each file whose bytes are fixed by the configuration.
    content_hash : str
        SHA-256 over ``files``: equal for equal content, whatever the number of workers.
    """

    kind: str
    schema_version: int
    config: Plain
    inputs: dict[str, str]
    packages: dict[str, str]
    seed: int | None
    seconds: float
    command: list[str] | None
    files: dict[str, str]
    content_hash: str


def installed_versions() -> dict[str, str]:
    """Versions of the packages worth recording that are installed."""
    versions = {}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def read_manifest(path: Path, kind: str | None = None) -> Manifest:
    """Read the manifest of an artifact.

    Parameters
    ----------
    path : Path
        The artifact's folder.
    kind : str, optional
        Refuse any other kind.

    Returns
    -------
    Manifest
        The record.

    Raises
    ------
    InputError
        If the folder or its manifest is absent or damaged, or the kind is another one.

    Examples
    --------
    >>> read_manifest(Path("no/such/folder"))
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: no/such/folder: no such folder
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    document = path / MANIFEST_NAME
    if not document.is_file():
        raise InputError(f"{path}: not an artifact, it has no {MANIFEST_NAME}")
    try:
        manifest = Manifest(**json.loads(document.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{document}: damaged manifest ({error})") from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise InputError(
            f"{document}: schema version {manifest.schema_version} is not known, {SCHEMA_VERSION} is needed"
        )
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in manifest.files):
        raise InputError(f"{document}: names a file outside its folder")
    if kind is not None and manifest.kind != kind:
        raise InputError(f"{path}: is a {manifest.kind} artifact, a {kind} artifact is needed")
    return manifest
