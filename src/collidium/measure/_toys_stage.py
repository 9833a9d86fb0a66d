"""Toy experiments of workspaces as artifacts that go on where they were interrupted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from collidium.artifact import InputError, Progress, building
from collidium.measure._asymptotics import discovery_p_value
from collidium.measure._fit import fit
from collidium.measure._goodness import saturated_goodness
from collidium.measure._histfactory import HistFactory
from collidium.measure._limits import AsymptoticTest
from collidium.measure._opening import WorkspaceConfig, failing_in_one_line, keep_model, open_model, write_json
from collidium.measure._ratio import profile, q0
from collidium.measure._toys import WITH_SIGNAL_NAME, WITHOUT_SIGNAL_NAME, toy_cls, toy_p_value, toy_values

TOYS_NAME = "toys.json"
FITTED_NAME = "fitted.npz"
ToyStatistic: TypeAlias = Literal["cls", "discovery", "goodness"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToysConfig:
    """Which toys.

    Attributes
    ----------
    statistic : {"cls", "discovery", "goodness"}
        CLs of a signal strength, p-value of no signal, or goodness of fit.
    signal_strength : float
        The value that ``cls`` tests.
    num_toys : int
        Toys of each hypothesis.
    seed : int
        Seed of the draws.
    """

    statistic: ToyStatistic = "cls"
    signal_strength: float = 1.0
    num_toys: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_toys < 1:
            raise InputError(f"num_toys is {self.num_toys}; at least 1 is needed")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; a number that is not negative is needed")
        if not (math.isfinite(self.signal_strength) and self.signal_strength > 0.0):
            raise InputError(f"the signal strength tested is {self.signal_strength}; a positive number is needed")


def toys_workspace(
    path: Path,
    out: Path,
    *,
    patch: Path | None = None,
    config: WorkspaceConfig | None = None,
    toys: ToysConfig | None = None,
    num_workers: int = 1,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Test a workspace with toy experiments.

    Parameters
    ----------
    path : Path
        Workspace, datacard, or an artifact that holds one.
    out : Path
        Folder to make, with ``toys.json``, the statistic of every toy and the model. An interrupted call leaves
        ``OUT.partial``, and the same call goes on from its finished toys.
    patch : Path, optional
        JSON Patch or patch set.
    config : WorkspaceConfig, optional
        Patch and measurement by name, blind windows.
    toys : ToysConfig, optional
        Statistic, number and seed.
    num_workers : int
        Processes; the toys do not depend on it.
    progress : Progress, optional
        Told of every chunk of toys.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``toys.json``: the observed statistic, p-values from toys and from the asymptotic formula, failed toys.

    Raises
    ------
    InputError
        If the workspace is wrong, has no signal where one is needed, or a fit of the data fails.
    """
    config, toys = config or WorkspaceConfig(), toys or ToysConfig()
    inputs = [path] if patch is None else [path, patch]
    settings = {"workspace": config, "toys": toys}
    with building(
        out, kind="toys", config=settings, inputs=inputs, seed=toys.seed, command=command, resumable=True
    ) as folder:
        model = open_model(path, patch, config)
        with failing_in_one_line(model.source):
            if toys.statistic == "goodness":
                report = _goodness(model.likelihood, toys, folder, num_workers, progress)
            elif toys.statistic == "discovery":
                poi = model.required_poi(config.measurement)
                report = _discovery(model.likelihood, poi, toys, folder, num_workers, progress)
            else:
                poi = model.required_poi(config.measurement)
                report = _cls(model.likelihood, poi, toys, folder, num_workers, progress)
        settings_told = {"statistic": toys.statistic, "num_toys": toys.num_toys, "seed": toys.seed}
        write_json(folder / TOYS_NAME, {**settings_told, **report, "is_blind": bool(model.is_blind.any())})
        keep_model(folder, model)
    return out / TOYS_NAME


def saturated_q(likelihood: HistFactory) -> float:
    """Goodness-of-fit statistic of a likelihood's own fit."""
    return saturated_goodness(likelihood, fit(likelihood)).q


def _cls(
    likelihood: HistFactory, poi: str, toys: ToysConfig, folder: Path, num_workers: int, progress: Progress | None
) -> dict[str, object]:
    test = toy_cls(
        likelihood,
        poi,
        toys.signal_strength,
        num_toys=toys.num_toys,
        seed=toys.seed,
        folder=folder,
        num_workers=num_workers,
        progress=progress,
    )
    formula = AsymptoticTest(likelihood, poi).cls(toys.signal_strength)
    return {
        "poi": poi,
        "signal_strength": toys.signal_strength,
        "q": test.q,
        "p_values": {"clsb": test.clsb, "clb": test.clb, "cls": test.cls},
        "asymptotic": {"clsb": formula.clsb, "clb": formula.clb, "cls": formula.observed},
        "num_failed": test.num_failed,
        "samples": {"with signal": WITH_SIGNAL_NAME, "without signal": WITHOUT_SIGNAL_NAME},
    }


def _discovery(
    likelihood: HistFactory, poi: str, toys: ToysConfig, folder: Path, num_workers: int, progress: Progress | None
) -> dict[str, object]:
    best = fit(likelihood)
    q = q0(likelihood, poi, best=best)
    values = toy_values(
        likelihood,
        profile(likelihood, poi, 0.0, near=best).theta,
        partial(q0, poi=poi),
        num_toys=toys.num_toys,
        seed=toys.seed,
        path=folder / WITHOUT_SIGNAL_NAME,
        num_workers=num_workers,
        progress=progress,
    )
    return {
        "poi": poi,
        "q": q,
        "p_values": {"p0": toy_p_value(values, q)},
        "asymptotic": {"p0": float(discovery_p_value(q))},
        "num_failed": _num_failed(values.tolist()),
        "samples": {"without signal": WITHOUT_SIGNAL_NAME},
    }


def _goodness(
    likelihood: HistFactory, toys: ToysConfig, folder: Path, num_workers: int, progress: Progress | None
) -> dict[str, object]:
    best = fit(likelihood)
    goodness = saturated_goodness(likelihood, best)
    values = toy_values(
        likelihood,
        best.theta,
        saturated_q,
        num_toys=toys.num_toys,
        seed=toys.seed,
        path=folder / FITTED_NAME,
        num_workers=num_workers,
        progress=progress,
    )
    return {
        "q": goodness.q,
        "p_values": {"p": toy_p_value(values, goodness.q)},
        "asymptotic": {"p": goodness.p_value, "num_degrees": goodness.num_degrees},
        "num_failed": _num_failed(values.tolist()),
        "samples": {"at the best fit": FITTED_NAME},
    }


def _num_failed(values: list[float]) -> int:
    return sum(map(math.isnan, values))
