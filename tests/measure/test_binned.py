from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import chi2, poisson

from collidium.artifact import InputError
from collidium.measure import (
    Binned,
    Category,
    Component,
    Exponential,
    Gaussian,
    Parameter,
    Parameters,
    Spectrum,
    Unbinned,
    Window,
    fit,
)

PARAMETERS = Parameters(
    [
        Parameter(name="mu", init=1.0, lower=-5.0, upper=20.0),
        Parameter(name="efficiency", init=0.9, lower=0.1, upper=2.0, center=0.9, width=0.05),
        Parameter(name="mass", init=125.0, lower=115.0, upper=135.0),
        Parameter(name="sigma", init=2.0, lower=0.5, upper=5.0),
        Parameter(name="background", init=3000.0, lower=0.0),
        Parameter(name="slope", init=-0.03, lower=-1.0, upper=1.0),
    ]
)
SIGNAL = Component(
    name="signal",
    shape=Gaussian(),
    shape_parameters={"mean": "mass", "sigma": "sigma"},
    yields=("mu", "efficiency"),
    scale=200.0,
)
BACKGROUND = Component(
    name="background", shape=Exponential(), shape_parameters={"slope": "slope"}, yields=("background",)
)
EDGES = np.linspace(105.0, 160.0, 56)


@pytest.fixture
def likelihood() -> Binned:
    empty = Binned.of(PARAMETERS, [SIGNAL, BACKGROUND], Spectrum.of("m", EDGES, np.ones(55)))
    return empty.toy(PARAMETERS.init, np.random.default_rng(4))


def test_value_is_the_poisson_probability(likelihood: Binned) -> None:
    theta = PARAMETERS.init
    counts, rates = likelihood.spectrum.counts, likelihood.expected(theta)
    pull = (0.9 - likelihood.centers[1]) / 0.05
    assert likelihood.nll(theta) == pytest.approx(-poisson.logpmf(counts, rates).sum() + 0.5 * pull**2, rel=1e-12)


def test_expected_events_are_integrals(likelihood: Binned) -> None:
    rates = likelihood.expected_by_component(PARAMETERS.init)
    assert rates["signal"].sum() == pytest.approx(180.0, rel=1e-12)
    assert rates["background"].sum() == pytest.approx(3000.0, rel=1e-12)
    edges = np.exp(-0.03 * (EDGES - 105.0))
    wanted = 3000.0 * (edges[:-1] - edges[1:]) / (edges[0] - edges[-1])
    np.testing.assert_allclose(rates["background"], wanted, rtol=1e-12)


def test_gradient_and_hessian_against_differences(likelihood: Binned) -> None:
    theta = PARAMETERS.init + np.array([0.3, 0.02, 0.4, 0.1, 40.0, 0.001])
    gradient, hessian = likelihood.grad(theta), likelihood.hessian(theta)
    for j, step in enumerate([1e-4, 1e-5, 1e-4, 1e-4, 1e-1, 1e-6]):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        assert gradient[j] == pytest.approx(
            (likelihood.nll(up) - likelihood.nll(down)) / (2 * step), rel=1e-5, abs=1e-4
        )
        row = (likelihood.grad(up) - likelihood.grad(down)) / (2 * step)
        np.testing.assert_allclose(hessian[j], row, rtol=1e-4, atol=1e-5 * np.abs(row).max())


def test_fine_bins_are_no_bins() -> None:
    unbinned = Unbinned.of(PARAMETERS, [Category.of("m", Window(105.0, 160.0), [SIGNAL, BACKGROUND], [125.0])])
    unbinned = dataclasses.replace(unbinned.toy(PARAMETERS.init, np.random.default_rng(1)), centers=PARAMETERS.center)
    counts, edges = np.histogram(unbinned.categories[0].x, 1000, range=(105.0, 160.0))
    binned = Binned.of(PARAMETERS, [SIGNAL, BACKGROUND], Spectrum.of("m", edges, counts))
    fine, exact = fit(binned), fit(unbinned)
    np.testing.assert_allclose((fine.theta - exact.theta) / exact.errors, 0.0, atol=0.03)
    np.testing.assert_allclose(fine.errors, exact.errors, rtol=0.02)


def test_an_asimov_set_gives_its_parameters_back(likelihood: Binned) -> None:
    truth = PARAMETERS.init + np.array([1.0, 0.05, 1.0, -0.3, 200.0, 0.002])
    asimov = likelihood.asimov(truth)
    result = fit(asimov)
    np.testing.assert_allclose(result.theta, truth, rtol=1e-5)
    assert asimov.goodness(result).q == pytest.approx(0.0, abs=1e-6)


def test_sidebands_do_not_see_the_window(likelihood: Binned) -> None:
    is_used = (EDGES[1:] <= 118.0) | (EDGES[:-1] >= 132.0)
    alone = Parameters([p for p in PARAMETERS if p.name in ("background", "slope")])
    counts = likelihood.spectrum.counts.copy()
    first = fit(Binned.of(alone, [BACKGROUND], Spectrum.of("m", EDGES, counts), is_used=is_used))
    counts[~is_used] = 1e4
    second = Binned.of(alone, [BACKGROUND], Spectrum.of("m", EDGES, counts), is_used=is_used)
    found = fit(second)
    np.testing.assert_array_equal(found.theta, first.theta)
    assert second.goodness(found).num_degrees == is_used.sum() - 2
    # the yield is that of the whole window
    assert found["background"] == pytest.approx(3000.0, abs=4 * found.errors[0])


def test_goodness_of_many_events_follows_chi_squared() -> None:
    alone = Parameters([p for p in PARAMETERS if p.name in ("background", "slope")])
    model = Binned.of(alone, [BACKGROUND], Spectrum.of("m", EDGES, np.ones(55)))
    values = []
    for seed in range(150):
        toy = model.toy(np.array([50_000.0, -0.03]), np.random.default_rng(seed))
        values.append(toy.goodness(fit(toy, start=np.array([50_000.0, -0.03]))).q)
    assert np.mean(values) == pytest.approx(53.0, abs=4 * math.sqrt(2 * 53 / 150))
    assert chi2(53).ppf(0.5) == pytest.approx(np.median(values), abs=3.5)


@pytest.mark.parametrize(
    ("edges", "counts", "words"),
    [
        ([0.0, 1.0], [1.0, 2.0], "2 edges for 2 counts"),
        ([0.0, 2.0, 1.0], [1.0, 2.0], "not finite and rising"),
        ([0.0, 1.0, 2.0], [1.0, -2.0], "a count is negative, NaN or infinite"),
        ([0.0, 1.0, 2.0], [0.0, 0.0], "all 2 counts are zero"),
    ],
)
def test_spectra_that_cannot_be(edges: list[float], counts: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Spectrum.of("m", edges, counts)


def test_a_window_takes_whole_bins() -> None:
    part = Spectrum.of("m", [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).within(Window(0.5, 3.0))
    np.testing.assert_array_equal(part.counts, [2.0, 3.0])
    np.testing.assert_array_equal(part.edges, [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match=r"no events in whole bins of the window \[5, 6\]"):
        part.within(Window(5.0, 6.0))
