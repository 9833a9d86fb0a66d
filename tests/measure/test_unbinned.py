from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import (
    Category,
    Component,
    DoubleSidedCrystalBall,
    Exponential,
    FitResult,
    Gaussian,
    Parameter,
    Parameters,
    Shape,
    Unbinned,
    Voigtian,
    Window,
    fit,
    minos,
    q0,
)

WINDOW = Window(105.0, 160.0)
SIGNAL = Component(
    name="signal",
    shape=DoubleSidedCrystalBall(),
    shape_parameters={
        "mean": "mass",
        "sigma": "sigma",
        "alpha_low": "alpha_low",
        "power_low": "power_low",
        "alpha_high": "alpha_high",
        "power_high": "power_high",
    },
    yields=("mu",),
    scale=120.0,
)
BACKGROUND = Component(
    name="background", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("background",)
)
PARAMETERS = Parameters(
    [
        Parameter(name="mu", init=1.0, lower=-3.0, upper=20.0),
        Parameter(name="mass", init=125.0, lower=115.0, upper=135.0),
        Parameter(name="sigma", init=1.7, lower=0.5, upper=5.0, center=1.7, width=0.1),
        Parameter(name="alpha_low", init=1.5, is_fixed=True),
        Parameter(name="power_low", init=8.0, is_fixed=True),
        Parameter(name="alpha_high", init=1.6, is_fixed=True),
        Parameter(name="power_high", init=15.0, is_fixed=True),
        Parameter(name="background", init=2000.0, lower=0.0),
        Parameter(name="slope", init=-0.03, lower=-1.0, upper=1.0),
    ]
)
TRUTH = PARAMETERS.init


def empty(*components: Component) -> Unbinned:
    """The model with one event, to draw toys of."""
    return Unbinned.of(PARAMETERS, [Category.of("all", WINDOW, components, [125.0])])


@pytest.fixture(scope="module")
def likelihood() -> Unbinned:
    return empty(SIGNAL, BACKGROUND).toy(TRUTH, np.random.default_rng(11))


def test_gradient_and_hessian_against_differences(likelihood: Unbinned) -> None:
    theta = TRUTH + np.array([0.3, 0.4, 0.1, 0.05, 0.3, -0.1, 1.0, 30.0, 0.002])
    gradient, hessian = likelihood.grad(theta), likelihood.hessian(theta)
    for j in range(len(theta)):
        step = 1e-5 * max(1.0, abs(theta[j]))
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (likelihood.nll(up) - likelihood.nll(down)) / (2 * step)
        assert gradient[j] == pytest.approx(slope, rel=1e-5, abs=1e-4)
        if not PARAMETERS.is_fixed[j]:
            row = (likelihood.grad(up) - likelihood.grad(down)) / (2 * step)
            free = ~PARAMETERS.is_fixed
            np.testing.assert_allclose(hessian[j][free], row[free], rtol=1e-3, atol=1e-3 * np.abs(row).max())


def test_a_peak_on_a_background_is_found(likelihood: Unbinned) -> None:
    result = fit(likelihood)
    free = ~PARAMETERS.is_fixed
    pulls = (result.theta - TRUTH)[free] / result.errors[free]
    assert np.all(np.abs(pulls) < 4.0)
    assert result.errors[0] == pytest.approx(0.18, abs=0.03)
    assert q0(likelihood, "mu") > 9.0
    interval = minos(likelihood, "mu", best=result)
    assert interval.high - interval.low == pytest.approx(2 * result.errors[0], rel=0.1)


def gaussian_only(x: np.ndarray, weight: np.ndarray | None = None) -> tuple[Unbinned, FitResult]:
    parameters = Parameters(
        [
            Parameter(name="events", init=10.0, lower=0.0),
            Parameter(name="mean", init=0.5),
            Parameter(name="sigma", init=2.0, lower=0.01),
        ]
    )
    component = Component(
        name="g", shape=Gaussian(), shape_parameters={"mean": "mean", "sigma": "sigma"}, yields=("events",)
    )
    likelihood = Unbinned.of(parameters, [Category.of("all", Window(-50.0, 50.0), [component], x, weight)])
    return likelihood, fit(likelihood)


def test_a_gaussian_has_its_closed_form() -> None:
    x = np.random.default_rng(0).normal(1.0, 3.0, 400)
    _, result = gaussian_only(x)
    assert result["events"] == pytest.approx(400.0, rel=1e-7)
    assert result["mean"] == pytest.approx(x.mean(), abs=1e-7)
    assert result["sigma"] == pytest.approx(x.std(), rel=1e-7)
    sigma = x.std()
    np.testing.assert_allclose(result.errors, [20.0, sigma / 20.0, sigma / math.sqrt(800.0)], rtol=1e-4)


def test_a_weight_of_two_is_an_event_twice() -> None:
    x = np.random.default_rng(0).normal(1.0, 3.0, 100)
    once, _ = gaussian_only(x, np.full(100, 2.0))
    twice, _ = gaussian_only(np.repeat(x, 2))
    theta = np.array([150.0, 0.8, 2.5])
    assert once.nll(theta) == pytest.approx(twice.nll(theta), rel=1e-12)


def test_errors_of_weighted_events_do_not_shrink_with_the_weight() -> None:
    x = np.random.default_rng(0).normal(1.0, 3.0, 400)
    _, plain = gaussian_only(x)
    weighted, result = gaussian_only(x, np.full(400, 4.0))
    errors = np.sqrt(weighted.weighted_covariance(result).diagonal())
    np.testing.assert_allclose(result.errors[1:], plain.errors[1:] / 2.0, rtol=1e-4)
    # the density's fourth moment stands in for its expectation in the spread of sigma
    np.testing.assert_allclose(errors[:2], [4.0 * 20.0, plain.errors[1]], rtol=1e-3)
    assert errors[2] == pytest.approx(plain.errors[2], rel=0.15)


def test_categories_share_parameters() -> None:
    second = dataclasses.replace(BACKGROUND, scale=0.5)
    likelihood = Unbinned.of(
        PARAMETERS,
        [
            Category.of("one", WINDOW, [SIGNAL, BACKGROUND], [125.0, 110.0]),
            Category.of("two", WINDOW, [second], [140.0]),
        ],
    )
    assert likelihood.expected(TRUTH) == {"one/signal": 120.0, "one/background": 2000.0, "two/background": 1000.0}
    toy = likelihood.toy(TRUTH, np.random.default_rng(1))
    result = fit(toy, fixed={"mu": 1.0})
    assert result["background"] == pytest.approx(2000.0, abs=4 * math.sqrt(3000.0) / 1.5)


def test_toys_follow_the_density() -> None:
    toy = empty(SIGNAL).toy(TRUTH * np.where(np.array(PARAMETERS.names) == "mu", 20.0, 1.0), np.random.default_rng(2))
    x = toy.categories[0].x
    assert len(x) == pytest.approx(2400, abs=200)
    assert np.median(x) == pytest.approx(125.0, abs=0.2)
    assert x.min() >= 105.0
    assert x.max() <= 160.0


def test_constraints_pull() -> None:
    moved = empty(SIGNAL, BACKGROUND).toy(TRUTH, np.random.default_rng(3))
    centers = moved.centers.copy()
    centers[2] = 3.0
    assert fit(dataclasses.replace(moved, centers=centers))["sigma"] > fit(moved)["sigma"] + 0.2


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], r"no event in the window \[105, 160\]"),
        ([125.0, float("nan")], "has a mass that is NaN or infinite"),
    ],
)
def test_events_that_cannot_be_fitted(x: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Category.of("all", WINDOW, [SIGNAL], x)


def test_weights_that_cannot_be() -> None:
    with pytest.raises(InputError, match="2 weights for 1 masses"):
        Category.of("all", WINDOW, [SIGNAL], [125.0], [1.0, 1.0])
    with pytest.raises(InputError, match="has a weight that is NaN"):
        Category.of("all", WINDOW, [SIGNAL], [125.0], [math.inf])


def test_components_name_all_parameters_of_their_shape() -> None:
    broken = dataclasses.replace(BACKGROUND, shape_parameters={"tilt": "slope"})
    with pytest.raises(
        InputError, match="component 'background' of 'all' gives tilt parameters; its shape needs slope"
    ):
        empty(broken)
    with pytest.raises(InputError, match="unknown parameter 'slop': did you mean slope"):
        empty(dataclasses.replace(BACKGROUND, shape_parameters={"slope": "slop"}))


@pytest.mark.parametrize(
    ("name", "window", "shape", "starts", "mass"),
    [
        ("zmumu_p4", Window(70.0, 110.0), Voigtian(), {"sigma": 1.5, "width": 2.4955}, 91.188),
        ("upsilon_p4", Window(9.05, 9.7), Gaussian(), {"sigma": 0.08}, 9.4603),
    ],
)
def test_resonances_in_recorded_dimuons(
    shared_data: Callable[[str], Path],
    name: str,
    window: Window,
    shape: Shape,
    starts: dict[str, float],
    mass: float,
) -> None:
    with shared_data(f"cms-dilepton-2011a/{name}.csv").open(newline="") as stream:
        masses = [float(row["M"]) for row in csv.DictReader(stream)]
    parameters = Parameters(
        [
            Parameter(name="signal", init=len(masses) / 2, lower=0.0),
            Parameter(name="mass", init=mass, lower=0.9 * mass, upper=1.1 * mass),
            Parameter(name="sigma", init=starts["sigma"], lower=0.01, upper=6.0),
            Parameter(name="width", init=starts.get("width", 0.0), is_fixed=True),
            Parameter(name="background", init=len(masses) / 2, lower=0.0),
            Parameter(name="slope", init=0.0, lower=-5.0, upper=5.0),
        ]
    )
    named = {key: key for key in shape.names if key != "mean"} | {"mean": "mass"}
    peak = Component(name="peak", shape=shape, shape_parameters=named, yields=("signal",))
    likelihood = Unbinned.of(parameters, [Category.of("dimuons", window, [peak, BACKGROUND], masses)])
    result = fit(likelihood)
    # uncalibrated muons: the scale is right within half a per cent, which is many statistical errors
    assert result["mass"] == pytest.approx(mass, rel=0.005)
    assert result.errors[1] < 4e-4 * mass
    total = result["signal"] + result["background"]
    assert total == pytest.approx(len(likelihood.categories[0].x), rel=1e-6)


def test_hessian_of_shared_parameters_products_and_weights() -> None:
    parameters = Parameters(
        [
            Parameter(name="mu", init=1.2, lower=0.0),
            Parameter(name="efficiency", init=0.8, lower=0.1, center=0.8, width=0.05),
            Parameter(name="mass", init=125.0),
            Parameter(name="sigma", init=2.0, lower=0.1),
            Parameter(name="wide", init=1.0, lower=0.1, is_fixed=True),
            Parameter(name="others", init=300.0, lower=0.0),
        ]
    )
    # both have one mass and one resolution
    first = Component(
        name="first",
        shape=Gaussian(),
        shape_parameters={"mean": "mass", "sigma": "sigma"},
        yields=("mu", "efficiency"),
        scale=200.0,
    )
    second = Component(
        name="second",
        shape=Voigtian(),
        shape_parameters={"mean": "mass", "width": "wide", "sigma": "sigma"},
        yields=("others",),
    )
    generator = np.random.default_rng(6)
    x = generator.normal(125.3, 2.2, 400)
    likelihood = Unbinned.of(
        parameters, [Category.of("all", Window(115.0, 135.0), [first, second], x, generator.uniform(0.5, 1.5, 400))]
    )
    theta = parameters.init + np.array([0.1, 0.02, 0.2, 0.1, 0.0, 20.0])
    hessian = likelihood.hessian(theta)
    free = ~parameters.is_fixed
    for j in np.flatnonzero(free):
        up, down = theta.copy(), theta.copy()
        up[j] += 1e-5 * abs(theta[j])
        down[j] -= 1e-5 * abs(theta[j])
        row = (likelihood.grad(up) - likelihood.grad(down)) / (2e-5 * abs(theta[j]))
        np.testing.assert_allclose(hessian[j][free], row[free], rtol=1e-4, atol=1e-5 * np.abs(row).max())
    np.testing.assert_array_equal(hessian[~free], 0.0)


def test_blocks_of_events_add_up(likelihood: Unbinned) -> None:
    category = likelihood.categories[0]
    many = dataclasses.replace(category, x=np.tile(category.x, 9), weight=np.ones(9 * len(category.x)))
    assert len(many.x) > 8192
    large = dataclasses.replace(likelihood, categories=(many,))
    theta = TRUTH + 0.01
    events = sum(likelihood.expected(theta).values())
    pull = 0.5 * ((theta[2] - likelihood.centers[2]) / 0.1) ** 2
    # -sum ln p is nine times as large; the expected events and the constraint are there once
    assert large.nll(theta) - pull - events == pytest.approx(9 * (likelihood.nll(theta) - pull - events), rel=1e-12)
