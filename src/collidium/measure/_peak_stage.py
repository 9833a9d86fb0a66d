"""Resonances and bump hunts as artifacts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from collidium.artifact import InputError, Progress, atomic_write, building, unknown
from collidium.measure._bump_hunt import BumpHuntConfig
from collidium.measure._cutflow import Cutflow
from collidium.measure._four_leptons import FourLeptonConfig, fit_four_leptons
from collidium.measure._hunts import HUNTS, hunt_in_file
from collidium.measure._opening import write_json
from collidium.measure._peak_fit import PeakCurves
from collidium.measure._resonances import PeakConfig, fit_resonance, resonance_file
from collidium.measure._stages import FIT_NAME

BUMPHUNT_NAME = "bumphunt.json"
CURVES_NAME = "curves.json"
FOUR_LEPTONS = "higgs4l"
_FOUR_LEPTON_FOLDER = "cms-h4l-run1"


def measure_resonance(
    name: str, path: Path, out: Path, *, config: PeakConfig | None = None, command: Sequence[str] | None = None
) -> Path:
    """Fit a known resonance and write the result.

    Parameters
    ----------
    name : str
        A member of ``RESONANCES``.
    path : Path
        CSV of lepton pairs, or the folder of open data.
    out : Path
        Folder to make, with ``fit.json``, ``curves.json`` and a cutflow.
    config : PeakConfig, optional
        Changes of the recipe.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``fit.json``.

    Raises
    ------
    InputError
        As :func:`fit_resonance`.
    """
    file = resonance_file(name, path)
    settings = {"resonance": name, "config": config or PeakConfig()}
    with building(
        out, kind="resonance", config=settings, inputs=[file], command=command, untracked=[FIT_NAME]
    ) as folder:
        started = time.perf_counter()
        found = fit_resonance(name, file, config=config)
        seconds = round(time.perf_counter() - started, 6)
        write_json(folder / FIT_NAME, {**found.report(), "title": found.resonance.title, "seconds": seconds})
        controls = {} if found.same_sign is None else {"same sign": _curves(found.same_sign.curves)}
        write_json(folder / CURVES_NAME, {"data": _curves(found.peak.curves), **controls})
        _write_cutflow(folder, found.cutflow)
    return out / FIT_NAME


def measure_four_leptons(
    path: Path,
    out: Path,
    *,
    config: FourLeptonConfig | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Fit the Higgs and Z peaks in four leptons and write the result.

    Parameters
    ----------
    path : Path
        Folder of the events, or of all open data.
    out : Path
        Folder to make, with ``fit.json``, ``curves.json`` and a cutflow.
    config : FourLeptonConfig, optional
        Settings.
    progress : Progress, optional
        Told of every toy.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``fit.json``.

    Raises
    ------
    InputError
        As :func:`fit_four_leptons`.
    """
    config = FourLeptonConfig() if config is None else config
    events = path / _FOUR_LEPTON_FOLDER if (path / _FOUR_LEPTON_FOLDER).is_dir() else path
    files = sorted(events.glob("*.csv"))
    if not files:
        raise InputError(f"{events}: no CSV of events is in this folder")
    with building(
        out,
        kind="resonance",
        config={"resonance": FOUR_LEPTONS, "config": config},
        inputs=files,
        seed=config.seed,
        command=command,
        untracked=[FIT_NAME],
    ) as folder:
        started = time.perf_counter()
        found = fit_four_leptons(events, config=config, progress=progress)
        seconds = round(time.perf_counter() - started, 6)
        write_json(folder / FIT_NAME, {**found.report(), "title": r"$H \to ZZ \to 4\ell$", "seconds": seconds})
        write_json(folder / CURVES_NAME, {"data": _curves(found.curves)})
        _write_cutflow(folder, found.cutflow)
    return out / FIT_NAME


def measure_bumps(
    name: str,
    path: Path,
    out: Path,
    *,
    config: BumpHuntConfig | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Search a known spectrum for a narrow excess and write the result.

    Parameters
    ----------
    name : str
        A member of ``HUNTS``.
    path : Path
        Its file, or the folder of open data.
    out : Path
        Folder to make, with ``bumphunt.json``.
    config : BumpHuntConfig, optional
        Settings in the place of the recipe's.
    progress : Progress, optional
        Told of every toy.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``bumphunt.json``.

    Raises
    ------
    InputError
        As :func:`hunt_in_file`.
    """
    if name not in HUNTS:
        raise unknown("bump hunt", name, HUNTS)
    config = HUNTS[name].config if config is None else config
    file = path / HUNTS[name].file if path.is_dir() else path
    settings = {"hunt": name, "config": config}
    with building(out, kind="bumphunt", config=settings, inputs=[file], seed=config.seed, command=command) as folder:
        found = hunt_in_file(name, file, config=config, progress=progress)
        write_json(folder / BUMPHUNT_NAME, {**found.report(), "title": found.hunt.title})
    return out / BUMPHUNT_NAME


def _curves(curves: PeakCurves) -> dict[str, object]:
    """A fit for plots, in events per bin."""
    names = ("edges", "counts", "errors", "expected", "pulls", "x", "total")
    parts = {name: values.tolist() for name, values in curves.components.items()}
    return {**{name: getattr(curves, name).tolist() for name in names}, "components": parts}


def _write_cutflow(folder: Path, flow: Cutflow) -> None:
    for ending, content in (("txt", flow.text()), ("csv", flow.csv()), ("tex", flow.latex())):
        with atomic_write(folder / f"cutflow.{ending}", "w") as stream:
            stream.write(content)
