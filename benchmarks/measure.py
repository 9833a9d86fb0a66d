"""Speed of fits, limits, rankings and toys against pyhf, cabinetry, and without bins against iminuit and zfit.

A peer that does not finish in ten minutes stands with that time: its ratio is a lower bound, and the row says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from collidium.measure import (
    AsymptoticTest,
    Category,
    Component,
    Exponential,
    Gaussian,
    HistFactory,
    Parameter,
    Parameters,
    Unbinned,
    Window,
    Workspace,
    fit,
    qmu_tilde,
    ranking,
    toy_values,
)
from harness import PEERS, Row, median_seconds, peer_python, publish, run_json

PYHF = ["pyhf==0.7.6", "iminuit==2.33.0", "jsonpatch==1.47"]
CABINETRY = ["cabinetry==0.6.0", "pyhf==0.7.6", "iminuit==2.33.0"]
ZFIT = ["zfit==0.28.0"]
MAX_SECONDS = 600.0
NUM_TOYS, NUM_PEER_TOYS = 500, 20
NUM_RANKED = 100
NUM_EVENTS = 100_000


def synthetic(
    *, num_channels: int, num_bins: int, num_backgrounds: int, num_norms: int, num_alphas: int, seed: int
) -> dict[str, Any]:
    """A search: a signal with strength ``mu``, free normalisations, systematic variations of rate and shape."""
    generator = np.random.default_rng(seed)
    channels, observations = [], []
    for c in range(num_channels):
        position = np.linspace(0.0, 1.0, num_bins)
        samples: list[dict[str, Any]] = []
        for s in range(num_backgrounds + 1):
            falling = np.exp(-position * 3.0 / (1.0 + 0.5 * s)) * generator.uniform(20.0, 200.0)
            data = falling if s else 30.0 / (c + 1) * position**2 + 0.5
            modifiers: list[dict[str, Any]] = [{"name": "lumi", "type": "lumi", "data": None}]
            if s == 0:
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            elif s <= num_norms:
                modifiers.append({"name": f"norm_{s}", "type": "normfactor", "data": None})
            modifiers.append({"name": f"stat_{c}", "type": "staterror", "data": (0.05 * data).tolist()})
            for a in range(num_alphas):
                # each variation acts on one sample at least
                kind = 0.1 if s == a % (num_backgrounds + 1) else generator.random()
                if kind < 0.4:
                    size = generator.normal(0.0, 0.04)
                    data_ = {"lo": float(np.exp(-size)), "hi": float(np.exp(1.1 * size))}
                    modifiers.append({"name": f"alpha_{a}", "type": "normsys", "data": data_})
                if kind < 0.2:
                    tilt = generator.normal(0.0, 0.03) * np.linspace(-1, 1, num_bins)
                    variations = {"lo_data": (data * (1 - tilt)).tolist(), "hi_data": (data * (1 + tilt)).tolist()}
                    modifiers.append({"name": f"alpha_{a}", "type": "histosys", "data": variations})
            samples.append({"name": f"sample_{s}", "data": data.tolist(), "modifiers": modifiers})
        total = np.sum([sample["data"] for sample in samples], axis=0)
        channels.append({"name": f"channel_{c}", "samples": samples})
        observations.append({"name": f"channel_{c}", "data": generator.poisson(total).astype(float).tolist()})
    lumi = {"name": "lumi", "auxdata": [1.0], "inits": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]]}
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": [lumi]}}],
        "version": "1.0.0",
    }


# parameters: mu, normalisations, the luminosity, one factor a bin, and the variations
LARGE = synthetic(num_channels=5, num_bins=20, num_backgrounds=5, num_norms=3, num_alphas=127, seed=1)
MIDDLE = synthetic(num_channels=3, num_bins=4, num_backgrounds=7, num_norms=3, num_alphas=47, seed=2)
SMALL = synthetic(num_channels=1, num_bins=4, num_backgrounds=3, num_norms=1, num_alphas=8, seed=3)


def likelihood_of(document: dict[str, Any]) -> HistFactory:
    return HistFactory.of(Workspace.parse(document))


@dataclass(frozen=True)
class Answer:
    """What a peer said: its figures, how long it took, and words on what went wrong."""

    figures: dict[str, Any]
    seconds: float | None
    remark: str = ""

    @property
    def rate(self) -> float | None:
        return None if self.seconds is None else 1.0 / self.seconds


def ask(python: Path | None, script: str, *arguments: str | Path) -> Answer:
    """An answer of a peer, bounded in time; ``python`` is None where it could not be installed."""
    if python is None:
        return Answer({}, None, ", which could not be installed here")
    try:
        found: Any = run_json(python, PEERS / script, *arguments, threads=1, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        return Answer({}, MAX_SECONDS, f", which did not finish in {MAX_SECONDS:.0f} s: a bound")
    except subprocess.CalledProcessError as error:
        return Answer({}, None, f", which ended with code {error.returncode}")
    figures = dict(found["answers"][0] if "answers" in found else found)
    if "failed" in figures:
        return Answer(figures, None, ", which failed to converge")
    return Answer(figures, float(figures["seconds"]))


def ask_about(python: Path | None, mode: str, *, script: str = "pyhf_reference.py", **item: Any) -> Answer:
    """An answer about a workspace."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps([{"poi": "mu", **item}]))
        return ask(python, script, mode, request)


def installed(name: str, requirements: list[str]) -> Path | None:
    """A peer's interpreter, or None where its packages cannot be had."""
    try:
        return peer_python(name, requirements)
    except subprocess.CalledProcessError:
        return None


def fit_rows(python: Path, cabinetry: Path | None) -> list[Row]:
    likelihood = likelihood_of(LARGE)
    ours = median_seconds(lambda: fit(likelihood).errors, repeats=5)
    best = fit(likelihood).twice_nll
    answers = {
        "pyhf 0.7.6, scipy": ask_about(python, "fit", workspace=LARGE, optimizer="scipy"),
        "pyhf 0.7.6, minuit": ask_about(python, "fit", workspace=LARGE, optimizer="minuit"),
        "cabinetry 0.6.0": ask_about(cabinetry, "fit", script="cabinetry_reference.py", workspace=LARGE),
    }
    rows = []
    for name, answer in answers.items():
        rows.append(
            Row(
                name=f"fit with covariance, {len(likelihood.parameters)} parameters",
                unit="fits/s",
                ours=1.0 / ours,
                peer=answer.rate,
                peer_name=name + answer.remark,
                target=150.0,
            )
        )
        if "twice_nll" in answer.figures:
            rows.append(
                Row(
                    name=f"2 ln L below that of {name}",
                    unit="1",
                    ours=answer.figures["twice_nll"] - best,
                    peer=None,
                    peer_name=None,
                    target=-1e-6,
                )
            )
    return rows


def cls_row(python: Path) -> Row:
    likelihood = likelihood_of(MIDDLE)
    ours = median_seconds(lambda: AsymptoticTest(likelihood, "mu").cls(1.0), repeats=5)
    answer = ask_about(python, "cls", workspace=MIDDLE, mu=1.0)
    return Row(
        name=f"asymptotic CLs with its band, {len(likelihood.parameters)} parameters",
        unit="tests/s",
        ours=1.0 / ours,
        peer=answer.rate,
        peer_name="pyhf 0.7.6, scipy" + answer.remark,
        target=200.0,
    )


def ranking_row() -> Row:
    likelihood = likelihood_of(LARGE)
    names = [name for name in likelihood.parameters.names if name.startswith("alpha")][:NUM_RANKED]
    started = time.perf_counter()
    ranking(likelihood, "mu", names=names)
    return Row(
        name=f"ranking of {len(names)} parameters, {len(likelihood.parameters)} in the fit, before and after it",
        unit="s",
        ours=time.perf_counter() - started,
        peer=None,
        peer_name=None,
        target=10.0,
        is_cost=True,
    )


def small_ranking_row(cabinetry: Path | None) -> Row:
    likelihood = likelihood_of(SMALL)
    ours = median_seconds(lambda: ranking(likelihood, "mu"), repeats=3)
    answer = ask_about(cabinetry, "ranking", script="cabinetry_reference.py", workspace=SMALL)
    return Row(
        name=f"fit and ranking of all {len(likelihood.parameters) - 1} others, {len(likelihood.parameters)} parameters",
        unit="rankings/s",
        ours=1.0 / ours,
        peer=answer.rate,
        peer_name="cabinetry 0.6.0" + answer.remark,
        target=None,
    )


def toy_row(python: Path) -> Row:
    likelihood = likelihood_of(SMALL)
    theta = fit(likelihood, fixed={"mu": 1.0}).theta
    started = time.perf_counter()
    toy_values(likelihood, theta, partial(qmu_tilde, poi="mu", value=1.0), num_toys=NUM_TOYS, seed=0)
    ours = NUM_TOYS / (time.perf_counter() - started)
    answer = ask_about(python, "toys", workspace=SMALL, mu=1.0, num_toys=NUM_PEER_TOYS)
    return Row(
        name=f"toys of the test statistic, {len(likelihood.parameters)} parameters",
        unit="toys/s",
        ours=ours,
        peer=None if answer.rate is None else NUM_PEER_TOYS * answer.rate,
        peer_name="pyhf 0.7.6, scipy" + answer.remark,
        target=10.0,
    )


def peak_on_exponential(x: np.ndarray) -> Unbinned:
    """The model of ``peers/iminuit_reference.py`` with its starts and limits."""
    window = Window(105.0, 160.0)
    parameters = Parameters(
        [
            Parameter(name="signal", init=500.0, lower=0.0),
            Parameter(name="mean", init=124.0),
            Parameter(name="sigma", init=2.0, lower=0.1),
            Parameter(name="background", init=50_000.0, lower=0.0),
            Parameter(name="slope", init=-0.02),
        ]
    )
    peak = Component(
        name="signal", shape=Gaussian(), shape_parameters={"mean": "mean", "sigma": "sigma"}, yields=("signal",)
    )
    falling = Component(
        name="background", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("background",)
    )
    return Unbinned.of(parameters, [Category.of("all", window, [peak, falling], x)])


def unbinned_rows(python: Path, zfit: Path | None) -> list[Row]:
    truth = np.array([2_000.0, 125.0, 1.7, NUM_EVENTS - 2_000.0, -0.03])
    x = peak_on_exponential(np.array([125.0])).toy(truth, np.random.default_rng(0)).categories[0].x
    likelihood = peak_on_exponential(x)
    ours = median_seconds(lambda: fit(likelihood).errors, repeats=5)
    with tempfile.TemporaryDirectory() as folder:
        masses = Path(folder) / "masses.npy"
        np.save(masses, x)
        answers = {
            "iminuit 2.33.0, ExtendedUnbinnedNLL in NumPy, MIGRAD and HESSE": (
                ask(python, "iminuit_reference.py", masses, "105", "160"),
                5.0,
            ),
            "zfit 0.28.0, Minuit and HESSE": (ask(zfit, "zfit_reference.py", masses, "105", "160"), None),
        }
    return [
        Row(
            name=f"unbinned fit with covariance, {len(x)} events, 5 parameters",
            unit="fits/s",
            ours=1.0 / ours,
            peer=answer.rate,
            peer_name=name + answer.remark,
            target=target,
        )
        for name, (answer, target) in answers.items()
    ]


def import_row() -> Row:
    command = [sys.executable, "-c", "import collidium.measure"]
    return Row(
        name="import",
        unit="s",
        ours=median_seconds(lambda: subprocess.run(command, check=True), repeats=3),
        peer=None,
        peer_name=None,
        target=1.0,
        is_cost=True,
    )


def main() -> None:
    python = peer_python("pyhf", PYHF)
    cabinetry, zfit = installed("cabinetry", CABINETRY), installed("zfit", ZFIT)
    rows = [
        *fit_rows(python, cabinetry),
        cls_row(python),
        ranking_row(),
        small_ranking_row(cabinetry),
        toy_row(python),
        *unbinned_rows(python, zfit),
        import_row(),
    ]
    publish("measure", rows)


if __name__ == "__main__":
    main()
