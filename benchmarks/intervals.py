"""Whether intervals cover, pulls are unit and CLs does not exclude too much: toys of four models.

Prints the tables and writes ``docs/coverage.md``. About two minutes on one core for a thousand toys.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from collidium.analysis import TemplatesConfig, pulls
from collidium.evaluate import Predictions
from collidium.measure import (
    AsymptoticTest,
    Category,
    Component,
    Exponential,
    FitResult,
    Gaussian,
    HistFactory,
    Parameter,
    Parameters,
    Unbinned,
    Window,
    Workspace,
    asymptotic_cls,
    counting_experiment,
    fit,
    profile,
    qmu_tilde,
)
from harness import ROOT
from measure import SMALL

PAGE = ROOT / "docs" / "coverage.md"
LEVELS = {"68 %": (0.6827, 1.0), "95 %": (0.95, 3.841459)}
EXCLUDED = 0.05
# a signal this far below the error of the strength cannot be told from none
WEAK = 0.1
# thresholds come from so many times the toys that they are tried on
THRESHOLD_TOYS = 4


@dataclass(frozen=True)
class Model:
    """A likelihood, its true parameters, and how CLs is found on its toys."""

    name: str
    likelihood: Any
    theta: np.ndarray
    poi: str
    cls: Callable[[Any, str, float], float]
    needs_toys: bool = False


@dataclass(frozen=True)
class Found:
    """Figures of N toys drawn at the true strength."""

    t: np.ndarray
    pull: np.ndarray
    root: np.ndarray
    excluded: np.ndarray


def by_formula(likelihood: HistFactory, poi: str, value: float) -> float:
    return AsymptoticTest(likelihood, poi).cls(value).observed


def by_error(likelihood: Unbinned, poi: str, value: float) -> float:
    """CLs with sigma^2 = mu^2 / q_A from the curvature without signal."""
    best = fit(likelihood)
    without = profile(likelihood, poi, 0.0, near=best)
    sigma = error_of(likelihood, poi, likelihood.hessian(without.theta))
    return asymptotic_cls(qmu_tilde(likelihood, poi, value, best=best), (value / sigma) ** 2)[2]


def error_of(likelihood: Any, poi: str, curvature: np.ndarray) -> float:
    """Error of the strength from a curvature."""
    free = np.flatnonzero(~likelihood.parameters.is_fixed)
    position = free.tolist().index(likelihood.parameters.index(poi))
    return math.sqrt(float(np.linalg.inv(curvature[np.ix_(free, free)])[position, position]))


def counting() -> Model:
    likelihood = counting_experiment(signal=10.0, background=100.0, observed=110, background_error=10.0, lower=-9.0)
    return Model("counting, 110 events, 2 parameters", likelihood, likelihood.parameters.init, "mu", by_formula)


def binned() -> Model:
    document = {**SMALL, "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": settings()}}]}
    likelihood = HistFactory.of(Workspace.parse(document))
    name = f"binned, {likelihood.observed.sum():.0f} events, {len(likelihood.parameters)} parameters"
    return Model(name, likelihood, likelihood.parameters.init, "mu", by_formula)


def settings() -> list[dict[str, Any]]:
    """The settings of the speed benchmark, with room for strengths below zero."""
    (lumi,) = SMALL["measurements"][0]["config"]["parameters"]
    return [lumi, {"name": "mu", "inits": [1.0], "bounds": [[-5.0, 20.0]]}]


def unbinned() -> Model:
    parameters = Parameters(
        [
            Parameter(name="mu", init=1.0, lower=-1.0, upper=20.0),
            Parameter(name="signal", init=40.0, is_fixed=True),
            Parameter(name="mean", init=125.0, center=125.0, width=0.5),
            Parameter(name="sigma", init=2.0, is_fixed=True),
            Parameter(name="background", init=400.0, lower=1.0),
            Parameter(name="slope", init=-0.03),
        ]
    )
    peak = Component(
        name="signal", shape=Gaussian(), shape_parameters={"mean": "mean", "sigma": "sigma"}, yields=("mu", "signal")
    )
    falling = Component(
        name="background", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("background",)
    )
    category = Category.of("all", Window(105.0, 160.0), [peak, falling], np.array([125.0]))
    likelihood = Unbinned.of(parameters, [category])
    return Model("unbinned, 440 events, 4 parameters", likelihood, parameters.init, "mu", by_error)


def low_count() -> Model:
    signal, background = [0.3, 0.7, 1.2, 1.0, 0.8], [1.0, 0.7, 0.4, 0.25, 0.15]
    strength = [{"name": "mu", "type": "normfactor", "data": None}]
    rate = [{"name": "rate", "type": "normsys", "data": {"lo": 0.8, "hi": 1.2}}]
    samples = [
        {"name": "s", "data": signal, "modifiers": strength},
        {"name": "b", "data": background, "modifiers": rate},
    ]
    document = {
        "channels": [{"name": "sr", "samples": samples}],
        "observations": [{"name": "sr", "data": [1.0] * 5}],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 50.0]]}]}}
        ],
        "version": "1.0.0",
    }
    likelihood = HistFactory.of(Workspace.parse(document))
    return Model("low counts, 6.5 events, 2 parameters", likelihood, likelihood.parameters.init, "mu", by_formula, True)


def toys_of(model: Model, num_toys: int, *, seed: int) -> Found:
    """Toys at the true strength: ratio at the truth, pulls, and whether CLs excludes the truth."""
    position = model.likelihood.parameters.index(model.poi)
    true = float(model.theta[position])
    rows = []
    for toy in range(num_toys):
        drawn = model.likelihood.toy(model.theta, np.random.default_rng([seed, toy]))
        best: FitResult = fit(drawn, start=model.theta)
        held = profile(drawn, model.poi, true, near=best)
        t = max(0.0, held.twice_nll - best.twice_nll)
        distance = best[model.poi] - true
        error = math.nan if best.at_bound[position] else float(best.errors[position])
        excluded = distance < 0.0 and model.cls(drawn, model.poi, true) < EXCLUDED
        rows.append((t, distance / error, math.copysign(math.sqrt(t), distance), excluded))
    t_, pull, root, excluded_ = (np.array(column) for column in zip(*rows, strict=True))
    return Found(t_, pull, root, excluded_.astype(bool))


def weak_exclusions(model: Model, num_toys: int, *, seed: int) -> np.ndarray:
    """Whether CLs excludes a signal that it cannot see, in toys without signal."""
    position = model.likelihood.parameters.index(model.poi)
    theta = model.theta.copy()
    theta[position] = 0.0
    drawn = model.likelihood.toy(model.theta, np.random.default_rng([seed, 0]))
    weak = WEAK * error_of(drawn, model.poi, drawn.fisher(model.theta))
    toys = (model.likelihood.toy(theta, np.random.default_rng([seed, number])) for number in range(num_toys))
    return np.array([model.cls(toy, model.poi, weak) < EXCLUDED for toy in toys])


def toy_exclusions(model: Model, num_toys: int, *, seed: int) -> float:
    """Fraction of toys at the true strength that CLs from toys excludes."""
    true = float(model.theta[model.likelihood.parameters.index(model.poi)])
    statistic = partial(qmu_tilde, poi=model.poi, value=true)
    without = model.theta.copy()
    without[model.likelihood.parameters.index(model.poi)] = 0.0
    samples = []
    for number, theta in enumerate((model.theta, model.theta, without)):
        generators = (np.random.default_rng([seed, number, toy]) for toy in range(num_toys))
        samples.append(np.array([statistic(model.likelihood.toy(theta, generator)) for generator in generators]))
    tested, with_signal, background = samples
    tails = [np.array([np.sum(sample >= q - 1e-9) + 1 for q in tested]) for sample in (with_signal, background)]
    return float(np.mean(tails[0] / tails[1] < EXCLUDED))


def share(hits: np.ndarray, *, num_samples: float = 1.0) -> str:
    """Per cent with the binomial error; that of a threshold from other toys adds its part to ``num_samples``."""
    mean = float(np.mean(hits))
    return f"{100 * mean:.1f} ± {100 * math.sqrt(num_samples * mean * (1 - mean) / len(hits)):.1f}"


def mean_and_width(values: np.ndarray) -> str:
    found = values[np.isfinite(values)]
    width = found.std(ddof=1)
    error = width / math.sqrt(len(found))
    return f"{found.mean():+.3f} ± {error:.3f} | {width:.3f} ± {error / math.sqrt(2):.3f}"


def study(model: Model, num_toys: int, *, seed: int) -> tuple[list[str], float]:
    """Rows of the table for a model, and the processor seconds they took."""
    started = time.process_time()
    found = toys_of(model, num_toys, seed=seed + 1)
    cells = [share(found.t < level) for _, level in LEVELS.values()]
    spread = mean_and_width(found.root if model.needs_toys else found.pull)
    excluded = share(found.excluded)
    weak = share(weak_exclusions(model, num_toys, seed=seed + 2))
    rows = [f"| {model.name} | {' | '.join(cells)} | {spread} | {excluded} | {weak} |"]
    if model.needs_toys:
        others = toys_of(model, THRESHOLD_TOYS * num_toys, seed=seed + 3).t
        limits = [np.quantile(others, level) for level, _ in LEVELS.values()]
        cells = [share(found.t <= limit, num_samples=1 + 1 / THRESHOLD_TOYS) for limit in limits]
        excluded = f"{100 * toy_exclusions(model, num_toys, seed=seed + 4):.1f}"
        rows.append(f"| the same, from toys | {' | '.join(cells)} | | | {excluded} | |")
    return rows, time.process_time() - started


def pulls_of(path: Path, num_seeds: int) -> str:
    found = np.array([pull.pull for pull in pulls(Predictions.read(path), TemplatesConfig(), range(num_seeds))])
    return f"| {num_seeds} | {mean_and_width(found)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toys", type=int, default=1000)
    parser.add_argument("--predictions", type=Path, default=ROOT / "runs" / "quickstart" / "predictions")
    arguments = parser.parse_args()
    rows, seconds = [], 0.0
    for number, model in enumerate((counting(), binned(), unbinned(), low_count())):
        lines, spent = study(model, arguments.toys, seed=10 * number)
        print(*lines, f"{spent:.0f} s", sep="\n")
        rows += lines
        seconds += spent
    strength = []
    if arguments.predictions.exists():
        strength = [pulls_of(arguments.predictions, number) for number in (20, 200)]
        print(*strength, sep="\n")
    PAGE.write_text(page(rows, strength, arguments.toys), encoding="utf-8")
    print(f"{PAGE}  ({seconds:.0f} s)")


def page(rows: list[str], strength: list[str], num_toys: int) -> str:
    head = "| model | 68 % interval | 95 % interval | pull, mean | pull, width | truth excluded | nothing excluded |"
    text = f"""# Coverage

```console
python benchmarks/intervals.py --toys {num_toys}
```

draws {num_toys:,} toys of each of four models at a known signal strength, fits them, and writes this page; shares
are in per cent, errors binomial.

{head}
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

- **68 % and 95 % interval**: how often the true strength is inside the interval of the profile likelihood ratio (below
  1 and 3.841).
- **pull**: (fitted - true) / error; for low counts, where the error is not symmetric, the signed root of the likelihood
  ratio.
- **truth excluded**: how often CLs excludes, at 95 % confidence level, the strength with which the toys were made. It
  must not be more than 5 %.
- **nothing excluded**: how often CLs excludes, in toys without signal, a signal of {WEAK:g} of the strength's error, to
  which the experiment is not sensitive. CLs+b would exclude it in 5 %; CLs is made not to. (A signal to which the
  experiment is sensitive is excluded in toys without it as often as the power of the test says.)

For a few events the distribution of the ratio is not that of chi-squared, and the first line of that model shows by how
much; the second takes the thresholds from {THRESHOLD_TOYS} times as many toys of another seed at the true strength,
which is the construction of Neyman, and CLs from toys; its errors hold the fluctuation of the thresholds too.
"""
    if strength:
        text += f"""
## The quickstart's signal strength

The pseudo-data of `make quickstart` are made again with other seeds: another half of the test jets makes the templates,
the other half the data, with other true values of the nuisance parameters. Pull of the fitted top signal strength:

| seeds | pull, mean | pull, width |
|---|---|---|
{chr(10).join(strength)}
"""
    return text


if __name__ == "__main__":
    main()
