"""What every stage on a workspace shares: reading it, blinding it, keeping it, and failed fits in one line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, atomic_write, json_dumps
from collidium.measure._blinding import blind_bins, blinded
from collidium.measure._histfactory import HistFactory
from collidium.measure._minimise import FitError
from collidium.measure._reading import read_workspace
from collidium.measure._workspace import Workspace

WORKSPACE_NAME = "workspace.json"
DATACARD_NAME = "datacard.txt"
BLINDING_NAME = "blinding.json"
LABELS_NAME = "labels.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkspaceConfig:
    """Which likelihood to take from a workspace, and which of its data to look at.

    Attributes
    ----------
    patch_name : str or None
        Which patch of a patch set.
    measurement : str or None
        Which measurement; the first by default.
    blind : tuple of str
        Windows whose observed counts are not used: CHANNEL, CHANNEL:BIN or CHANNEL:FIRST-LAST; beside those that an
        artifact declares.
    unblind : bool
        Look at the data of all declared windows.
    """

    patch_name: str | None = None
    measurement: str | None = None
    blind: tuple[str, ...] = ()
    unblind: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenModel:
    """A workspace ready to be fitted.

    Attributes
    ----------
    workspace : Workspace
        As it was read, with all observed counts.
    likelihood : HistFactory
        Its likelihood; with the expected background in blind bins.
    is_blind : ndarray of bool, (B,)
        Bins whose counts are not used.
    windows : tuple of str
        All windows that were declared.
    labels : dict
        What the artifact says of its bins and data, for plots and tables; empty for a plain file.
    """

    workspace: Workspace
    likelihood: HistFactory
    is_blind: NDArray[np.bool_]
    windows: tuple[str, ...]
    labels: dict[str, object]

    @property
    def source(self) -> str:
        """Name for messages."""
        return self.workspace.source

    def required_poi(self, measurement: str | None) -> str:
        """The parameter of interest.

        Raises
        ------
        InputError
            If no sample carries it.
        """
        if self.likelihood.poi is None:
            poi = self.workspace.measurement(measurement).poi
            raise InputError(
                f"{self.source}: no sample carries the parameter of interest {poi!r}; a signal is needed (--patch)"
            )
        return self.likelihood.poi


def model_file(path: Path) -> Path:
    """The workspace or datacard of an artifact, or the file itself.

    Raises
    ------
    InputError
        If a folder holds neither.
    """
    if not path.is_dir():
        return path
    for name in (WORKSPACE_NAME, DATACARD_NAME):
        if (path / name).is_file():
            return path / name
    raise InputError(f"{path}: holds neither {WORKSPACE_NAME} nor {DATACARD_NAME}")


def open_model(path: Path, patch: Path | None, config: WorkspaceConfig) -> OpenModel:
    """Read a workspace and blind its likelihood.

    Parameters
    ----------
    path : Path
        Workspace, datacard, or an artifact that holds one.
    patch : Path or None
        JSON Patch or patch set.
    config : WorkspaceConfig
        Names, and what to look at.

    Returns
    -------
    OpenModel
        Workspace and likelihood.

    Raises
    ------
    InputError
        If the workspace or a window is wrong, or blinding fails.
    """
    workspace = read_workspace(model_file(path), patch=patch, patch_name=config.patch_name)
    likelihood = HistFactory.of(workspace, measurement=config.measurement)
    windows = tuple(dict.fromkeys((*_declared_windows(path), *config.blind)))
    is_blind = blind_bins(likelihood, windows)
    if config.unblind:
        is_blind[:] = False
    with failing_in_one_line(workspace.source):
        likelihood = blinded(likelihood, is_blind)
    return OpenModel(
        workspace=workspace,
        likelihood=likelihood,
        is_blind=is_blind,
        windows=windows,
        labels=_sidecar(path, LABELS_NAME),
    )


@contextmanager
def failing_in_one_line(source: str) -> Iterator[None]:
    """A failed fit as the error of the file that was fitted."""
    try:
        yield
    except FitError as error:
        raise InputError(f"{source}: the fit failed: {error.reason}") from error


def keep_model(folder: Path, model: OpenModel) -> None:
    """Write the model beside its result: the patched document, or the card, its blind windows and its labels."""
    if isinstance(model.workspace.document, str):
        with atomic_write(folder / DATACARD_NAME, "w") as stream:
            stream.write(model.workspace.document)
    else:
        write_json(folder / WORKSPACE_NAME, model.workspace.document)
    if model.windows:
        write_json(folder / BLINDING_NAME, {"windows": model.windows})
    if model.labels:
        write_json(folder / LABELS_NAME, model.labels)


def write_json(path: Path, content: object) -> None:
    """Write a document."""
    with atomic_write(path, "w") as stream:
        stream.write(json_dumps(content))


def _declared_windows(path: Path) -> Sequence[str]:
    """Windows that an artifact declares."""
    windows = _sidecar(path, BLINDING_NAME).get("windows", [])
    if not isinstance(windows, list) or not all(isinstance(window, str) for window in windows):
        raise InputError(f"{path / BLINDING_NAME}: damaged; windows is no list of names")
    return windows


def _sidecar(path: Path, name: str) -> dict[str, object]:
    """Content of a document beside the model of an artifact; empty where there is none."""
    file = path / name
    if not path.is_dir() or not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file}: no JSON document: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: damaged; an object is needed")
    return content
