"""Files of statistical models, told apart by what they hold."""

from __future__ import annotations

from pathlib import Path

from collidium.artifact import InputError
from collidium.measure._datacard import is_datacard, parse_datacard
from collidium.measure._workspace import Workspace


def read_workspace(path: Path, *, patch: Path | None = None, patch_name: str | None = None) -> Workspace:
    """Read a HistFactory workspace or a datacard.

    Parameters
    ----------
    path : Path
        JSON of pyhf's schema 1.0.0, or a text datacard of Combine.
    patch : Path, optional
        JSON Patch or patch set, e.g. the signal for a background-only workspace.
    patch_name : str, optional
        Which patch of a set.

    Returns
    -------
    Workspace
        Checked.

    Raises
    ------
    InputError
        With the place where the file is wrong.
    """
    if path.is_file():
        text = path.read_bytes().decode("utf-8", "replace")
        if is_datacard(text):
            if patch is not None:
                raise InputError(f"{path}: is a datacard, a patch needs a JSON workspace")
            return parse_datacard(text, source=str(path), folder=path.parent)
    return Workspace.read(path, patch=patch, patch_name=patch_name)
